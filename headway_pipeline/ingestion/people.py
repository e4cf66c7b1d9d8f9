"""Who is meant by an e-mail address or a name, among everybody on a workspace's calls."""

from collections.abc import Iterable
from dataclasses import dataclass

from headway_pipeline.model.erasure import is_address, names_of, spelling
from headway_pipeline.model.errors import InputError
from headway_pipeline.sources.people import UNKNOWN_SPEAKER
from headway_pipeline.store import Appearance

__all__ = ["Person", "identify"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the spellings that calls show.

    Attributes:
        names: those that nobody else bears.
        aliases: those that somebody else bears, too.
    """

    addresses: frozenset[str]
    names: frozenset[str]
    aliases: frozenset[str] = frozenset()


def identify(appearances: Iterable[Appearance], named: str) -> Person:
    """The person that `named` means; whether they are on a call at all, these spellings will tell.

    Raises:
        InputError: nobody can be meant, or several people are.
    """
    spelled = spelling(named)
    if not spelled or spelled == spelling(UNKNOWN_SPEAKER):
        raise InputError("that is the name of nobody", "name an e-mail address or a whole name")
    names_by_address: dict[str, set[str]] = {}
    for appearance in appearances:
        for participant in appearance.participants:
            address = spelling(participant.get("email"))
            if address:
                names_by_address.setdefault(address, set()).update(names_of(participant))
    if is_address(spelled):
        return _with_names(spelled, names_by_address)
    bearers = sorted(address for address, names in names_by_address.items() if spelled in names)
    if len(bearers) > 1:
        raise InputError(
            f"{len(bearers)} people bear that name: {', '.join(bearers)}", "name the one that is meant by address"
        )
    if bearers:
        return _with_names(bearers[0], names_by_address)
    return Person(frozenset(), frozenset({spelled}))


def _with_names(address: str, names_by_address: dict[str, set[str]]) -> Person:
    names = names_by_address.get(address, set())
    shared = {name for other, theirs in names_by_address.items() if other != address for name in theirs & names}
    return Person(frozenset({address}), frozenset(names - shared), frozenset(shared))
