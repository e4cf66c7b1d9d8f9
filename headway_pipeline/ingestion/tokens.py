"""Access tokens of OAuth connectors: renewed by one process at a time, stored before they are used.

A refresh token is taken once. Of two processes that find the access token old, one gets the right to renew it, a
leased column of the connector's row; the other one waits for the new pair to appear in the store. No request is made
inside a transaction.
"""

import uuid
from datetime import timedelta

from headway_pipeline.ingestion.limiter import Limiter
from headway_pipeline.ingestion.patience import with_patience
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.model.errors import (
    BadCredentialsError,
    Failing,
    InputError,
    RequestRefusedError,
    TransientSourceError,
    WrongHostError,
)
from headway_pipeline.model.workspaces import Connector, Credentials
from headway_pipeline.sources.addresses import clean_base_url, is_loopback_url
from headway_pipeline.sources.contract import HttpSource, OAuth
from headway_pipeline.sources.oauth import Renewed, is_due, renew
from headway_pipeline.store.connectors import Connectors

__all__ = ["Tokens"]

#: Longer than a renewal takes (`sources/oauth.py`), so that only somebody who was killed in one is followed.
LEASE = timedelta(seconds=90)
LOOK_EVERY_S = 0.5


class Tokens:
    """The access token one source object uses."""

    def __init__(
        self,
        connectors: Connectors,
        connector: Connector,
        source: HttpSource,
        oauth: OAuth,
        *,
        limiter: Limiter,
        effects: Effects,
        allowed_hosts: frozenset[str],
    ) -> None:
        self._connectors = connectors
        self._connector = connector
        self._source = source
        self._oauth = oauth
        self._limiter = limiter
        self._effects = effects
        self._allowed_hosts = allowed_hosts
        self._used = source.connection.credentials
        self._name = str(uuid.uuid4())

    def make_ready(self) -> None:
        """Renew the access token if it is missing or about to end.

        Raises:
            BadCredentialsError: the refresh token is refused.
            SourceError: any of the tree.
        """
        if is_due(self._used, self._effects.now()):
            self.replace()

    def replace(self) -> None:
        """Use another access token than the present one: what the store holds by now, or a renewed one.

        Raises:
            SourceError: as `make_ready`.
        """
        if self._take_over_stored():
            return
        self._wait_for_right()
        try:
            # Whoever had the right before may have stored a pair since we looked.
            if not self._take_over_stored():
                self._renew()
        finally:
            self._connectors.stop_renewing(self._connector.id, self._name)

    def _take_over_stored(self) -> bool:
        """Use what the store holds, if it is another pair than ours."""
        stored = self._connectors.credentials(self._connector)
        if dict(stored) == dict(self._used):
            return False
        self._use(stored)
        return True

    def _use(self, credentials: Credentials) -> None:
        self._used = credentials
        self._source.rest.authorize(self._source.authorization(credentials), tuple(credentials.values()))

    def _wait_for_right(self) -> None:
        waited_s = 0.0
        while True:
            now = self._effects.now()
            if self._connectors.start_renewing(self._connector.id, self._name, now, now + LEASE):
                return
            if waited_s > 2 * LEASE.total_seconds():
                raise TransientSourceError(
                    f"another process keeps renewing the access token of {self._connector.name}",
                    "run again when it is done",
                    at=Failing(self._source.name),
                )
            self._effects.sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S

    def _renew(self) -> None:
        kind = type(self._source)
        effects = self._effects
        try:
            # Tried again after a failure to answer: if the first try spent the token, nothing is left to lose.
            renewed = with_patience(
                lambda: renew(kind, self._oauth, self._used, gate=self._limiter, now=effects.now),
                self._limiter,
                effects,
                retries=1,
            )
        except (RequestRefusedError, BadCredentialsError) as error:
            if self._take_over_stored():
                return
            raise BadCredentialsError(
                f"{kind.label} refuses the refresh token of connector {self._connector.name}",
                "authorise it anew and give it the new credentials with `headway connector edit`; a refresh token is "
                "taken once, so no other program may use it",
                at=error.at,
            ) from None
        self._store(kind, renewed)

    def _store(self, kind: type[HttpSource], renewed: Renewed) -> None:
        """Seal and commit the pair, then use it; an address the source names for the customer with it."""
        address, refusal = self._address(kind, renewed)
        if not self._connectors.store_renewed(self._connector, self._used, renewed.credentials, base_url=address):
            # Somebody gave the connector other credentials meanwhile: theirs count.
            self._take_over_stored()
            return
        self._use(renewed.credentials)
        if refusal is not None:
            raise refusal
        if address is not None:
            self._source.rest.base_url = address

    def _address(self, kind: type[HttpSource], renewed: Renewed) -> tuple[str | None, WrongHostError | None]:
        """The address to use from now on, or why the one that was named may not be used."""
        if renewed.base_url is None:
            return None, None
        at_keyboard = is_loopback_url(self._source.rest.base_url)
        try:
            address = clean_base_url(
                kind, renewed.base_url, allowed_hosts=self._allowed_hosts, allow_loopback=at_keyboard
            )
        except InputError as error:
            return None, WrongHostError(
                f"{kind.label} names an address for this customer that may not be used: {error.message}",
                error.remedy,
                at=Failing(self._source.name),
            )
        return address, None
