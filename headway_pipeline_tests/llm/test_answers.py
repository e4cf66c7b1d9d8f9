import pytest

from headway_pipeline.llm.answers import count, objects, part, unwrapped


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \n{"a": 1}\n ',
        '```json\n{"a": 1}\n```',
        'Here it is:\n```\n{"a": 1}\n```\nI hope it helps.',
        '<think>Perhaps ```json\n{"a": 2}\n```?</think>\n{"a": 1}',
        '<think>\nwell\n</think>\n\n```json\n{"a": 1}\n```',
    ],
)
def test_the_answer_alone_is_left(text: str) -> None:
    assert unwrapped(text) == '{"a": 1}'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"quote": "```json\\n{}\\n``` he said"}', '{"quote": "```json\\n{}\\n``` he said"}'),
        ("```json\n{}\n```\nor\n```json\n[]\n```", "```json\n{}\n```\nor\n```json\n[]\n```"),
        ("no answer", "no answer"),
        ("", ""),
    ],
    ids=["a fence inside", "two fences", "prose", "nothing"],
)
def test_where_it_is_not_clear_what_the_answer_is_nothing_is_cut(text: str, left: str) -> None:
    assert unwrapped(text) == left


def test_answers_of_any_form_are_read() -> None:
    assert [count(value) for value in (5, 0, -1, True, "5", None, 2.0)] == [5, 0, None, None, None, None, None]
    assert part({"usage": None}, "usage") == part(None, "usage") == {}
    assert objects([{"a": 1}, None, "x"]) == [{"a": 1}]
    assert objects("x") == []
