"""The table of moves, written out a second time: a move that is added or lost by accident fails here."""

from itertools import product

import pytest

from headway_pipeline.model.ledger import TRANSITIONS, MessageState, Reason, ReasonCode, may_follow

#: x: allowed; .: forbidden. The columns are the states in the order of the rows; each may follow itself.
MOVES = """
listed               x x x . . x x x x x x
awaiting_transcript  . x x . . x x x x x x
transcribed          . . x x x x . x x x x
not_relevant         . . x x . x . x x x x
analysed             . . x . x x . x x x x
too_short            . . x . . x . x x x x
no_transcript        . x x . . x x x x x x
private              x . . . . . . x . x .
forbidden            x . . . . . . x x x .
deleted              x . . . . . . x . x .
quarantined          x x x x x x x x x x x
"""
TABLE = {
    (MessageState(before), after): mark == "x"
    for before, *marks in map(str.split, MOVES.strip().splitlines())
    for after, mark in zip(MessageState, marks, strict=True)
}


@pytest.mark.parametrize(("before", "after"), [*product(MessageState, MessageState)])
def test_a_message_goes_where_the_table_lets_it_and_nowhere_else(before: MessageState, after: MessageState) -> None:
    assert may_follow(before, after) is TABLE[before, after]


def test_what_is_purged_comes_back_only_by_starting_over_or_as_something_purged() -> None:
    purged = {MessageState.PRIVATE, MessageState.FORBIDDEN, MessageState.DELETED}
    for state in purged:
        assert TRANSITIONS[state] <= purged | {MessageState.LISTED}


def test_a_reason_is_read_back_as_it_was_stored() -> None:
    for code in ReasonCode:
        reason = Reason(code, "words: with a colon")
        assert Reason.parse(str(reason)) == reason
    assert Reason.parse(None) is None
