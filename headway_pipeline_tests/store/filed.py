"""Calls that were read, with items filed as a test says."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from headway_pipeline.model.calls import Call, Transcript
from headway_pipeline.model.features import ExtractedFeature, Filing, Sentiment, ThemeScore, themes_hash
from headway_pipeline.store import Store, StoredFeature
from headway_pipeline_tests.store.rows import DAY, NOW, SPEECH, Place, call, item, lease, place, transcript

__all__ = ["Desk", "desk", "one_item"]


@dataclass(frozen=True)
class Desk:
    """A workspace with two themes, in which calls are read and filed by hand."""

    store: Store
    at: Place
    exports: uuid.UUID
    billing: uuid.UUID

    @property
    def id(self) -> uuid.UUID:
        return self.at.workspace.id

    def read(self, of: Call, *items: ExtractedFeature, words: Transcript | None = None) -> list[uuid.UUID]:
        """List and transcribe a call, store what is found in it; returns the items' ids in their order."""
        spoken = words or transcript()
        with lease(self.store, self.at) as held:
            (listed,) = self.store.listings.record_page(held, self.at.connector.id, [of], NOW)
            self.store.transcripts.record(held, listed.message_id, spoken, content_hash=of.content_hash)
        return self.read_again(listed.message_id, *items, text_hash=spoken.text_hash)

    def read_again(self, message_id: uuid.UUID, *items: ExtractedFeature, text_hash: str = "t") -> list[uuid.UUID]:
        """Another reading of the same words."""
        with lease(self.store, self.at) as held:
            self.store.extractions.record(
                held,
                message_id,
                text_hash=text_hash,
                items=items,
                sentiment=Sentiment.NEUTRAL,
                sentiment_score=0.0,
                analyst="test",
                analyst_version="1",
            )
        return [found.id for found in self.awaiting()[message_id]]

    def awaiting(self) -> Mapping[uuid.UUID, Sequence[StoredFeature]]:
        """The items of the calls that are to be filed, by call."""
        days = [DAY + timedelta(days=number) for number in range(-60, 2)]
        due = self.store.filings.awaiting(self.id, days, self._hash(), NOW)
        return {one.id: one.items for one in due}

    def file(self, under: Mapping[uuid.UUID, uuid.UUID | None] | uuid.UUID | None) -> None:
        """File everything that is to be filed: each item as `under` says, or all alike; None is the inbox."""
        other = self.billing if under != self.billing else self.exports
        for message_id, items in self.awaiting().items():
            filings = {}
            for one in items:
                theme_id = under.get(one.id) if isinstance(under, Mapping) else under
                best = (ThemeScore(theme_id, 0.8), ThemeScore(other, 0.3)) if theme_id else (ThemeScore(other, 0.3),)
                filings[one.id] = Filing(theme_id, best)
            with lease(self.store, self.at) as held:
                self.store.filings.record(held, message_id, self._hash(), filings)

    def themes(self) -> dict[uuid.UUID, str | None]:
        """Where everything stands that is not dismissed."""
        reading = self.store.reading
        return {found.id: found.theme for found in [*reading.features(self.id), *reading.inbox(self.id)]}

    def _hash(self) -> str:
        return themes_hash(self.store.themes.current(self.id))


def desk(store: Store) -> Desk:
    at = place(store)
    exports, billing = (store.themes.add(at.workspace.id, name).theme.id for name in ("Exports", "Billing"))
    return Desk(store, at, exports, billing)


def one_item(made: Desk, external_id: str = "700", *, hours: float = 0) -> uuid.UUID:
    """One call with one item."""
    (found,) = made.read(call(external_id, hours=hours), item(SPEECH[:40]))
    return found
