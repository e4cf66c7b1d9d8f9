"""Promise two, in the database: no stored quote is anything but the named slice of a customer's segment."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import EvidenceRefusedError
from headway_pipeline.model.features import Evidence, ExtractedFeature, Sentiment
from headway_pipeline.store import Lease, Store
from headway_pipeline.store.tables import evidence, messages, transcripts
from headway_pipeline_tests.store.rows import NOW, SPEECH, call, item, lease, place, transcript

#: Anything a source may send, once NUL and lone surrogates are gone.
SPOKEN = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=60)


def stored_call(store: Store, held: Lease, connector_id: object, *texts: str, side: Side = Side.CUSTOMER) -> object:
    (recorded,) = store.listings.record_page(held, connector_id, [call()], NOW)  # type: ignore[arg-type]
    store.transcripts.record(held, recorded.message_id, transcript(*texts, side=side), content_hash="v1")
    return recorded.message_id


def record(store: Store, held: Lease, message_id: object, *items: ExtractedFeature) -> None:
    store.extractions.record(
        held,
        message_id,  # type: ignore[arg-type]
        text_hash="t",
        items=items,
        sentiment=Sentiment.NEUTRAL,
        sentiment_score=0.0,
        analyst="test",
        analyst_version="1",
    )


def test_a_quote_that_is_the_named_slice_is_stored(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        message_id = stored_call(store, held, at.connector.id)
        record(store, held, message_id, item(SPEECH[6:30], char_start=6))
    assert store.audit.unverbatim_quotes(at.workspace.id, None) == []
    with store.database.reading() as connection:
        assert connection.execute(sa.select(evidence.c.quote)).scalars().all() == [SPEECH[6:30]]


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(Evidence(0, 0, 5, "Other"), id="other words"),
        pytest.param(Evidence(0, 0, 6, SPEECH[:5]), id="a span longer than its quote"),
        pytest.param(Evidence(0, 1, 6, SPEECH[:5]), id="a span one character off"),
        pytest.param(Evidence(7, 0, 5, SPEECH[:5]), id="a segment that is not there"),
        pytest.param(Evidence(0, 10_000, 10_005, SPEECH[:5]), id="a span past the end"),
        pytest.param(Evidence(0, 0, 5, SPEECH[:5].upper()), id="another case"),
    ],
)
def test_a_quote_that_is_not_the_named_slice_is_refused_and_nothing_of_the_reading_stays(
    store: Store, span: Evidence
) -> None:
    at = place(store)
    wrong = item("x")
    wrong = ExtractedFeature(**{name: getattr(wrong, name) for name in wrong.__slots__} | {"evidence": (span,)})
    with lease(store, at) as held:
        message_id = stored_call(store, held, at.connector.id)
        with pytest.raises(EvidenceRefusedError, match="evidence refused"):
            record(store, held, message_id, item(SPEECH[:20]), wrong)
    assert store.reading.inbox(at.workspace.id) == []
    assert store.messages.counts(at.workspace.id) == {"gong": {"transcribed": 1}}


def test_a_known_vendors_words_are_refused_and_an_unknown_speakers_are_not(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        message_id = stored_call(store, held, at.connector.id, side=Side.VENDOR)
        with pytest.raises(EvidenceRefusedError, match="a vendor said it"):
            record(store, held, message_id, item(SPEECH[:20]))
        other = place(store, "Other")
        with lease(store, other) as own:
            message_id = stored_call(store, own, other.connector.id, side=Side.UNKNOWN)
            record(store, own, message_id, item(SPEECH[:20]))
    assert len(store.reading.inbox(other.workspace.id)) == 1


def test_stored_evidence_cannot_be_edited_into_something_else(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        record(store, held, stored_call(store, held, at.connector.id), item(SPEECH[:20]))
    with pytest.raises(EvidenceRefusedError), store.database.writing() as connection:
        connection.execute(evidence.update().values(quote="I will sue you", char_end=14))
    with pytest.raises(EvidenceRefusedError), store.database.writing() as connection:
        connection.execute(evidence.update().values(segment_index=3))


def test_a_transcript_cannot_be_changed_or_deleted_under_its_evidence(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        record(store, held, stored_call(store, held, at.connector.id), item(SPEECH[:20]))
    with (
        pytest.raises(EvidenceRefusedError, match="rests on this transcript"),
        store.database.writing() as connection,
    ):
        connection.execute(transcripts.update().values(segments=[]))
    with pytest.raises(Exception, match="refused a statement"), store.database.writing() as connection:
        connection.execute(transcripts.delete())


def test_new_words_of_a_call_take_what_was_read_in_the_old_ones_with_them(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        message_id = stored_call(store, held, at.connector.id)
        record(store, held, message_id, item(SPEECH[:20]))
        stored_call(store, held, at.connector.id, SPEECH.replace("invoices", "receipts"))
    assert store.reading.inbox(at.workspace.id) == []
    assert store.messages.counts(at.workspace.id) == {"gong": {"transcribed": 1}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=SPOKEN, data=st.data())
def test_any_slice_of_any_text_is_accepted_and_any_other_text_refused(
    store: Store, text: str, data: st.DataObject
) -> None:
    """Emoji, combining marks, right-to-left: both databases count code points as Python does."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    at = place(store, "Acme") if not store.workspaces.list() else None
    workspace = store.workspaces.list()[0]
    connector = store.connectors.list(workspace.id)[0]
    assert at is None or at.workspace == workspace
    with store.leases.hold(workspace.id, "r") as held:
        message_id = stored_call(store, held, connector.id, text, "x" * 300)
        record(store, held, message_id, item(text[start:end], char_start=start))
        assert store.audit.unverbatim_quotes(workspace.id, None) == []
        other = data.draw(SPOKEN)
        assume(text[start : start + len(other)] != other)
        with pytest.raises(EvidenceRefusedError):
            record(store, held, message_id, item(other, char_start=start))


def test_a_quote_of_another_workspaces_call_is_refused(store: Store) -> None:
    """Composite keys: evidence cannot point at a transcript of another tenant, not even by its right id."""
    mine, theirs = place(store, "Mine"), place(store, "Theirs")
    with lease(store, mine) as held:
        record(store, held, stored_call(store, held, mine.connector.id), item(SPEECH[:20]))
    with lease(store, theirs) as held:
        foreign = stored_call(store, held, theirs.connector.id)
    with pytest.raises(EvidenceRefusedError), store.database.writing() as connection:
        connection.execute(evidence.update().values(message_id=foreign))
    with store.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(messages)).scalar() == 2
