"""What `headway ingest` reports: the run's counts, the ledger's, the health of the sources, and what to do."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from headway_pipeline.cli.budget import price_words
from headway_pipeline.cli.output import say, show_json, tell
from headway_pipeline.model.ledger import ENDED_REASONS, MessageState, ReasonCode
from headway_pipeline.model.windows import days_between
from headway_pipeline.model.workspaces import ConnectorHealth, Workspace
from headway_pipeline.orchestration.launch import IngestOutcome, IngestRequest
from headway_pipeline.store import Store

__all__ = ["IngestReport", "build_report"]

EXIT_COMPLETE, EXIT_FAILED, EXIT_PAUSED = 0, 1, 75

#: From the one that needs nobody to the one that needs a person most.
SEVERITY = (
    ConnectorHealth.OK,
    ConnectorHealth.UNTRIED,
    ConnectorHealth.SEES_NOTHING,
    ConnectorHealth.PAUSED_UNTIL,
    ConnectorHealth.UNREACHABLE,
    ConnectorHealth.DRIFTING,
    ConnectorHealth.MISSING_PERMISSION,
    ConnectorHealth.WRONG_HOST,
    ConnectorHealth.BAD_CREDENTIALS,
)
#: The name of the rules, and what is said where they read.
OFFLINE = "offline"
OFFLINE_WORDS = (
    "read by the offline rules, which miss much of what is only implied: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or "
    "HEADWAY_MODEL, for a language model; HEADWAY_MODEL=offline keeps the rules whatever is set"
)
#: From the run's metadata; the other numbers are the ledger's after the run.
RUN_COUNTS = ("listed", "new", "changed", "unchanged", "requests")
#: What ended as it should needs no note.
NOTED_REASONS = frozenset(ReasonCode) - ENDED_REASONS
#: Checks that repeat, in the browser, what the connectors' advice and the run's own failure say here.
CONNECTORS_CHECK = "connectors_healthy"
SOURCE_CHECKS = frozenset({CONNECTORS_CHECK, "sources_complete"})
LEDGER_COUNTS = tuple(state for state in MessageState if state != MessageState.LISTED)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The answer of one ingest, and the exit code that sums it up; `incomplete` days must be done again."""

    answer: dict[str, Any]
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    exit_code: int
    incomplete: tuple[date, ...] = ()

    def show(self, output_format: str) -> None:
        """Data on standard output, words on standard error."""
        if output_format == "json":
            show_json(self.answer, default=str)
        else:
            self.show_data()
        self.show_words()

    def show_data(self) -> None:
        """What was done, for people."""
        for line in _lines(self.answer):
            tell(line)

    def show_words(self) -> None:
        """What waits and what failed, on standard error."""
        for note in self.notes:
            say(note)
        for failure in self.failures:
            say(f"error: {failure}")


def build_report(
    store: Store,
    workspace: Workspace,
    request: IngestRequest,
    outcome: IngestOutcome,
    *,
    seconds: float,
    reader: str,
    is_chosen: bool = True,
) -> IngestReport:
    """Gather the run's outcome and the ledger's state over the request's days.

    Args:
        reader: who read the calls.
        is_chosen: somebody chose who does; else it is said how to.
    """
    days = days_between(request.since, request.until)
    features = store.filings.counts(workspace.id, days).values()
    answer = {
        "workspace": workspace.slug,
        "since": request.since.isoformat(),
        "until": request.until.isoformat(),
        "run_id": outcome.run_id,
        "incomplete": [day.isoformat() for day in outcome.incomplete],
        "sources": _sources(store, workspace, request, outcome),
        "features": sum(sum(day.by_theme.values()) for day in features),
        "inbox": sum(day.inbox for day in features),
        "model": {"read_by": reader, **asdict(outcome.usage)},
        "seconds": round(seconds, 1),
    }
    standing = store.messages.waiting(workspace.id, days, codes=NOTED_REASONS)
    waiting = {f"{waiting.source}: {waiting.reason}" for waiting in standing}
    connectors = store.connectors.list(workspace.id, connector_type=request.connector_type)
    advice = [
        f"{connector.name}: {connector.health_words}: {connector.advice}"
        for connector in connectors
        if connector.advice is not None
    ]
    checked = (words for name, words in outcome.warnings.items() if name != CONNECTORS_CHECK)
    warnings = [f"warning: {words}" for words in (*advice, *checked)]
    notes = (*warnings, *(sorted(waiting) if outcome.has_succeeded else ()))
    if not connectors:
        notes += (
            f"nothing was listed, for no connector of {workspace.slug} is active: "
            f"`headway connector add --workspace-id {workspace.slug} --type SOURCE` adds one",
        )
    told = SOURCE_CHECKS if outcome.failures and outcome.is_incomplete_only else frozenset[str]()
    failed = (
        f"check {name}: {words}"
        for name, words in outcome.failed_checks.items()
        # A check that stopped the run is in the words of its failure.
        if name not in told and not any(words in failure for failure in outcome.failures)
    )
    failures = (*outcome.failures, *failed)
    if reader == OFFLINE and not is_chosen:
        notes += (OFFLINE_WORDS,)
    codes = {waiting.reason.code for waiting in standing}
    return IngestReport(answer, failures, notes, _exit_code(answer, outcome, codes), outcome.incomplete)


def _sources(
    store: Store, workspace: Workspace, request: IngestRequest, outcome: IngestOutcome
) -> dict[str, dict[str, Any]]:
    days = days_between(request.since, request.until)
    ledger = store.messages.counts(workspace.id, days)
    connectors = store.connectors.list(workspace.id, connector_type=request.connector_type)
    found: dict[str, dict[str, Any]] = {}
    for source in sorted({connector.connector_type for connector in connectors} | set(outcome.counts)):
        run, held = outcome.counts.get(source, {}), ledger.get(source, {})
        own = [connector for connector in connectors if connector.connector_type == source]
        worst = max(own, key=lambda connector: SEVERITY.index(connector.health), default=None)
        found[source] = {
            **{what: run.get(what, 0) for what in RUN_COUNTS},
            **{state.value: held.get(state, 0) for state in LEDGER_COUNTS},
            # `listed` is what the source listed in this run; those that stay in that state are these.
            "not_yet_asked_for": held.get(MessageState.LISTED, 0),
            "health": (worst.health if worst else ConnectorHealth.OK).value,
            "health_words": worst.health_words if worst else ConnectorHealth.OK.value,
            "resume_at": worst.resume_at.isoformat() if worst and worst.resume_at else None,
        }
    return found


def _exit_code(answer: dict[str, Any], outcome: IngestOutcome, codes: set[ReasonCode]) -> int:
    healths = {source["health"] for source in answer["sources"].values()}
    troubled = healths - {ConnectorHealth.OK.value, ConnectorHealth.SEES_NOTHING.value}
    if outcome.has_succeeded and not outcome.failed_checks:
        return EXIT_COMPLETE
    is_only_incomplete = outcome.is_incomplete_only and set(outcome.failed_checks) <= {"sources_complete"}
    is_paused = troubled == {ConnectorHealth.PAUSED_UNTIL.value} or (
        not troubled and ReasonCode.MODEL_PAUSED in codes and ReasonCode.MODEL_FAILED not in codes
    )
    if is_paused and is_only_incomplete:
        return EXIT_PAUSED
    return EXIT_FAILED


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [f"{answer['workspace']}, {answer['since']} to {answer['until']}"]
    for source, numbers in answer["sources"].items():
        listed = ", ".join(f"{numbers[what]} {what}" for what in ("listed", "new", "changed", "unchanged"))
        states = ", ".join(
            f"{numbers[state.value]} {state.value.replace('_', ' ')}"
            for state in LEDGER_COUNTS
            if numbers[state.value]
        )
        lines.append(f"  {source}: {listed}; {numbers['requests']} requests; {numbers['health_words']}")
        waiting = f"{numbers['not_yet_asked_for']} listed only" if numbers["not_yet_asked_for"] else ""
        held = ", ".join(part for part in (waiting, states) if part)
        lines.append(f"    in the ledger: {held or 'nothing yet'}")
    lines.append(f"  {answer['features']} features under themes, {answer['inbox']} in the inbox")
    lines.append(f"  {_model_words(answer['model'])}")
    lines.append(f"  {answer['seconds']} s, run {answer['run_id']}")
    return lines


def _model_words(model: dict[str, Any]) -> str:
    """Who read, and what it cost."""
    if model["read_by"] == OFFLINE:
        return "read by the offline rules"
    return (
        f"read by {model['read_by']}: {model['requests']} requests, {model['cached']} answers from the store, "
        f"{model['input_tokens']:,} tokens in, {model['output_tokens']:,} out, {price_words(model['cost_usd'])}"
    )
