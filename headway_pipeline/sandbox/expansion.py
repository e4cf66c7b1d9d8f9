"""The demo world: two vendor companies, their themes and a month of calls, made from the files of `calls/`.

What was planted in the calls is known here, for tests and measurements; nothing of it is served.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.features import FeatureType
from headway_pipeline.sandbox.filler import Filler, parse_filler, small_talk, words_in
from headway_pipeline.sandbox.scripts import (
    CallScript,
    CompanyScript,
    DemoTheme,
    Line,
    parse_calls,
    parse_company,
)
from headway_pipeline.sandbox.world import Company, SandboxCall, Utterance, in_turn

__all__ = ["DemoTheme", "PlantedTruth", "demo_companies", "demo_themes", "planted_truth"]

#: Words a minute that gaps are filled up to: people speak 150, less the pauses between them.
FILLED_WORDS_A_MINUTE = 135


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """Feedback that was written into a demo call on purpose.

    Attributes:
        company: name of the vendor company.
        call_id: `SandboxCall.id`, unique within the company only.
        segment_index: which utterance of the call; the words are `text[char_start:char_end]` of it.
        theme: name of the company's theme it belongs under, or None for the inbox.
        side: whose words they are: customer, or unknown where the call does not know its speaker.
    """

    company: str
    call_id: str
    segment_index: int
    char_start: int
    char_end: int
    quote: str
    type: FeatureType
    theme: str | None
    side: Side


@dataclass(frozen=True, slots=True)
class _Recording:
    """A call with its gaps filled."""

    script: CallScript
    lines: tuple[Line, ...]


def demo_companies(now: datetime) -> tuple[Company, ...]:
    """The companies with their calls, all within the 30 days before `now` and none ending after it.

    A company's first call is in Gong, its second in Fathom, and so on in turn. Two moments of one UTC day give the
    same world, so that a second run of the demo finds its calls unchanged.

    Raises:
        InputError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise InputError("the demo calls need a time with its zone", "pass an aware datetime, e.g. in UTC")
    today = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    return tuple(
        Company(
            name=company.name,
            access_key=company.access_key,
            secret_key=company.secret_key,
            email_domain=company.email_domain,
            calls=in_turn([_call(recording, today) for recording in recordings]),
        )
        for company, recordings in _recordings()
    )


def demo_themes() -> Mapping[str, tuple[DemoTheme, ...]]:
    """The themes of each company, by the company's name."""
    return {company.name: company.themes for company, _ in _recordings()}


def planted_truth() -> tuple[PlantedTruth, ...]:
    """What an ideal reader would find in the demo calls; for tests and measurements."""
    return tuple(
        truth
        for company, recordings in _recordings()
        for recording in recordings
        for truth in _planted(company.name, recording)
    )


def _planted(company: str, recording: _Recording) -> Iterator[PlantedTruth]:
    sides = {speaker.id: speaker.side for speaker in recording.script.speakers}
    for index, line in enumerate(recording.lines):
        for mark in line.marks:
            yield PlantedTruth(
                company=company,
                call_id=recording.script.id,
                segment_index=index,
                char_start=mark.char_start,
                char_end=mark.char_end,
                quote=line.text[mark.char_start : mark.char_end],
                type=mark.type,
                theme=mark.theme,
                side=sides[line.speaker_id],
            )


def _call(recording: _Recording, today: datetime) -> SandboxCall:
    script = recording.script
    return SandboxCall(
        id=script.id,
        title=script.title,
        started_at=today - timedelta(days=script.days_ago) + script.starts,
        speakers=script.speakers,
        utterances=tuple(_timed(recording.lines, script.minutes * 60)),
        language=script.language,
        account=script.account,
    )


def _timed(lines: tuple[Line, ...], duration_s: int) -> Iterator[Utterance]:
    """The lines one after the other, each as long as its share of the words."""
    pace_s = duration_s / words_in(lines)
    start_s = 0.0
    spoken = 0
    for line in lines:
        spoken += words_in((line,))
        end_s = round(spoken * pace_s, 2)
        yield Utterance(line.speaker_id, start_s, end_s, line.text)
        start_s = end_s


@cache
def _recordings() -> tuple[tuple[CompanyScript, tuple[_Recording, ...]], ...]:
    """Every company with its calls, ordered by file name."""
    files = {file.name: file for file in (resources.files("headway_pipeline.sandbox") / "calls").iterdir()}
    texts = {name: files[name].read_text(encoding="utf-8") for name in sorted(files) if name.endswith(".txt")}
    return tuple(
        _company_recordings(name.removesuffix("-company.txt"), texts)
        for name in texts
        if name.endswith("-company.txt")
    )


def _company_recordings(prefix: str, texts: Mapping[str, str]) -> tuple[CompanyScript, tuple[_Recording, ...]]:
    company = parse_company(texts[f"{prefix}-company.txt"])
    fillers = {
        "en": parse_filler(texts["filler-en.txt"]) + parse_filler(texts[f"{prefix}-filler-en.txt"]),
        "es": parse_filler(texts["filler-es.txt"]),
    }
    scripts = (
        script
        for name, text in texts.items()
        if name.startswith(f"{prefix}-calls-")
        for script in parse_calls(text, company)
    )
    return company, tuple(_recording(script, fillers[script.language]) for script in scripts)


def _recording(script: CallScript, filler: Filler) -> _Recording:
    """Fill the gaps of a call, each with an equal share of the words its minutes leave."""
    gaps = len(script.stretches) - 1
    missing = script.minutes * FILLED_WORDS_A_MINUTE - sum(map(words_in, script.stretches))
    talk = small_talk(script, filler)
    lines = list(script.stretches[0])
    for stretch in script.stretches[1:]:
        lines += _up_to(missing // gaps, talk)
        lines += stretch
    return _Recording(script, tuple(lines))


def _up_to(words: int, talk: Iterator[Line]) -> Iterator[Line]:
    """Turns off `talk` while they fit into `words`, ending on a customer's."""
    spoken = 0
    while spoken < words:
        for line in (next(talk, None), next(talk, None)):
            if line is None:
                return
            spoken += words_in((line,))
            yield line
