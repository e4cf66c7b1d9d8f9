"""Setting up a connector's webhook, and taking what is delivered to it."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from headway_pipeline.ingestion.checkup import start_single_session
from headway_pipeline.ingestion.hints import receive_webhook
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.model.errors import (
    ConfigurationError,
    CredentialsSealedError,
    InputError,
    SourceError,
    WebhookRefusedError,
)
from headway_pipeline.model.workspaces import Connector, Workspace
from headway_pipeline.sources.addresses import LOOPBACK_NAMES
from headway_pipeline.sources.contract import Source
from headway_pipeline.sources.webhooks import WebhookDelivery, WebhookTrust
from headway_pipeline.store import Store

__all__ = [
    "ACCEPTED",
    "Outcome",
    "Registration",
    "Taken",
    "delivery_url",
    "register_webhook",
    "remove_webhook",
    "take_delivery",
    "trust_by_hand",
]


class Outcome(StrEnum):
    """What came of a delivery, beside the reasons in `Refusal`."""

    NEWS = "news"
    REPEATED = "repeated"
    #: Signed well, for a connector or workspace that is not in use; a listing finds the call when it is again.
    NOT_IN_USE = "not_in_use"
    #: There is no such connector, or it has no webhook.
    UNKNOWN = "unknown"
    #: Our own secret does not open or cannot be used.
    UNUSABLE = "unusable"


#: What a source is told it need not send again.
ACCEPTED = frozenset({Outcome.NEWS, Outcome.REPEATED, Outcome.NOT_IN_USE})


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one delivery.

    Attributes:
        outcome: a word of `Outcome` or `Refusal`.
        connector: whose; None where there is none.
    """

    outcome: str
    connector: Connector | None


@dataclass(frozen=True, slots=True)
class Registration:
    """What came of a registration.

    Attributes:
        is_new: False where the source delivers there already.
        left_behind: the source's id of a former webhook that could not be removed, or None.
    """

    is_new: bool
    left_behind: str | None = None


def delivery_url(public_url: str | None, connector: Connector) -> str:
    """Where the connector's source delivers.

    Args:
        public_url: HEADWAY_PUBLIC_URL, or None.

    Raises:
        ConfigurationError: there is no public address, or one that a source must not deliver to.
    """
    if public_url is None:
        raise ConfigurationError(
            "HEADWAY_PUBLIC_URL is not set", "set it to the address at which the source reaches `headway api`"
        )
    parts = urlsplit(public_url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES)
    if not is_safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(
            "HEADWAY_PUBLIC_URL is no address a source may deliver to", "write it as https://host, without a query"
        )
    return f"{public_url.rstrip('/')}/webhooks/{connector.connector_type}/{connector.id}"


def register_webhook(
    store: Store, workspace: Workspace, connector: Connector, url: str, effects: Effects, *, actor: str
) -> Registration:
    """Let the source's API deliver to `url`, and keep the secret it tells.

    The one it had for another address is removed afterwards, so that no news falls between.

    Args:
        actor: who wants it so, for the audit log.

    Raises:
        SourceError: the source refuses; nothing was changed here.
    """
    present = store.webhooks.find(connector.id)
    if present is not None and present.url == url and present.remote_id is not None:
        return Registration(is_new=False)
    # Once: an answer that was lost may have made one, and a second try another.
    session = start_single_session(store, workspace, connector, effects, retries=0)
    made = session.ask(lambda: session.source.register_webhook(url))
    try:
        _trust(store, connector, made.secret, url, made.id, effects.now(), actor)
    except BaseException:
        # Its secret is told once: without it, what it sends can never be believed.
        with suppress(SourceError):
            session.ask(lambda: session.source.remove_webhook(made.id))
        raise
    if present is None or present.remote_id is None:
        return Registration(is_new=True)
    former = present.remote_id
    try:
        session.ask(lambda: session.source.remove_webhook(former))
    except SourceError:
        return Registration(is_new=True, left_behind=former)
    return Registration(is_new=True)


def trust_by_hand(
    store: Store, source: type[Source], connector: Connector, written: str, url: str, now: datetime, *, actor: str
) -> None:
    """Keep what a person brought from the source, in place of what the connector had.

    Args:
        actor: who brought it, for the audit log.

    Raises:
        ConfigurationError: no delivery could be held against it.
    """
    _trust(store, connector, source.webhook_secret(written), url, None, now, actor)


def _trust(
    store: Store, connector: Connector, secret: str, url: str, remote_id: str | None, now: datetime, actor: str
) -> None:
    with store.at_once():
        store.webhooks.save(connector, secret, url=url, remote_id=remote_id, now=now)
        store.audit_log.record(
            connector.workspace_id,
            actor=actor,
            action="connector.webhook",
            subject=f"connector {connector.id}",
            details={"url": url},
        )


def remove_webhook(store: Store, workspace: Workspace, connector: Connector, effects: Effects, *, actor: str) -> bool:
    """Believe no delivery any more, and tell the source's API so where it made the webhook.

    Args:
        actor: who wants it so, for the audit log.

    Returns:
        Whether the source need not be told by a person.

    Raises:
        InputError: the connector has none.
        SourceError: the source does not answer; the webhook stays.
    """
    present = store.webhooks.find(connector.id)
    if present is None:
        raise InputError(f"connector {connector.name} has no webhook", "there is nothing to remove")
    is_gone = False
    if present.remote_id is not None:
        remote_id = present.remote_id
        session = start_single_session(store, workspace, connector, effects, retries=1)
        is_gone = session.ask(lambda: session.source.remove_webhook(remote_id))
    with store.at_once():
        store.webhooks.remove(connector.id)
        store.audit_log.record(
            connector.workspace_id,
            actor=actor,
            action="connector.webhook_removed",
            subject=f"connector {connector.id}",
        )
    return is_gone


def take_delivery(
    store: Store,
    sources: Mapping[str, type[Source]],
    source_name: str,
    connector_id: uuid.UUID | None,
    delivery: WebhookDelivery,
    now: datetime,
) -> Taken:
    """Verify a delivery and keep what it hints at.

    Args:
        sources: those that are installed, by name.
        source_name: of the address it came to; the connector must be of that source.
        connector_id: of that address, too; None where it is no id.

    Raises:
        StoreError: the database cannot be used; the source is to deliver again.
    """
    webhook = None if connector_id is None else store.webhooks.find(connector_id)
    source = sources.get(source_name)
    if webhook is None or source is None or webhook.connector.connector_type != source_name:
        return Taken(Outcome.UNKNOWN, None)
    connector = webhook.connector
    try:
        trust = WebhookTrust(store.webhooks.secret(webhook), webhook.url)
        if not webhook.is_in_use:
            source.verify_webhook(delivery, trust, now)
            return Taken(Outcome.NOT_IN_USE, connector)
        within = store.within(connector.workspace_id)
        is_news = receive_webhook(within, source, connector, delivery, trust, now)
    except WebhookRefusedError as error:
        return Taken(error.reason, connector)
    except (ConfigurationError, CredentialsSealedError):
        return Taken(Outcome.UNUSABLE, connector)
    return Taken(Outcome.NEWS if is_news else Outcome.REPEATED, connector)
