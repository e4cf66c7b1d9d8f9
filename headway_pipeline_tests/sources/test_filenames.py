from datetime import UTC, datetime

import pytest

from headway_pipeline.sources.files.filenames import named_time, named_title


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("GMT20261120-150000_Recording.transcript.vtt", "2026-11-20T15:00:00"),
        ("2026-11-20 15.00.07 Rollout review 81234567890/closed_caption.txt", "2026-11-20T15:00:07"),
        ("Weekly sync (2026-11-20 15:00 GMT+1) - Transcript.txt", "2026-11-20T14:00:00"),
        ("Weekly sync (2026-11-20 at 15:00 GMT-05:30).txt", "2026-11-20T20:30:00"),
        ("2026-11-20T15:00:00Z.srt", "2026-11-20T15:00:00"),
        ("2026-11-20T15-00-00+0200 review.srt", "2026-11-20T13:00:00"),
        ("2026-11-20T15-00-00-2.srt", "2026-11-20T15:00:00"),
        ("acme/2026-11-20/review.vtt", "2026-11-20T00:00:00"),
        ("acme/2026_11_20/2026-11-21 review.vtt", "2026-11-21T00:00:00"),
        ("20261120_1500 review.vtt", "2026-11-20T15:00:00"),
        ("2026-02-31 review of 2026-03-01.vtt", "2026-03-01T00:00:00"),
    ],
)
def test_a_date_in_a_name_is_when_the_call_started(path: str, expected: str) -> None:
    assert named_time(path) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "path", ["review.vtt", "order 120261120 7.vtt", "2026-13-40.vtt", "1999-01-01.vtt", "v2026.1.vtt"]
)
def test_other_numbers_are_no_dates(path: str) -> None:
    assert named_time(path) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("GMT20261120-150000_Recording.transcript.vtt", "GMT20261120-150000_Recording.transcript"),
        ("Rollout review/GMT20261120-150000_Recording.transcript.vtt", "Rollout review"),
        ("2026-11-20 15.00.07 Rollout review 81234567890/closed_caption.txt", "Rollout review"),
        ("Weekly sync (2026-11-20 15:00 GMT+1) - Transcript.txt", "Weekly sync"),
        ("acme_rollout_review.vtt", "acme rollout review"),
        ("Plan v2.1.srt", "Plan v2.1"),
    ],
)
def test_what_a_name_says_beside_its_date_is_the_title(path: str, expected: str) -> None:
    assert named_title(path) == expected
