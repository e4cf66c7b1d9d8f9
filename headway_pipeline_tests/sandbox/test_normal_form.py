import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import InputError
from headway_pipeline.sandbox.normal_form import load_calls
from headway_pipeline.sandbox.world import SandboxCall
from headway_pipeline.sandbox.worlds import ACCESS_KEY, SECRET_KEY, world_from_file

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def written(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def record(call_id: str = "one", **fields: Any) -> dict[str, Any]:
    return {
        "id": call_id,
        "title": "Field day &amp; more",
        "started_at": "2026-03-01T10:00:00+02:00",
        "speakers": [
            {"id": "s1", "name": "Ines", "role": "host"},
            {"id": "s2", "name": "Tomas", "role": "end_user_or_guest"},
            {"id": "s3", "name": None, "role": None},
        ],
        "utterances": [said("Hello there.", 1.0, 3.0), said("Hi.", 3.5, 4.0, "s2")],
    } | fields


def said(
    text: str, start_s: float | None = None, end_s: float | None = None, speaker_id: str = "s1"
) -> dict[str, Any]:
    return {"speaker_id": speaker_id, "start_s": start_s, "end_s": end_s, "text": text}


def loaded(path: Path, *records: Any, rebase_dates: bool = False) -> tuple[SandboxCall, ...]:
    return load_calls(written(path / "calls.jsonl", *records), now=NOW, rebase_dates=rebase_dates)


def times(call: SandboxCall) -> list[tuple[float, float]]:
    return [(round(utterance.start_s, 3), round(utterance.end_s, 3)) for utterance in call.utterances]


def test_a_call_is_taken_as_it_is_written(tmp_path: Path) -> None:
    (call,) = loaded(tmp_path, record(language="es", account="Brackwater", license="ignored"))
    assert call.id == "one"
    assert call.title == "Field day &amp; more"
    assert call.started_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (call.language, call.account) == ("es", "Brackwater")
    assert [(speaker.id, speaker.name, speaker.side) for speaker in call.speakers] == [
        ("s1", "Ines", Side.VENDOR),
        ("s2", "Tomas", Side.CUSTOMER),
        ("s3", "s3", Side.UNKNOWN),
    ]
    assert times(call) == [(1.0, 3.0), (3.5, 4.0)]
    assert [utterance.speaker_id for utterance in call.utterances] == ["s1", "s2"]


def test_a_side_wins_over_a_role(tmp_path: Path) -> None:
    speakers = [
        {"id": "s1", "name": "Ines", "role": "host", "side": "customer", "email": "i@x.example", "job_title": "CTO"}
    ]
    (call,) = loaded(tmp_path, record(speakers=speakers))
    assert call.speakers[0].side is Side.CUSTOMER
    assert (call.speakers[0].email, call.speakers[0].job_title) == ("i@x.example", "CTO")


@pytest.mark.parametrize("role", ["marketing", "unknown", "", None])
def test_any_other_role_leaves_the_side_open(tmp_path: Path, role: str | None) -> None:
    (call,) = loaded(tmp_path, record(speakers=[{"id": "s1", "name": "A", "role": role}]))
    assert call.speakers[0].side is Side.UNKNOWN


class TestTimes:
    def test_missing_ones_run_at_150_words_a_minute(self, tmp_path: Path) -> None:
        five = "one two three four five"
        (call,) = loaded(tmp_path, record(utterances=[said(five), said(five), said(five)]))
        assert times(call) == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]

    def test_between_two_known_ones_they_share_what_there_is(self, tmp_path: Path) -> None:
        turns = [said("a b c d e", 10.0), said("a b c d e f g h i j"), said("a b c d e", 13.0)]
        (call,) = loaded(tmp_path, record(utterances=turns))
        assert times(call) == [(10.0, 11.0), (11.0, 13.0), (13.0, 15.0)]

    def test_a_long_gap_is_not_stretched_into(self, tmp_path: Path) -> None:
        (call,) = loaded(tmp_path, record(utterances=[said("a b c d e", 10.0), said("a b c d e"), said("a", 100.0)]))
        assert times(call) == [(10.0, 12.0), (12.0, 14.0), (100.0, 100.4)]

    def test_an_utterance_without_words_is_dropped(self, tmp_path: Path) -> None:
        (call,) = loaded(tmp_path, record(utterances=[said("  "), said("Hi."), said("")]))
        assert [utterance.text for utterance in call.utterances] == ["Hi."]

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True, max_examples=60
    )
    @given(
        st.lists(
            st.tuples(
                st.integers(1, 40),
                st.none() | st.floats(0, 5000),
                st.none() | st.floats(0, 5000),
            ),
            max_size=12,
        )
    )
    def test_whatever_is_missing_every_utterance_gets_a_span(
        self, tmp_path: Path, turns: list[tuple[int, float | None, float | None]]
    ) -> None:
        utterances = [said("word " * words, start, end) for words, start, end in turns]
        (call,) = loaded(tmp_path, record(utterances=utterances))
        assert len(call.utterances) == len(turns)
        assert all(0 <= utterance.start_s <= utterance.end_s for utterance in call.utterances)
        for (_, start, _), utterance in zip(turns, call.utterances, strict=True):
            assert start is None or utterance.start_s == start
        if all(start is None for _, start, _ in turns):
            starts = [utterance.start_s for utterance in call.utterances]
            assert starts == sorted(starts)


class TestDates:
    def test_missing_ones_lie_in_the_last_thirty_days_and_are_over_by_now(self, tmp_path: Path) -> None:
        calls = loaded(tmp_path, *(record(f"call-{n}", started_at=None) for n in range(40)), record("dated"))
        for call in calls[:-1]:
            assert NOW - timedelta(days=30) <= call.started_at
            assert call.started_at + timedelta(seconds=call.duration_s) <= NOW
        assert calls[-1].started_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
        assert len({call.started_at.date() for call in calls[:-1]}) >= 29

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, derandomize=True, max_examples=40
    )
    @given(
        st.lists(st.none() | st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=30),
        st.integers(0, 40 * 86_400),
    )
    def test_rebasing_keeps_the_order_and_leaves_nothing_in_the_future(
        self, tmp_path: Path, dates: list[datetime | None], last_word_s: int
    ) -> None:
        records = [
            record(
                f"call-{number}",
                started_at=date and date.isoformat(),
                utterances=[said("Hi.", 0, 5), said("Bye.", 5, last_word_s)],
            )
            for number, date in enumerate(dates)
        ]
        calls = loaded(tmp_path, *records, rebase_dates=True)
        assert loaded(tmp_path, *records, rebase_dates=True) == calls
        assert all(call.started_at + timedelta(seconds=call.duration_s) <= NOW for call in calls)
        if last_word_s < 29 * 86_400:
            assert all(call.started_at >= NOW - timedelta(days=30) for call in calls)
            placed = [call.started_at for call in sorted(calls, key=lambda call: call.started_at)]
            known = [
                call.started_at
                for _, call in sorted(
                    ((date, call) for date, call in zip(dates, calls, strict=True) if date is not None),
                    key=lambda pair: pair[0],
                )
            ]
            assert len(set(placed)) == len(placed)
            assert known == sorted(known)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON from column 2 on"),
        ("[]", "no JSON object"),
        ('{"id": "one"}', "'speakers' is missing"),
        (json.dumps(record("first")), "an earlier line has the id 'first', too"),
        (json.dumps(record(started_at="last week")), "last week"),
        (json.dumps(record(started_at=7)), "fromisoformat"),
        (json.dumps(record(speakers=[{"id": "s", "side": "left"}])), "left"),
        (json.dumps(record(speakers=["s"])), "attribute"),
        (json.dumps(record(utterances=[{"speaker_id": "s"}])), "'text' is missing"),
        (json.dumps(record(utterances=[said("Hi.") | {"start_s": "soon"}])), "soon"),
        (json.dumps(record(utterances=None)), "NoneType"),
    ],
)
def test_a_line_that_holds_no_call_is_named_by_its_number(tmp_path: Path, line: str, why: str) -> None:
    path = written(tmp_path / "calls.jsonl", record("first"))
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(InputError, match="line 3 holds no usable call") as raised:
        load_calls(path, now=NOW, rebase_dates=False)
    assert why in str(raised.value)


def test_a_file_that_is_absent_binary_or_empty_is_said_to_be(tmp_path: Path) -> None:
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"\xff\xfe\x00")
    empty.write_text("\n\n")
    for path, why in ((tmp_path / "none", "No such file"), (binary, "not UTF-8"), (empty, "holds no calls")):
        with pytest.raises(InputError, match=why):
            load_calls(path, now=NOW, rebase_dates=False)


def test_line_separators_within_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three"
    path = tmp_path / "calls.jsonl"
    path.write_text(json.dumps(record(utterances=[said(text)]), ensure_ascii=False), encoding="utf-8")
    (call,) = load_calls(path, now=NOW, rebase_dates=False)
    assert call.utterances[0].text == text


def test_the_world_of_a_file_is_one_company_with_known_keys(tmp_path: Path) -> None:
    (company,) = world_from_file(written(tmp_path / "calls.jsonl", record()), NOW, rebase_dates=True).companies
    assert (company.access_key, company.secret_key) == (ACCESS_KEY, SECRET_KEY)
    assert (ACCESS_KEY, SECRET_KEY) == ("sandbox-access-key", "sandbox-secret-key")
    assert [call.id for call in company.calls] == ["one"]
