"""Which days are due when: the pipeline's own schedules, and in the end every day until nothing changes any more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from headway_pipeline.orchestration.schedules import PLANS, SchedulePlan, decide_ranges
from headway_pipeline.sandbox.soak import Soak
from headway_pipeline_tests.soaking.setting import Setting

__all__ = ["Due", "Ingest", "due_ranges", "live_through", "settle"]

#: One run over these days, both included, that is repeated until it comes to its end.
Ingest = Callable[[date, date], object]

SLUG = "quillmark"
#: In the end, so much time passes between runs over all days; what waits for anything waits for a week at most.
ROUND = timedelta(days=3)
#: It is quiet after so many rounds that changed nothing.
QUIET_ROUNDS = 3
LONGEST_SETTLING = 12


@dataclass(frozen=True, slots=True)
class Due:
    """A run of a schedule: when, and the days, both included."""

    at: datetime
    since: date
    until: date
    schedule: str


def due_ranges(soak: Soak, every_h: int = 1) -> list[Due]:
    """What the schedules ask for until nothing happens any more, in order of time.

    Args:
        every_h: carry out the hourly schedule only every so many hours, 0: never; the others are carried out in full.
    """
    found = [due for plan in PLANS for due in _of(plan, soak, every_h)]
    return sorted(found, key=lambda due: (due.at, due.since))


def live_through(
    setting: Setting, ingest: Ingest, *, every_h: int = 1, look: Callable[[], object] = lambda: None
) -> None:
    """Let everything happen that happens, and the schedules' runs with it.

    Args:
        look: called once a night, after the run.
    """
    for due in due_ranges(setting.soak, every_h):
        setting.clock.go_to(due.at)
        ingest(due.since, due.until)
        if due.schedule == "nightly":
            look()
    setting.clock.go_to(setting.soak.quiet_at)


def settle(setting: Setting, ingest: Ingest) -> int:
    """Run over all days until nothing changes any more; returns how many runs that took.

    Raises:
        AssertionError: it does not become quiet.
    """
    unchanged, before = 0, None
    for number in range(1, LONGEST_SETTLING + 1):
        setting.clock.pass_by(ROUND)
        ingest(setting.soak.start.date(), setting.clock().date())
        standing = setting.standing()
        unchanged = unchanged + 1 if standing == before else 0
        before = standing
        if unchanged == QUIET_ROUNDS:
            return number
    raise AssertionError(f"{LONGEST_SETTLING} runs over all days, and the last ones still changed something")


def _of(plan: SchedulePlan, soak: Soak, every_h: int) -> Iterator[Due]:
    hour = soak.start.replace(minute=int(plan.cron.split()[0]))
    while hour < soak.quiet_at:
        is_left_out = plan.name == "hourly" and (every_h == 0 or hour.hour % every_h > 0)
        if _is_due(plan, hour) and not is_left_out:
            for request in decide_ranges(plan, hour, soak.start.date(), [SLUG], [SLUG]):
                yield Due(hour, request.since, request.until, plan.name)
        hour += timedelta(hours=1)


def _is_due(plan: SchedulePlan, moment: datetime) -> bool:
    """Whether a cron line of minute, hour and day of the week, each a number or `*`, names this moment."""
    _minute, hour, _day, _month, weekday = plan.cron.split()
    return hour in ("*", str(moment.hour)) and weekday in ("*", str(moment.isoweekday() % 7))
