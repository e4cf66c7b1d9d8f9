"""Who sees which Fathom meetings, from when to when."""

from dataclasses import dataclass
from datetime import datetime

from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sandbox.fathom.shapes import appears_at, customer_domains, domains_type, recorder_of
from headway_pipeline.sandbox.keys import FathomUser
from headway_pipeline.sandbox.world import ALL_TEAMS, NEVER, Company, SandboxCall

__all__ = ["FathomView", "MeetingFilter"]


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """What a list request asks for beside a time; an empty set asks for any.

    Attributes:
        recorders: e-mails.
        teams: names of the recorders' teams.
        domains: of customers' e-mails.
        domains_type: "all" is any, too.
        meeting_type: the name of one; None: any.
    """

    recorders: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    domains_type: str = "all"
    meeting_type: str | None = None

    def lets_through(self, company: Company, call: SandboxCall) -> bool:
        """Whether a meeting is one of those asked for."""
        recorder = recorder_of(company, call)
        is_outsiders = not recorder["email"].endswith(f"@{company.email_domain}")
        if is_outsiders and not (self.recorders or self.teams):
            return False
        return (
            (not self.recorders or recorder["email"] in self.recorders)
            and (not self.teams or recorder["team"] in self.teams)
            and (not self.domains or bool(self.domains & customer_domains(call)))
            and self.domains_type in ("all", domains_type(call))
            and self.meeting_type in (None, call.meeting_type)
        )


@dataclass(frozen=True, slots=True)
class FathomView:
    """The meetings one user sees: their own, those shared with them or their team, an administrator all shared ones.

    Attributes:
        company: without its calls.
        wanted: None shows everything the user may see, recordings of other companies' people included.
    """

    company: Company
    user: FathomUser
    wanted: MeetingFilter | None = None

    def seen(self, call: SandboxCall, /) -> TimeWindow | None:
        """From when to when the user sees the meeting; None: never, or it is filtered out."""
        course = call.course
        end = course.deleted_at or NEVER
        if not self._has_recorded(call):
            if call.is_private or not self._is_shared(call):
                return None
            ends = [at for email, at in course.unshared_at if email == self.user.email]
            end = min(end, course.private_from or NEVER, *ends)
        if self.wanted is not None and not self.wanted.lets_through(self.company, call):
            return None
        start = appears_at(call)
        return TimeWindow(start, end) if start < end else None

    def sees(self, call: SandboxCall, now: datetime) -> bool:
        """Whether the user sees the meeting now."""
        seen = self.seen(call)
        return seen is not None and seen.start <= now < seen.end

    def _has_recorded(self, call: SandboxCall) -> bool:
        return self.user.email == (call.sharing.recorder or self.company.fathom_admin.email)

    def _is_shared(self, call: SandboxCall) -> bool:
        sharing = call.sharing
        return (
            ALL_TEAMS in sharing.teams
            or self.user.team in sharing.teams
            or self.user.email in sharing.people
            or (self.user.is_admin and bool(sharing.teams or sharing.people))
        )
