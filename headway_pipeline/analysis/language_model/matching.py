"""Matching: which themes items belong to, by number or "none"."""

from collections.abc import Iterator, Sequence

from headway_pipeline.analysis.contract import Matches
from headway_pipeline.analysis.language_model.conversation import Conversation, TruncatedAnswerError
from headway_pipeline.analysis.language_model.numbered import between_marks, clean
from headway_pipeline.analysis.language_model.shapes import (
    NO_THEME,
    MatchAnswer,
    MatchingAnswer,
    UnusableAnswerError,
    schema_of,
)
from headway_pipeline.analysis.language_model.suspicion import is_suspicious
from headway_pipeline.analysis.language_model.themes import numbered_themes, scores_of, themes_identity
from headway_pipeline.analysis.redaction import Redaction
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.errors import AnalysisError
from headway_pipeline.model.features import ExtractedFeature, Theme, ThemeScore
from headway_pipeline.model.identity import content_hash

__all__ = ["match"]

#: More items are asked about in several requests.
ITEMS_AT_ONCE = 40
MOST_QUOTES = 3
MOST_QUOTE_CHARS = 400
#: "None" is an answer below every threshold; what stands beside it cannot be above.
BELOW_NONE = 0.45


def match(
    conversation: Conversation,
    items: Sequence[ExtractedFeature],
    themes: Sequence[Theme],
    redaction: Redaction | None,
    key: bytes,
) -> Matches:
    """The best two themes of each item.

    Raises:
        AnalysisError: the model's answers are of no use.
    """
    matcher = _Matcher(conversation, themes, redaction, key)
    scores: list[tuple[ThemeScore, ...]] = [()] * len(items)
    apart = [number for number, item in enumerate(items) if _is_suspicious(item)]
    together = [number for number in range(len(items)) if number not in set(apart)]
    for number, found in matcher.in_groups(items, together):
        scores[number] = found
    try:
        for number, found in matcher.in_groups(items, apart):
            scores[number] = found
    except AnalysisError:
        # Items made of instructions are no reason to file no other: they stay in the inbox, where people see them.
        pass
    return Matches(tuple(scores), conversation.usage)


def _is_suspicious(item: ExtractedFeature) -> bool:
    return is_suspicious(item.title, item.description, [span.quote for span in item.evidence])


class _Matcher:
    """Asks about the items of one call."""

    def __init__(
        self, conversation: Conversation, themes: Sequence[Theme], redaction: Redaction | None, key: bytes
    ) -> None:
        self._conversation = conversation
        self._ordered, self._listed = numbered_themes(themes)
        self._identity = themes_identity(themes)
        self._redaction = redaction
        self._key = key
        words = [*(str(number) for number in range(1, len(themes) + 1)), NO_THEME]
        self._schema = schema_of(MatchingAnswer, {"first": words, "second": words})

    def in_groups(
        self, items: Sequence[ExtractedFeature], numbers: Sequence[int]
    ) -> Iterator[tuple[int, tuple[ThemeScore, ...]]]:
        """The scores of the items of these numbers, in as many requests as they need."""
        for start in range(0, len(numbers), ITEMS_AT_ONCE):
            group = numbers[start : start + ITEMS_AT_ONCE]
            yield from zip(group, self.scores([items[number] for number in group]), strict=True)

    def scores(self, items: Sequence[ExtractedFeature]) -> list[tuple[ThemeScore, ...]]:
        """One entry for each item, in their order."""
        text = "\n\n".join(self._shown(number, item) for number, item in enumerate(items, start=1))
        seed = content_hash([self._identity, text])
        request = self._conversation.request(
            Stage.MATCHING,
            f"{self._listed}\n\nItems:\n{between_marks(text, seed=seed, key=self._key)}",
            self._schema,
            themes=self._identity,
        )

        def check(answer: MatchingAnswer) -> None:
            missing = set(range(1, len(items) + 1)) - {found.item for found in answer.matches}
            if missing:
                raise UnusableAnswerError(f"there is no match for the items {sorted(missing)}: answer for every item")

        try:
            answer, _ = self._conversation.answer(request, MatchingAnswer, check)
        except TruncatedAnswerError:
            raise self._conversation.failed(request, "does not come to an end") from None
        by_item: dict[int, MatchAnswer] = {}
        for found in answer.matches:
            by_item.setdefault(found.item, found)
        return [self._scores(by_item[number]) for number in range(1, len(items) + 1)]

    def _scores(self, found: MatchAnswer) -> tuple[ThemeScore, ...]:
        named = [(found.first, found.first_score), (found.second, found.second_score)]
        if found.first == NO_THEME:
            named = [(theme, min(score, BELOW_NONE)) for theme, score in named]
        return scores_of(named, self._ordered)

    def _shown(self, number: int, item: ExtractedFeature) -> str:
        quotes = [f'"{span.quote[:MOST_QUOTE_CHARS]}"' for span in item.evidence[:MOST_QUOTES]]
        lines = [f"[{number}] {item.type.value}: {item.title}", item.description, *quotes]
        texts = [
            clean(line) if place else f"[{number}] {clean(line.partition(' ')[2])}"
            for place, line in enumerate(lines)
        ]
        return "\n".join(texts if self._redaction is None else map(self._redaction.redact, texts))
