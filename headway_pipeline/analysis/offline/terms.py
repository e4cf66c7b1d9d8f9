"""Words brought to their stems, and how surely a word was meant by what was said: the ground of matching themes."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import takewhile

from headway_pipeline.analysis.offline.sentences import words_of

__all__ = ["GENERIC", "STOP_WORDS", "Speech", "stem", "stems_of"]

_WORDS_OF_NO_MEANING = """
a about above actually after again all also am an and any are around as ask at back be because been before
being between both but by can can't come could couldn't did didn't do does doesn't doing don't done down each
either else etc even ever every few first for from further get gets getting give go goes going gonna good got
great had has have haven't having he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's
its itself just kind know last least less let let's like little long look lot lots made make many may maybe me
mean might mine more most much must my myself need never new next no nor not now of off ok okay on once one
only onto or other our ours out over own per please put quite rather really right said same say see seem she
should so some something still stuff such sure take than thank that that's the their theirs them then there
there's these they they're thing things think this those through thus till time to together too two under
until up upon us use used using usually very via want was wasn't way we we'd we'll we're we've well were what
what's when where which while who whole whom whose why will with within without won't would wouldn't yeah yes
yet you you're your yours el la los las un una unos unas de del en y o que es son por para con sin se su sus
lo al no si más muy
"""
STOP_WORDS = frozenset(_WORDS_OF_NO_MEANING.split())
#: Said about any product; they bear on a theme only beside a word of its own.
_WORDS_OF_ANY_PRODUCT = """
add app application area better business call capability change client company current customer data different
easy experience feature function general important improve information issue item level manage management
number option other overall part people platform point problem process product project provide quality request
service set solution specific support system team tool type user value version work
"""
GENERIC = frozenset(_WORDS_OF_ANY_PRODUCT.split())
_SUFFIXES = (
    ("ization", 4), ("isation", 4), ("ations", 4), ("ation", 4), ("ingly", 4), ("ments", 4), ("ment", 4),
    ("ities", 4),
    ("ility", 4), ("ness", 4), ("tions", 4), ("tion", 4), ("sions", 4), ("sion", 4), ("ings", 4), ("able", 4),
    ("ible", 4), ("ally", 4), ("ing", 3), ("ers", 4), ("ies", 3), ("ied", 3), ("ity", 4), ("ed", 3), ("er", 4),
    ("es", 3), ("ly", 4), ("al", 5), ("s", 3), ("e", 3), ("y", 4),
)  # fmt: skip
# Words that ask for the same part of a product; general knowledge, not any workspace's.
_RELATED = """
login logon signin sso saml oauth authentication authenticate password credential mfa
permission role access authorization privilege admin
performance speed slow fast latency lag sluggish quick loading
reliability stability stable crash freeze outage uptime fail failure downtime unreliable
bug error glitch defect broken
export download csv excel spreadsheet pdf
import upload migration migrate ingest
integration connector sync api webhook connect plugin salesforce slack zapier
billing invoice payment pricing price subscription cost charge money budget finance
mobile phone android ios iphone ipad tablet smartphone
report reporting dashboard analytics chart graph metric insight statistics
notification alert reminder email push notify remind
search find filter lookup query
onboarding setup installation install configuration configure config
documentation doc guide tutorial manual example
interface ui ux design layout usability navigation screen intuitive
security encryption encrypt compliance audit privacy gdpr secure
localization localisation language translation translate currency timezone locale
collaboration share sharing comment mention
automation automate workflow bulk automatic
calendar schedule meeting appointment booking
scale scaling scalability autoscale load
delete remove erase clear
picture photo image camera
note memo notebook
message chat text
storage disk space memory cloud backup
button key keyboard click
battery power energy charger
voice speech audio microphone
video movie film player
"""
#: What a word begun alike, and a related one, count for against the very word.
ALIKE_STRENGTH, RELATED_STRENGTH = 0.8, 0.5
#: Stems are begun alike when they share this many letters, and this share of the shorter one.
SHARED_BEGINNING, ALIKE_SHARE = 5, 0.75


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The word without its endings, so that "exports", "exported" and "exporting" are one."""
    return _shorter(_shorter(word.removesuffix("'s")))


def _shorter(word: str) -> str:
    for suffix, shortest in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= shortest and not word.endswith("ss"):
            return _undoubled(word[: -len(suffix)])
    return word


def _undoubled(short: str) -> str:
    if len(short) > 3 and short[-1] == short[-2] and short[-1] not in "aeiouls":
        return short[:-1]
    return short.removesuffix("e") if len(short) > 4 else short


def stems_of(words: Iterable[str]) -> list[str]:
    """The stems of the words that mean something by themselves, in order."""
    return [stem(word) for word in words if word not in STOP_WORDS and len(word) > 1]


def _grouped(lines: str) -> dict[str, frozenset[str]]:
    """For each stem the stems related to it."""
    related: dict[str, frozenset[str]] = {}
    for line in lines.splitlines():
        group = frozenset(map(stem, line.split()))
        for term in group:
            related[term] = related.get(term, frozenset()) | (group - {term})
    return related


_RELATIVES = _grouped(_RELATED)


class Speech:
    """What was said, as stems with how surely they were said.

    Args:
        said: stem to strength, 0 to 1.
    """

    def __init__(self, said: Mapping[str, float]) -> None:
        self._said = said
        self._by_beginning: dict[str, list[str]] = {}
        for term in said:
            self._by_beginning.setdefault(term[:SHARED_BEGINNING], []).append(term)

    @classmethod
    def of(cls, text: str) -> "Speech":
        """A short text, of which every word counts."""
        return cls(dict.fromkeys(stems_of(words_of(text)), 1.0))

    def heard(self, term: str) -> float:
        """How surely `term` was meant, 0 to 1: said, begun alike ("notify", "notification"), or related."""
        said = self._said.get(term, 0.0)
        alike = (other for other in self._by_beginning.get(term[:SHARED_BEGINNING], ()) if _is_alike(term, other))
        begun = max((self._said[other] for other in alike), default=0.0)
        related = max((self._said.get(other, 0.0) for other in _RELATIVES.get(term, ())), default=0.0)
        return max(said, ALIKE_STRENGTH * begun, RELATED_STRENGTH * related)


def _is_alike(one: str, other: str) -> bool:
    shorter = min(len(one), len(other))
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return shared >= SHARED_BEGINNING and shared >= ALIKE_SHARE * shorter
