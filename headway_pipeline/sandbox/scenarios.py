"""What a person can have happen while they watch: `headway sandbox --scenario NAME`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from headway_pipeline.sandbox.faults import FaultPlan, Faults
from headway_pipeline.sandbox.rules import ErrorForm, FathomRules, GongRules
from headway_pipeline.sandbox.server import Sandbox
from headway_pipeline.sandbox.world import NEVER, Change, Company, Course, SandboxCall, World

__all__ = ["SCENARIOS", "begin"]

#: Things happen a minute apart, over ten minutes.
STEPS = 10
STEP = timedelta(minutes=1)


def begin(name: str, sandbox: Sandbox, now: datetime) -> str:
    """Let a scenario of `SCENARIOS` begin at `now`.

    Returns:
        What is going to happen, in words.
    """
    return SCENARIOS[name](sandbox, now)


def _late_transcripts(sandbox: Sandbox, now: datetime) -> str:
    """Every second call's transcript comes within ten minutes, every twentieth's never."""

    def course(number: int) -> Course:
        if number % 2:
            return Course()
        return Course(transcript_at=NEVER if number % 20 == 0 else now + _step(number))

    _give_courses(sandbox, course)
    return "every second transcript comes within the next ten minutes, every twentieth never"


def _late_calls(sandbox: Sandbox, now: datetime) -> str:
    """Every third call appears within ten minutes, behind those that were listed before."""
    _give_courses(sandbox, lambda number: Course(visible_at=now + _step(number)) if number % 3 == 0 else Course())
    return "every third call appears within the next ten minutes"


def _changes(sandbox: Sandbox, now: datetime) -> str:
    """Of ten calls, one is deleted, one becomes private and one is renamed, within ten minutes."""

    def course(number: int) -> Course:
        at = now + _step(number // 10)
        match number % 10:
            case 0:
                return Course(deleted_at=at)
            case 1:
                return Course(private_from=at)
            case 2:
                return Course(changes=(Change(at, title=f"Renamed call {number}"),))
            case _:
                return Course()

    _give_courses(sandbox, course)
    return "of ten calls one is deleted, one made private and one renamed within the next ten minutes"


def _faults(sandbox: Sandbox, now: datetime) -> str:
    """Five of a hundred requests fail, in every way in which they fail in practice."""
    sandbox.faults.append(FaultPlan(Faults(sandbox.clock, stall_s=30.0), seed=int(now.timestamp())))
    return "five of a hundred requests fail: 429, 500, 502, 503, resets, half answers, silence"


def _limits(sandbox: Sandbox, now: datetime) -> str:  # noqa: ARG001  # limits know no beginning
    """The vendors' own limits, with a day of Gong's that is over soon and a busy Fathom."""
    sandbox.gong_rules = replace(sandbox.gong_rules, requests_per_second=3, requests_per_day=50)
    sandbox.fathom_rules = replace(sandbox.fathom_rules, requests_per_minute=60, heavy_per_minute=5, retry_dates=1)
    return "Gong allows 3 requests a second and 50 a day, Fathom 60 a minute, 5 of them with transcripts"


def _oddities(sandbox: Sandbox, now: datetime) -> str:  # noqa: ARG001  # ways know no beginning
    """What the documentation leaves open, the other way round; fields it does not know."""
    sandbox.gong_rules = GongRules(has_unknown_fields=True, most_ids=100)
    sandbox.fathom_rules = FathomRules(
        has_unknown_fields=True,
        error_form=ErrorForm.HTML,
        ends_with_empty_token=True,
        ends_with_empty_page=True,
        has_rate_headers=False,
    )
    return "both answer with fields nobody documents; Fathom's lists end as they seldom do"


#: By the name people type.
SCENARIOS: Mapping[str, Callable[[Sandbox, datetime], str]] = {
    "changes": _changes,
    "faults": _faults,
    "late-calls": _late_calls,
    "late-transcripts": _late_transcripts,
    "limits": _limits,
    "oddities": _oddities,
}


def _step(number: int) -> timedelta:
    return STEP * (1 + number % STEPS)


def _give_courses(sandbox: Sandbox, course: Callable[[int], Course]) -> None:
    """Give every call its course; calls count from 0 in each company."""

    def given(company: Company) -> tuple[SandboxCall, ...]:
        return tuple(replace(call, course=course(number)) for number, call in enumerate(company.calls))

    sandbox.change_world(
        lambda world: World(tuple(replace(company, calls=given(company)) for company in world.companies))
    )
