"""What a request for a connector holds, made from each source's own declaration.

A source's credential fields stand flat in the body under their first other spelling ("gong_access_key"), which says
whose they are. A source that only the operator may connect is not here.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, StrictBool, StringConstraints, create_model

from headway_pipeline.api.fields import Name, Secret, StrictBody
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

Address = Annotated[str, StringConstraints(max_length=500, pattern=r"^[!-~]*$")]
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
        oauth = [*OAUTH_REQUIRED, *OAUTH_OPTIONAL]
        extra["oneOf"] = [
            {"required": keys, "not": {"anyOf": [{"required": [name]} for name in oauth]}},
            {"required": list(OAUTH_REQUIRED), "not": {"anyOf": [{"required": [name]} for name in keys]}},
        ]
    else:
        extra["required"] = ["connector_type", *keys]

    def described(schema: dict[str, Any]) -> None:
        _hide_nulls(schema)
        schema.update(extra)

    class Configured(ConnectorBody):
        model_config = ConfigDict(json_schema_extra=described)

    return Configured


def edit_body(sources: Mapping[str, type[Source]]) -> Any:
    """The type of the body that edits a connector: the fields of all sources, of which its own may be given."""
    fields: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    for source in connectable(sources).values():
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
        __base__=ConnectorBody,
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
            fields[name] = (Secret, Field(default=None, description="For OAuth in place of a key."))
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
