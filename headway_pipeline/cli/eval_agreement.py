"""Two analysts over the same calls; over the demo's, what they truly miss stands beside what is estimated."""

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headway_pipeline.evaluation.agreement import Agreement, Place, agreement_of, places_found
from headway_pipeline.evaluation.analysts import analyst_named
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.measure import sample
from headway_pipeline.model.calls import Segment, Transcript

__all__ = ["agreement_rows", "demo_calls"]

#: The demo's words are the same whenever it is; only its dates move.
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def agreement_rows(first: str, second: str, folder: Path | None, limit: int | None) -> list[dict[str, Any]]:
    """Estimates for all that was found; for the demo also for the planted passages alone, whose number is known.

    Args:
        folder: calls of a data folder in place of the demo's.

    Raises:
        InputError: no analyst of that name, or no such folder.
    """
    calls = demo_calls() if folder is None else _calls_of(folder)
    kept = dict(sample(sorted(calls.items()), limit))
    found = [places_found(analyst_named(name, os.environ), kept) for name in (first, second)]
    if folder is not None:
        return [_row("everything found", agreement_of(*found))]
    planted = _planted(kept)
    true = [places & planted for places in found]
    missed = len(planted - found[0] - found[1])
    return [
        _row("demo, everything found", agreement_of(*found), len(planted), missed),
        _row("demo, planted passages found", agreement_of(*true), len(planted), missed),
    ]


def demo_calls() -> dict[str, Transcript]:
    """The demo's calls by company and id, with the sides their speakers have."""
    from headway_pipeline.sandbox.expansion import demo_companies

    calls = {}
    for company in demo_companies(_ANY_DAY):
        for call in company.calls:
            speakers = {speaker.id: speaker for speaker in call.speakers}
            calls[f"{company.name}/{call.id}"] = Transcript(
                tuple(
                    Segment(
                        index,
                        speakers[said.speaker_id].name,
                        speakers[said.speaker_id].side,
                        round(1000 * said.start_s),
                        round(1000 * said.end_s),
                        said.text,
                    )
                    for index, said in enumerate(call.utterances)
                )
            )
    return calls


def _planted(calls: Collection[str]) -> frozenset[Place]:
    from headway_pipeline.sandbox.expansion import planted_truth

    places = ((f"{truth.company}/{truth.call_id}", truth.segment_index) for truth in planted_truth())
    return frozenset(place for place in places if place[0] in calls)


def _calls_of(folder: Path) -> Mapping[str, Transcript]:
    return {call_id: call.transcript for call_id, call in DataFolder(folder).calls.items()}


def _row(
    calls: str, agreement: Agreement, planted: int | None = None, truly_missed: int | None = None
) -> dict[str, Any]:
    return {
        "calls": calls,
        "both": agreement.both,
        "only_first": agreement.only_first,
        "only_second": agreement.only_second,
        "found": agreement.found,
        "estimated": round(agreement.estimated, 1),
        "low": round(agreement.low, 1),
        "high": round(agreement.high, 1),
        "missed": round(agreement.missed, 1),
        "planted": planted,
        "truly_missed": truly_missed,
    }
