"""What the local Fathom answers to somebody who may ask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from headway_pipeline.sandbox.exchange import Request
from headway_pipeline.sandbox.fathom.callers import FathomCaller
from headway_pipeline.sandbox.fathom.requests import (
    HEAVY_INCLUDES,
    RefusedError,
    filter_of,
    includes,
    page_number,
    page_token,
    window_of,
)
from headway_pipeline.sandbox.fathom.shapes import (
    action_items_of,
    created_at,
    highlights_of,
    meeting,
    meeting_types_of,
    summary_of,
    team_members_of,
    teams_of,
    transcript_at,
    transcript_of,
    users_of,
)
from headway_pipeline.sandbox.rules import FathomRules
from headway_pipeline.sandbox.world import SandboxCall

__all__ = ["FathomAnswers"]

PAGE_SIZE = 10


@dataclass(frozen=True, slots=True)
class FathomAnswers:
    """Answers one request of somebody who is let in.

    Attributes:
        now: one moment for the whole answer.
        base_url: where links to calls lead.
    """

    caller: FathomCaller
    now: datetime
    base_url: str
    rules: FathomRules

    def value(self, parts: Sequence[str], request: Request) -> dict[str, Any] | None:
        """The answer to a GET; None: there is no such address.

        Args:
            parts: of the path after the API's prefix.
            request: the whole of it.

        Raises:
            RefusedError: the request asks for what there is not, or may not be asked for, or is malformed.
        """
        company, calls = self.caller.calls.company, self.caller.calls.all
        match parts:
            case ["meetings"]:
                return self._meetings(request)
            case ["recordings", number, "transcript"]:
                return {"transcript": self._transcript(self._call(number)) or []}
            case ["recordings", number, "summary"]:
                return {"summary": self._summary(self._call(number))}
            case ["teams"]:
                return self._page(teams_of(company, calls), request)
            case ["team_members"]:
                team = request.query.get("team")
                members = [one for one in team_members_of(company, calls) if team in (None, one["team"])]
                return self._page(members, request)
            case ["meeting_types"]:
                return self._page(meeting_types_of(calls), request)
            case ["users"]:
                if not self.caller.user.is_admin:
                    raise RefusedError(HTTPStatus.FORBIDDEN, "Forbidden")
                return self._page(users_of(company, calls), request)
            case _:
                return None

    def _meetings(self, request: Request) -> dict[str, Any]:
        if self.caller.is_app and any(includes(request.query, name) for name in HEAVY_INCLUDES):
            raise RefusedError(self.rules.oauth_include_status, "OAuth apps read transcripts one by one")
        window = window_of(request.query)
        rows: Sequence[SandboxCall] = ()
        if window.start < window.end:
            view = replace(self.caller.view, wanted=filter_of(request))
            rows = self.caller.calls.by_creation.listing(window, self.now, view).rows
        page = self._page(rows, request)
        page["items"] = [self._meeting(call, request) for call in page["items"]]
        return page

    def _meeting(self, listed: SandboxCall, request: Request) -> dict[str, Any]:
        query, call = request.query, listed.at(self.now)
        with_transcript = includes(query, "include_transcript")
        found = meeting(
            self.caller.calls.company,
            call,
            self.base_url,
            with_speakers=with_transcript,
            with_crm=includes(query, "include_crm_matches"),
        )
        if with_transcript:
            found["transcript"] = self._transcript(call)
        if includes(query, "include_summary"):
            found["default_summary"] = self._summary(call)
        if includes(query, "include_action_items"):
            found["action_items"] = action_items_of(call, found["share_url"])
        if includes(query, "include_highlights"):
            found["highlights"] = highlights_of(call)
        if self.rules.has_unknown_fields:
            found |= {"sandbox_extra": {"of": ["no", "documentation"]}}
            found["recorded_by"]["sandbox_extra"] = None
            found["calendar_invitees_domains_type"] = "all"
        return found

    def _transcript(self, call: SandboxCall) -> list[dict[str, Any]] | None:
        """Null at first, then empty, then there."""
        ready, created = transcript_at(call), created_at(call)
        if not call.utterances or self.now < created + (ready - created) / 2:
            return None
        return [] if self.now < ready else transcript_of(call)

    def _summary(self, call: SandboxCall) -> dict[str, Any] | None:
        """There with the transcript."""
        return summary_of(call) if self._transcript(call) else None

    def _call(self, number: str) -> SandboxCall:
        call = self.caller.calls.by_number.get(number)
        if call is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "Recording not found")
        if not self.caller.view.sees(call, self.now):
            raise RefusedError(self.rules.foreign_status, "Recording not found")
        return call.at(self.now)

    def _page(self, rows: Sequence[Any], request: Request) -> dict[str, Any]:
        """The page a token leads to, or the first; the last one's token is null, unless the rules say otherwise."""
        number = page_number(request.query.get("cursor"))
        first = (number - 1) * PAGE_SIZE
        end = first + PAGE_SIZE
        has_more = end < len(rows) or (self.rules.ends_with_empty_page and end == len(rows))
        return {
            "limit": PAGE_SIZE,
            "next_cursor": page_token(number + 1) if has_more else "" if self.rules.ends_with_empty_token else None,
            "items": list(rows[first:end]),
        }
