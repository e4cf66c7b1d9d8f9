"""What every source declares, asked of each that is discovered; what it does is asked in `test_conduct.py`."""

import json
import re
from collections.abc import Mapping

import pytest

from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.addresses import clean_base_url
from headway_pipeline.sources.contract import Connection, HttpSource, Source
from headway_pipeline.sources.discovery import connect, discover, read_credentials, read_settings
from headway_pipeline_tests.sandbox_fixtures import OpenGate

HTTP_SOURCES = [name for name, source in discover().items() if issubclass(source, HttpSource)]


@pytest.fixture(params=sorted(discover()))
def source(request: pytest.FixtureRequest) -> type[Source]:
    return discover()[request.param]


@pytest.fixture(params=HTTP_SOURCES)
def http_source(request: pytest.FixtureRequest) -> type[HttpSource]:
    found = discover()[request.param]
    assert issubclass(found, HttpSource)
    return found


def secrets_of(source: type[Source]) -> Mapping[str, str]:
    return {field.name: f"hush-{field.name}" for field in source.credential_fields}


def test_its_name_can_be_a_resource_and_a_command_line_word(source: type[Source]) -> None:
    assert re.fullmatch(r"[a-z_]+", source.name)
    assert source.label
    assert (source.__doc__ or "").strip()


def test_its_default_address_is_one_it_would_accept(http_source: type[HttpSource]) -> None:
    assert clean_base_url(http_source, http_source.default_base_url) == http_source.default_base_url
    with_path = f"{http_source.default_base_url}{http_source.base_url_suffix}/"
    assert clean_base_url(http_source, with_path) == http_source.default_base_url


def test_its_limits_can_be_worked_with(source: type[Source]) -> None:
    defaults = source.request_defaults
    assert defaults.requests_per_second > 0
    assert defaults.requests_per_day > 0
    assert 0 < defaults.longest_window.days <= 7
    assert defaults.lookback.days >= 1
    assert source.hydrate_batch_size >= 1
    assert source.listing_margin.total_seconds() >= 0


def test_its_credentials_are_read_under_every_spelling_and_from_variables_of_its_own(source: type[Source]) -> None:
    spellings = [spelling for field in source.credential_fields for spelling in (field.name, *field.aliases)]
    assert len(set(spellings)) == len(spellings)
    for field in source.credential_fields:
        assert re.fullmatch(r"[A-Z][A-Z_]+", field.environment)
        for alias in field.aliases:
            given = {**secrets_of(source)}
            given[alias] = given.pop(field.name)
            assert dict(read_credentials(source, given)) == secrets_of(source)


def test_what_asks_for_no_credentials_is_the_operators_alone(source: type[Source]) -> None:
    assert source.credential_fields or source.is_operator_only
    assert issubclass(source, HttpSource) or source.is_operator_only


def test_its_settings_are_named_explained_and_never_its_secrets(source: type[Source]) -> None:
    assert not set(source.setting_names) & {field.name for field in source.credential_fields}
    assert all(re.fullmatch(r"[a-z_]+", name) and words for name, words in source.setting_names.items())
    with pytest.raises(InputError, match="no_such_setting"):
        read_settings(source, [("no_such_setting", "1")])
    for name in source.setting_names:
        with pytest.raises(InputError, match=name):
            read_settings(source, [(name, " ")])


def test_no_repr_shows_a_secret(http_source: type[HttpSource]) -> None:
    connection = Connection(http_source.default_base_url, Credentials(secrets_of(http_source)))
    made = connect(http_source, connection, gate=OpenGate(), timeout_s=1)
    assert isinstance(made, HttpSource)
    shown = " ".join(map(repr, (made, made.rest, made.connection)))
    hidden = {*secrets_of(http_source).values(), *http_source.authorization(connection.credentials).values()}
    assert not [secret for secret in hidden if secret in shown]
    assert http_source.name in repr(made.rest)


def test_its_authorization_is_text_that_headers_can_carry(http_source: type[HttpSource]) -> None:
    headers = http_source.authorization(Credentials(dict.fromkeys(secrets_of(http_source), "schlüssel-\N{KEY}")))
    assert headers
    assert all(value.isascii() and "\n" not in value for value in headers.values())


def test_a_link_keeps_the_address_and_differs_by_moment(source: type[Source]) -> None:
    url = "https://calls.example/call?id=7&tab=x"
    assert source.link(url, None) == url
    links = {source.link(url, moment) for moment in (0, 61_000, 3_600_000)}
    assert len(links) == 3
    assert all(link.startswith("https://calls.example/call") and "id=7" in link for link in links)
    assert all(json.dumps(link) and " " not in link for link in links)
