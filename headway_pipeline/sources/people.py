"""What an e-mail address says about somebody: whose side they are on, and which company they are from."""

from collections import Counter
from collections.abc import Collection, Iterable

from headway_pipeline.model.calls import Participant, Side

__all__ = ["UNKNOWN_SPEAKER", "Speakers", "account_by_mail", "folded", "identities", "mail_domain", "writes_from"]

#: What a segment shows where the source does not say who speaks.
UNKNOWN_SPEAKER = "Unknown speaker"

MAILBOX_PROVIDERS = """
gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com icloud.com me.com aol.com gmx.de gmx.net
web.de proton.me protonmail.com mail.com yandex.ru mail.ru qq.com 163.com
"""
#: People who write from here tell nothing about their company.
MAILBOX_DOMAINS = frozenset(MAILBOX_PROVIDERS.split())


def mail_domain(email: str | None) -> str:
    """What stands behind the @, in lower case; "" without one."""
    return email.rpartition("@")[2].lower() if email and "@" in email else ""


def writes_from(email: str | None, domains: Collection[str]) -> bool:
    """Whether an address is of one of `domains` or of a part of one (`eu.vendor.example` is of `vendor.example`)."""
    domain = mail_domain(email)
    return any(domain == own or domain.endswith(f".{own}") for own in domains if own)


def account_by_mail(participants: Iterable[Participant]) -> str | None:
    """The domain most customers on a call write from; the first named among equals, None without any."""
    domains = Counter(mail_domain(person.email) for person in participants if person.side is Side.CUSTOMER)
    for nobody in ("", *MAILBOX_DOMAINS):
        del domains[nobody]
    return domains.most_common(1)[0][0] if domains else None


def identities(participants: Iterable[Participant]) -> list[list[str]]:
    """Who is on a call in a form that can be hashed; their order does not matter."""
    return sorted(
        [person.name or "", person.email or "", person.side.value, person.speaker_key or ""]
        for person in participants
    )


def folded(text: str | None) -> str:
    """A name or an address in the spelling it is compared by; "" for None."""
    return " ".join((text or "").casefold().split())


class Speakers:
    """Whose side speakers are on that a source names by display name, and by e-mail address where it knows one."""

    def __init__(self, participants: Iterable[Participant], vendor_domains: Collection[str]) -> None:
        self._vendor_domains = vendor_domains
        self._by_mail: dict[str, Side] = {}
        self._by_name: dict[str, set[Side]] = {}
        for person in participants:
            self._by_mail.setdefault(folded(person.email), person.side)
            for name in {folded(person.name), folded(person.speaker_key)}:
                self._by_name.setdefault(name, set()).add(person.side)

    def side(self, name: str | None, email: str | None) -> Side:
        """The side of a speaker: by address, else by a name that leaves no doubt about the side."""
        if email is not None:
            known = self._by_mail.get(folded(email))
            if known is not None:
                return known
            if writes_from(email, self._vendor_domains):
                return Side.VENDOR
        sides = self._by_name.get(folded(name), set()) if name else set()
        return next(iter(sides)) if len(sides) == 1 else Side.UNKNOWN
