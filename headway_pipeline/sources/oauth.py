"""OAuth connections: their credentials, and the one request that renews them.

A refresh token is taken once; the answer brings its successor. Who may ask, and that the successor is stored before
it is used, is the engine's business (`ingestion/tokens.py`).
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from headway_pipeline.model.errors import Failing, SourceContractError, SourceError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.contract import OAuth, Source
from headway_pipeline.sources.gate import Gate
from headway_pipeline.sources.normalise import text_or_none, utc_time, whole_number
from headway_pipeline.sources.rest import RestClient

if TYPE_CHECKING:
    import requests

__all__ = ["OAUTH_OPTIONAL", "OAUTH_REQUIRED", "Renewed", "bearer", "is_due", "renew"]

OAUTH_REQUIRED = ("client_id", "client_secret", "refresh_token")
OAUTH_OPTIONAL = ("access_token", "expires_at", "token_url")
#: An access token is renewed this long before it ends, so that no request meets its end on the way.
RENEW_BEFORE = timedelta(minutes=2)
#: Well within the lease of whoever renews.
TIMEOUT_S, DEADLINE_S = 15.0, 20.0


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a renewal brought.

    Attributes:
        base_url: the API address the source names for the customer, if it does.
    """

    credentials: Credentials
    base_url: str | None


def bearer(credentials: Credentials) -> Mapping[str, str]:
    """The header that carries the access token; before the first renewal there may be none."""
    return {"Authorization": f"Bearer {credentials.get('access_token') or 'none'}"}


def is_due(credentials: Credentials, now: datetime) -> bool:
    """Whether the access token is missing or about to end."""
    if not credentials.get("access_token"):
        return True
    expires_at = utc_time(credentials.get("expires_at"))
    return expires_at is not None and expires_at - RENEW_BEFORE <= now


def renew(
    source: type[Source],
    oauth: OAuth,
    credentials: Credentials,
    *,
    gate: Gate,
    now: Callable[[], datetime],
    session: "requests.Session | None" = None,
) -> Renewed:
    """A new pair of tokens for the refresh token, which is spent by this, whatever becomes of the answer.

    Raises:
        RequestRefusedError, BadCredentialsError: the refresh token or the client is refused.
        SourceError: any of the tree; none of them carries the request's address, which may hold the token.
    """
    address = urlsplit(credentials.get("token_url") or oauth.token_url)
    pair = base64.b64encode(f"{credentials['client_id']}:{credentials['client_secret']}".encode()).decode("ascii")
    client = {"client_id": credentials["client_id"], "client_secret": credentials["client_secret"]}
    grant = {"grant_type": "refresh_token", "refresh_token": credentials["refresh_token"]}
    rest = RestClient(
        source=source.name,
        base_url=f"{address.scheme}://{address.netloc}",
        headers={"Authorization": f"Basic {pair}"} if oauth.client_in_header else {},
        gate=gate,
        timeout_s=TIMEOUT_S,
        deadline_s=DEADLINE_S,
        session=session,
        secrets=tuple(credentials.values()),
        now=now,
    )
    form = {} if oauth.client_in_header else client
    params = grant if oauth.grant_in_query else {}
    try:
        answer = rest.post_form(address.path, form if oauth.grant_in_query else {**form, **grant}, params)
    except SourceError as error:
        # What the transport raised quotes the address.
        error.__context__ = None
        raise error from None
    return _read(source, oauth, credentials, answer, now())


def _read(
    source: type[Source], oauth: OAuth, credentials: Credentials, answer: Mapping[str, Any], now: datetime
) -> Renewed:
    access_token = text_or_none(answer.get("access_token"))
    if access_token is None:
        raise SourceContractError(
            f"{source.label}'s answer to a refresh token holds no access token",
            "its API has changed, if it stays so",
            at=Failing(source.name, "token", HTTPStatus.OK),
        )
    values = {name: credentials[name] for name in ("client_id", "client_secret", "token_url") if name in credentials}
    values["access_token"] = access_token
    values["refresh_token"] = text_or_none(answer.get("refresh_token")) or credentials["refresh_token"]
    lifetime_s = whole_number(answer.get("expires_in"))
    if lifetime_s is not None:
        values["expires_at"] = (now + timedelta(seconds=lifetime_s)).isoformat()
    base_url = text_or_none(answer.get(oauth.base_url_field)) if oauth.base_url_field else None
    return Renewed(Credentials(values), base_url)
