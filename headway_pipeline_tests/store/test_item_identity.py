"""An item that is found again is the same item: what people decided hangs on its id."""

import uuid
from dataclasses import replace

import sqlalchemy as sa

from headway_pipeline.model.features import Evidence, ExtractedFeature, FeatureType, Sentiment
from headway_pipeline.model.identity import derived_id
from headway_pipeline.store import Lease, Store
from headway_pipeline.store.item_identity import KnownItem, identified
from headway_pipeline.store.tables import extracted_features
from headway_pipeline_tests.store.rows import NOW, SPEECH, call, item, lease, place, transcript

FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


def known(one: ExtractedFeature) -> KnownItem:
    return KnownItem(one.type, NOW, one.evidence)


def new_id(one: ExtractedFeature) -> uuid.UUID:
    return derived_id("test", one.type.value, str(one.evidence[0].char_start))


def at(start: int, end: int, segment: int = 0, kind: FeatureType = FeatureType.PAIN_POINT) -> ExtractedFeature:
    span = Evidence(segment, start, end, "x" * (end - start))
    return replace(item("x"), type=kind, evidence=(span,))


def test_more_than_half_of_the_same_words_is_the_same_item() -> None:
    again, other = at(5, 40), at(60, 90)
    assert identified([other, again], {FIRST: known(at(0, 30))}, new_id) == {new_id(other): other, FIRST: again}


def test_less_than_half_another_segment_or_another_type_is_another_item() -> None:
    for different in (at(25, 90), at(0, 30, segment=1), at(0, 30, kind=FeatureType.BUG_REPORT)):
        assert FIRST not in identified([different], {FIRST: known(at(0, 30))}, new_id)


def test_of_two_that_share_words_the_one_that_shares_most_keeps_the_id() -> None:
    less, most = at(0, 18), at(0, 28)
    found = identified([less, most], {FIRST: known(at(0, 30))}, new_id)
    assert found[FIRST] == most
    assert len(found) == 2


def test_two_items_never_get_one_id() -> None:
    """The first item moved to other words; a new one stands where its id was made."""
    moved = replace(at(0, 30), evidence=(at(0, 30).evidence[0], at(100, 200).evidence[0]))
    there, here = at(100, 200), at(0, 12)
    ids = {new_id(at(0, 30)): known(moved)}
    assert len(identified([there, here], ids, new_id)) == 2


def read(store: Store, held: Lease, message_id: uuid.UUID, *items: ExtractedFeature) -> None:
    store.extractions.record(
        held,
        message_id,
        text_hash="t",
        items=items,
        sentiment=Sentiment.NEUTRAL,
        sentiment_score=0.0,
        analyst="anthropic:m",
        analyst_version="2",
    )


def ids(store: Store) -> list[tuple[uuid.UUID, str, object]]:
    table = extracted_features.c
    with store.database.reading() as connection:
        query = sa.select(table.id, table.title, table.created_at).order_by(table.position)
        return [tuple(row) for row in connection.execute(query)]


def test_a_call_that_is_read_again_keeps_the_ids_and_the_first_dates_of_what_is_found_again(store: Store) -> None:
    place_ = place(store)
    with lease(store, place_) as held:
        (listed,) = store.listings.record_page(held, place_.connector.id, [call()], NOW)
        store.transcripts.record(held, listed.message_id, transcript(), content_hash="v1")
        read(store, held, listed.message_id, item(SPEECH[0:40]), item(SPEECH[50:90], char_start=50))
        before = ids(store)
        renamed = replace(item(SPEECH[4:44], char_start=4), title="Said in other words")
        read(store, held, listed.message_id, renamed, item(SPEECH[120:160], char_start=120))
    after = ids(store)
    assert (after[0][0], after[0][2]) == (before[0][0], before[0][2])
    assert after[0][1] == "Said in other words"
    assert after[1][0] not in {row[0] for row in before}
