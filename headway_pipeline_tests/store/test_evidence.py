"""Promise two, in the database: no stored quote is anything but the named slice of a customer's segment."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from headway_pipeline.model.calls import Side
from headway_pipeline.model.errors import EvidenceRefusedError, StoreError
from headway_pipeline.model.features import Evidence, ExtractedFeature, Sentiment
from headway_pipeline.store import Lease, Store, open_store
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import evidence, messages, transcripts
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.databases import Postgres
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
    assert store.audit.evidence(at.workspace.id, None).unverbatim == ()
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
        assert store.audit.evidence(workspace.id, None).unverbatim == ()
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


def test_evidence_cannot_be_moved_to_another_call_than_its_features(store: Store) -> None:
    at = place(store)
    with lease(store, at) as held:
        record(store, held, stored_call(store, held, at.connector.id), item(SPEECH[:20]))
        (other,) = store.listings.record_page(held, at.connector.id, [call("701")], NOW)
        store.transcripts.record(held, other.message_id, transcript(), content_hash="v1")
    with pytest.raises(StoreError), store.database.writing() as connection:
        connection.execute(evidence.update().values(message_id=other.message_id))


def test_a_transcript_cannot_be_replaced_under_its_evidence(store: Store) -> None:
    """`INSERT OR REPLACE` fires no UPDATE trigger on SQLite."""
    at = place(store)
    with lease(store, at) as held:
        record(store, held, stored_call(store, held, at.connector.id), item(SPEECH[:20]))
    with store.database.reading() as connection:
        row = connection.execute(sa.select(transcripts)).mappings().one()
    replacing = transcripts.insert().prefix_with("OR REPLACE" if store.database.is_sqlite else "")
    with pytest.raises(StoreError), store.database.writing() as connection:
        connection.execute(replacing.values(**dict(row) | {"segments": []}))
    assert store.audit.evidence(at.workspace.id, None).unverbatim == ()


def test_words_cannot_change_while_a_quote_of_them_is_being_stored(
    postgres: Postgres, postgres_template: str
) -> None:
    """The look at the words holds them until the commit. (SQLite has one writer at a time anyway.)"""
    url = postgres.create(template=postgres_template)
    store = open_store(url, sealing=lambda: CredentialSealer([TEST_KEY]))
    at = place(store)
    with lease(store, at) as held:
        record(store, held, stored_call(store, held, at.connector.id), item(SPEECH[:20]))
    changing = transcripts.update().values(segments=[])
    with store.database.writing() as first:
        row = dict(first.execute(sa.select(evidence)).mappings().one())
        first.execute(evidence.delete())
        first.execute(evidence.insert().values(**row))
        with pytest.raises(StoreError), _impatient(store) as second:
            second.execute(changing)
    assert store.audit.evidence(at.workspace.id, None).unverbatim == ()
    store.close()
    postgres.drop(url)


@contextmanager
def _impatient(store: Store) -> Iterator[Connection]:
    """A writer that waits for others a fifth of a second."""
    with store.database.writing() as connection:
        connection.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        yield connection
