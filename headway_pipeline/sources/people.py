"""What an e-mail address says about somebody: whose side they are on, and which company they are from."""

from collections import Counter
from collections.abc import Collection, Iterable

from headway_pipeline.model.calls import Participant, Side

__all__ = ["account_by_mail", "mail_domain", "writes_from"]

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
