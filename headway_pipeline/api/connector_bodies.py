"""What a request for a connector holds, made from each source's own declaration.

A source's credential fields stand flat in the body under their first other spelling ("gong_access_key"), which says
whose they are. A source that only the operator may connect is not here.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, StrictBool, StringConstraints, create_model

from headway_pipeline.api.fields import SECRET, Name, Secret, StrictBody
from headway_pipeline.model.errors import InputError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.settings import Settings
from headway_pipeline.sources.addresses import clean_base_url
from headway_pipeline.sources.contract import CredentialField, HttpSource, Source
from headway_pipeline.sources.discovery import expected_credentials, read_credentials, read_settings
from headway_pipeline.sources.oauth import OAUTH_OPTIONAL, OAUTH_REQUIRED

__all__ = [
    "ConnectorBody",
    "address_of",
    "connectable",
    "credentials_of",
    "edit_body",
    "new_connector_body",
    "settings_of",
]

#: A scheme, a host and a plain path. Declared, and looked at in `address_of`, whose words help more than a pattern.
_ADDRESS_FORM = r"https?://[a-z0-9]+([.-][a-z0-9]+)*(:[0-9]{1,4})?(/[A-Za-z0-9._~-]+)*/?"
Address = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^[!-~]*$"),
    Field(json_schema_extra={"pattern": rf"^({_ADDRESS_FORM})?$"}),
]
#: What OAuth needs beside or in place of a key, and how its fields are described.
OAUTH_WORDS: Mapping[str, str] = {
    "client_id": "The id of the OAuth application.",
    "client_secret": "The secret of the OAuth application.",
    "refresh_token": "What the connection is renewed with; taken once.",
    "access_token": "The present one; fetched where it is left out.",
    "expires_at": "When the access token ends, in ISO 8601.",
    "token_url": "Where connections are renewed, where it is not the source's own address.",
}
Choices = Annotated[list[Name], Field(min_length=1, max_length=50)]


def _hide_nulls(schema: dict[str, Any]) -> None:
    """A credential that may be left out may not be null: its default is nothing to tell."""
    for field in schema["properties"].values():
        if field.get("writeOnly"):
            del field["default"]


class ConnectorBody(StrictBody):
    """What every body for a connector has; its credentials and settings are the source's."""

    model_config = ConfigDict(json_schema_extra=_hide_nulls)

    name: Name | None = None
    base_url: Address | None = None

    def secrets(self) -> dict[str, str]:
        """The credential fields that were given, open."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)}

    def choices(self) -> Mapping[str, Sequence[str]] | None:
        """The settings that were given; None where none were named."""
        settings = getattr(self, "settings", None)
        return None if settings is None else settings.model_dump(exclude_none=True)


def connectable(sources: Mapping[str, type[Source]]) -> dict[str, type[Source]]:
    """The sources that a tenant may connect."""
    return {name: source for name, source in sources.items() if not source.is_operator_only}


def new_connector_body(sources: Mapping[str, type[Source]]) -> Any:
    """The type of the body that makes a connector: one model a source, told apart by `connector_type`."""
    models = [_new_model(source) for source in connectable(sources).values()]
    if len(models) == 1:
        return models[0]
    return Annotated[reduce(or_, models), Field(discriminator="connector_type")]


def _new_model(source: type[Source]) -> type[ConnectorBody]:
    fields: dict[str, Any] = {
        "connector_type": (Literal[source.name], Field(description=f"{source.label}.")),
        "name": (Name | None, Field(default=None, description="The source's name when left out.")),
        **_own_fields(source),
    }
    made: type[ConnectorBody] = create_model(
        f"New{_title(source)}Connector",
        __base__=_configured(source),
        __doc__=f"Access to {source.label}: {expected_credentials(source)}.",
        **fields,
    )
    return made


def _configured(source: type[Source]) -> type[ConnectorBody]:
    """The base whose JSON schema says which sets of credentials there are, and shows one."""
    keys = [flat_name(field) for field in source.credential_fields]
    example = {"connector_type": source.name, **{key: f"your {key.replace('_', ' ')}" for key in keys}}
    example = {name: value.replace(" ", "-") for name, value in example.items()}
    extra: dict[str, Any] = {"examples": [example]}
    if _takes_oauth(source):
        extra["oneOf"] = _one_set([(keys, keys), OAUTH_SET])
    else:
        extra["required"] = ["connector_type", *keys]

    return _described(extra)


def _described(extra: Mapping[str, Any]) -> type[ConnectorBody]:
    """A base with more to its JSON schema."""

    def described(schema: dict[str, Any]) -> None:
        _hide_nulls(schema)
        schema.update(extra)

    class Configured(ConnectorBody):
        model_config = ConfigDict(json_schema_extra=described)

    return Configured


#: What must be given together, of what may be.
OAUTH_SET: tuple[Sequence[str], Sequence[str]] = (OAUTH_REQUIRED, (*OAUTH_REQUIRED, *OAUTH_OPTIONAL))


def _one_set(sets: Sequence[tuple[Sequence[str], Sequence[str]]], *, or_none: bool = False) -> list[dict[str, Any]]:
    """JSON Schema for one of these sets of credentials, and nothing of another one's."""
    every = list(dict.fromkeys(name for _, names in sets for name in names))
    if or_none:
        sets = [*sets, ((), ())]
    choices: list[dict[str, Any]] = []
    for required, names in sets:
        others = [{"required": [name]} for name in every if name not in names]
        choices.append({"required": list(required), **({"not": {"anyOf": others}} if others else {})})
    return choices


def edit_body(sources: Mapping[str, type[Source]]) -> Any:
    """The type of the body that edits a connector: the fields of all sources, of which its own may be given."""
    fields: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    sets: list[tuple[Sequence[str], Sequence[str]]] = [OAUTH_SET]
    for source in connectable(sources).values():
        keys = [flat_name(field) for field in source.credential_fields]
        sets.append((keys, keys))
        own = _own_fields(source)
        settings = own.pop("settings", None)
        fields |= own
        if settings is not None:
            choices |= _choice_fields(source)
    if choices:
        fields["settings"] = (create_model("ConnectorSettings", __base__=StrictBody, **choices) | None, None)
    fields["base_url"] = (
        Address | None,
        Field(default=None, description="Another API address, or empty for the default; with the credentials."),
    )
    return create_model(
        "ConnectorEdit",
        __base__=_described({"oneOf": _one_set(sets, or_none=True)}),
        __doc__="What to change; what is left out stays. Credentials and settings are those of its source.",
        is_active=(StrictBool | None, Field(default=None, description="An inactive one is asked no more.")),
        **fields,
    )


def _own_fields(source: type[Source]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in source.credential_fields:
        fields[flat_name(field)] = (Secret, Field(default=None, description=f"{source.label} {field.label}."))
    if _takes_oauth(source):
        for name in (*OAUTH_REQUIRED, *OAUTH_OPTIONAL):
            form = {"pattern": f"^{_ADDRESS_FORM}$"} if name == "token_url" else {}
            words = f"For OAuth in place of a key. {OAUTH_WORDS[name]}"
            fields[name] = (Secret, Field(default=None, description=words, json_schema_extra={**SECRET, **form}))
    if issubclass(source, HttpSource):
        words = f"API address, where it is not the default ({source.default_base_url})."
        fields["base_url"] = (Address | None, Field(default=None, description=words))
    if source.setting_names:
        settings = create_model(f"{_title(source)}Settings", __base__=StrictBody, **_choice_fields(source))
        fields["settings"] = (settings | None, Field(default=None, description="What it lets choose."))
    return fields


def _choice_fields(source: type[Source]) -> dict[str, Any]:
    return {
        name: (Choices | None, Field(default=None, description=f"{source.label}: {words}"))
        for name, words in source.setting_names.items()
    }


def flat_name(field: CredentialField) -> str:
    """How a credential is called in a body that holds more than credentials."""
    return field.aliases[0] if field.aliases else field.name


def _title(source: type[Source]) -> str:
    return "".join(part.capitalize() for part in source.name.split("_"))


def _takes_oauth(source: type[Source]) -> bool:
    return issubclass(source, HttpSource) and source.oauth is not None


def credentials_of(source: type[Source], body: ConnectorBody, settings: Settings) -> Credentials | None:
    """The credentials of a body; None where it has none.

    Raises:
        InputError: some are missing, or are another source's.
    """
    given = body.secrets()
    if not given:
        return None
    credentials = read_credentials(source, given)
    if "token_url" not in credentials:
        return credentials
    # The client's secret and the refresh token are sent there.
    return Credentials({**credentials, "token_url": address_of(source, credentials["token_url"], settings) or ""})


def address_of(source: type[Source], given: str | None, settings: Settings) -> str | None:
    """The address to store; None for the source's own.

    Raises:
        InputError: the credentials should not be sent there.
    """
    if not given:
        return None
    if not issubclass(source, HttpSource):
        raise InputError(f"{source.label} is asked over no network and has no address", "leave base_url out")
    return clean_base_url(source, given, allowed_hosts=settings.allowed_hosts)


def settings_of(source: type[Source], given: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """The choices to store.

    Raises:
        InputError: the source has no such choice, or cannot use it.
    """
    return read_settings(source, [(name, value) for name, values in given.items() for value in values])
