"""Whole calls: what was found of a reference's items, whether quotes are what was said, and whose words they are.

Whether an item is "the same ask" as a reference's is a matter of reading. Here code decides: a quote of it stands in
the reference's utterances or beside them, its type is one the reference accepts, and it shares words with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.extraction import Extraction, extract
from headway_pipeline.analysis.grounding import RefusalReason
from headway_pipeline.evaluation.figures import f1_of_two_samples, share
from headway_pipeline.evaluation.labelled import DataFolder, LabelledCall, ReferenceCall, ReferenceItem
from headway_pipeline.evaluation.measure import Measure, or_failed, sample
from headway_pipeline.evaluation.wording import content_words
from headway_pipeline.model.calls import Side, Transcript
from headway_pipeline.model.features import ExtractedFeature

__all__ = ["extractions", "quotes", "sides"]

#: How far from the reference's utterances a quote may stand.
BESIDE = 1
#: Of the reference's words (evidence and title) or of the item's, whichever are fewer, how many must be shared.
SHARED_WORDS = 0.3
LEAST_SHARED = 2


def extractions(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Recall on core items, precision against core and minor; and how much is found where nothing is."""
    found = [(one, _items(analyst, one.call.transcript)) for one in data.references()[:limit]]
    with_items = [(one, items) for one, items in found if one.items]
    without = [(one, items) for one, items in found if not one.items]
    if with_items:
        yield _against(with_items)
    if without:
        invented = sum(len(items) for _, items in without)
        yield Measure(
            "extraction",
            "calls without items",
            len(without),
            (share("calls left empty", sum(not items for _, items in without), len(without)),),
            f"{invented} items in {len(without)} reference calls that have none",
        )


def _against(found: Sequence[tuple[ReferenceCall, Sequence[ExtractedFeature]]]) -> Measure:
    outputs = [(item, one.items) for one, items in found for item in items]
    core = [(item, items) for one, items in found for item in one.items if item.is_core]
    right = sum(any(is_same_ask(item, wanted) for wanted in items) for item, items in outputs)
    recalled = sum(any(is_same_ask(item, wanted) for item in items) for wanted, items in core)
    precision = share("precision", right, len(outputs))
    recall = share("core recall", recalled, len(core))
    placed = sum(any(_stands_by(item, wanted) for wanted in items) for item, items in outputs)
    near = sum(any(_stands_by(item, wanted) for item in items) for wanted, items in core)
    typed = [
        item.type.value in wanted.accept_types
        for item, items in outputs
        for wanted in items
        if _stands_by(item, wanted) and _shares_words(item, wanted)
    ]
    return Measure(
        "extraction",
        "calls_reference_extraction",
        len(core),
        (
            recall,
            precision,
            f1_of_two_samples(precision, recall),
            share("core recall, by place alone", near, len(core)),
            share("precision, by place alone", placed, len(outputs)),
            share("type of what is found", sum(typed), len(typed)),
        ),
        f"{len(outputs)} items against the {sum(len(one.items) for one, _ in found)} of {len(found)} calls, "
        f"of which {len(core)} are core",
    )


def is_same_ask(item: ExtractedFeature, wanted: ReferenceItem) -> bool:
    """Whether code takes an item for the reference's: place, type and words agree."""
    return item.type.value in wanted.accept_types and _stands_by(item, wanted) and _shares_words(item, wanted)


def _stands_by(item: ExtractedFeature, wanted: ReferenceItem) -> bool:
    return any(wanted.first - BESIDE <= span.segment_index <= wanted.last + BESIDE for span in item.evidence)


def _shares_words(item: ExtractedFeature, wanted: ReferenceItem) -> bool:
    near = [s.quote for s in item.evidence if wanted.first - BESIDE <= s.segment_index <= wanted.last + BESIDE]
    said = content_words(" ".join([item.title, *near]))
    asked = content_words(f"{wanted.title} {wanted.evidence}")
    shared = len(said & asked)
    return shared >= min(LEAST_SHARED, len(asked)) and shared >= SHARED_WORDS * min(len(said), len(asked))


def _items(analyst: Analyst, transcript: Transcript) -> Sequence[ExtractedFeature]:
    return or_failed(lambda: extract(analyst, transcript).items, ())


def quotes(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """How many proposals rest on words that were said, and how many kept quotes are the transcript's own."""
    calls = sample(sorted(data.calls.values(), key=lambda call: call.id), limit)
    if not calls:
        return
    read = [(call, _extraction(analyst, call.transcript)) for call in calls]
    done = [(call, extraction) for call, extraction in read if extraction is not None]
    spans = [(call, span) for call, one in done for item in one.items for span in item.evidence]
    verbatim = sum(_is_verbatim(call, span.segment_index, span.char_start, span.quote) for call, span in spans)
    refused = [refusal for _, one in done for refusal in one.refused]
    proposed = sum(len(one.items) + one.merged for _, one in done) + len(refused)
    invented = sum(refusal.reason is RefusalReason.UNGROUNDED for refusal in refused)
    yield Measure(
        "quotes",
        "calls_real",
        len(done),
        (
            share("kept quotes that are verbatim", verbatim, len(spans)),
            share("proposals with a quote that was said", proposed - invented, proposed),
            share("proposals kept", proposed - len(refused), proposed),
        ),
        f"{len(spans)} quotes of {len(done)} calls; {len(read) - len(done)} calls could not be read",
    )


def _extraction(analyst: Analyst, transcript: Transcript) -> Extraction | None:
    return or_failed(lambda: extract(analyst, transcript), None)


def _is_verbatim(call: LabelledCall, index: int, start: int, quote: str) -> bool:
    return call.transcript.segments[index].text[start : start + len(quote)] == quote


def sides(analyst: Analyst, data: DataFolder, limit: int | None) -> Iterator[Measure]:
    """Whose words evidence is, where the roles tell: with the sides shown, and with all of them hidden."""
    told = [call for call in data.calls.values() if _both_sides(call.transcript)]
    calls = sample(sorted(told, key=lambda call: call.id), limit)
    if not calls:
        return
    shown = [side for call in calls for side in _cited_sides(analyst, call.transcript, call.transcript)]
    hidden = [side for call in calls for side in _cited_sides(analyst, call.transcript, _hidden(call.transcript))]
    yield Measure(
        "sides",
        "calls_real",
        len(calls),
        (
            share("customer's, sides shown", shown.count(Side.CUSTOMER), _known(shown)),
            share("customer's, sides hidden", hidden.count(Side.CUSTOMER), _known(hidden)),
        ),
        f"quotes of speakers whose role is known, in {len(calls)} calls with both sides; "
        f"{_customer_share(calls):.0%} of the words with a known side are customers'",
    )


def _both_sides(transcript: Transcript) -> bool:
    return {Side.CUSTOMER, Side.VENDOR} <= {segment.side for segment in transcript.segments}


def _hidden(transcript: Transcript) -> Transcript:
    return Transcript(tuple(replace(segment, side=Side.UNKNOWN) for segment in transcript.segments))


def _cited_sides(analyst: Analyst, truth: Transcript, shown: Transcript) -> list[Side]:
    return [truth.segments[span.segment_index].side for item in _items(analyst, shown) for span in item.evidence]


def _known(cited: Sequence[Side]) -> int:
    return sum(side is not Side.UNKNOWN for side in cited)


def _customer_share(calls: Sequence[LabelledCall]) -> float:
    words = dict.fromkeys(Side, 0)
    for call in calls:
        for segment in call.transcript.segments:
            words[segment.side] += len(segment.text.split())
    return words[Side.CUSTOMER] / max(words[Side.CUSTOMER] + words[Side.VENDOR], 1)
