"""Which sources there are: those of this folder, and installed ones that name themselves by an entry point.

An installed package adds a source by an entry point of the group `headway_pipeline.sources` that leads to a subclass
of `contract.Source` (https://packaging.python.org/en/latest/specifications/entry-points/).
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

from headway_pipeline import sources
from headway_pipeline.model.errors import ConfigurationError, InputError, UnknownThingError
from headway_pipeline.model.workspaces import Credentials
from headway_pipeline.sources.addresses import trim_base_url
from headway_pipeline.sources.contract import Connection, CredentialField, HttpSource, Source
from headway_pipeline.sources.gate import Gate
from headway_pipeline.sources.normalise import utc_time
from headway_pipeline.sources.oauth import OAUTH_OPTIONAL, OAUTH_REQUIRED
from headway_pipeline.sources.rest import RestClient

if TYPE_CHECKING:
    import requests

__all__ = [
    "connect",
    "discover",
    "expected_credentials",
    "find_source",
    "link_to",
    "read_credentials",
    "read_settings",
    "sources_by_name",
]

ENTRY_POINT_GROUP = "headway_pipeline.sources"


@cache
def discover() -> Mapping[str, type[Source]]:
    """Every source by its name, in the order of the names; looked up once a process.

    Raises:
        ConfigurationError: an installed source cannot be loaded, or two have one name.
    """
    return sources_by_name(entry_points(group=ENTRY_POINT_GROUP))


def sources_by_name(installed: Iterable[EntryPoint]) -> Mapping[str, type[Source]]:
    """The sources of this folder and of the `installed` entry points, by name.

    Raises:
        ConfigurationError: as `discover`.
    """
    found: dict[str, type[Source]] = {}
    for source in (*_sources_of_folder(), *map(_loaded, installed)):
        if found.setdefault(source.name, source) is not source:
            raise ConfigurationError(
                f"two sources are named {source.name!r} ({found[source.name].__module__} and {source.__module__})",
                "uninstall one of them",
            )
    return MappingProxyType(dict(sorted(found.items())))


def _sources_of_folder() -> Iterator[type[Source]]:
    for module_info in pkgutil.iter_modules(sources.__path__, f"{sources.__name__}."):
        module = importlib.import_module(module_info.name)
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            # Of the module itself or, of a package, from within.
            is_own = f"{kind.__module__}.".startswith(f"{module.__name__}.")
            if is_own and issubclass(kind, Source) and not inspect.isabstract(kind):
                yield kind


def _loaded(entry: EntryPoint) -> type[Source]:
    remedy = f"reinstall or remove the package that brings it ({entry.value})"
    try:
        kind = entry.load()
    except Exception as error:  # whatever a foreign module does when it is imported
        raise ConfigurationError(f"the installed source {entry.name!r} cannot be loaded", remedy) from error
    if not (isinstance(kind, type) and issubclass(kind, Source)) or inspect.isabstract(kind):
        raise ConfigurationError(
            f"the installed source {entry.name!r} does not keep the contract of a source", remedy
        )
    return kind


def find_source(name: str) -> type[Source]:
    """The source of that name.

    Raises:
        UnknownThingError: there is none.
    """
    found = discover()
    if name not in found:
        raise UnknownThingError(f"there is no source named {name!r}", f"take one of: {', '.join(found)}")
    return found[name]


def link_to(source: str, url: str | None, start_ms: int | None) -> str | None:
    """Where a person hears that moment; the call itself for a source no longer installed; None without address."""
    if url is None:
        return None
    kind = discover().get(source)
    return url if kind is None else kind.link(url, start_ms)


def connect(
    source_type: type[Source],
    connection: Connection,
    *,
    gate: Gate,
    timeout_s: float,
    deadline_s: float = 600.0,
    session: "requests.Session | None" = None,
    now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
) -> Source:
    """A source object ready to be asked; nothing is sent yet. The gate is for sources that make requests."""
    if not issubclass(source_type, HttpSource):
        return source_type(connection)
    rest = RestClient(
        source=source_type.name,
        base_url=trim_base_url(source_type, connection.base_url),
        headers=source_type.authorization(connection.credentials),
        gate=gate,
        timeout_s=timeout_s,
        deadline_s=deadline_s,
        session=session,
        secrets=tuple(connection.credentials.values()),
        now=now,
    )
    return source_type(connection, rest)


def read_credentials(source_type: type[Source], given: Mapping[str, object]) -> Credentials:
    """Credentials under the source's own names, from any accepted spelling: a key, or OAuth where it is taken.

    Raises:
        InputError: a field is missing, unknown, given twice or no text; it names fields, never values.
    """
    if _takes_oauth(source_type) and set(given) & {*OAUTH_REQUIRED, *OAUTH_OPTIONAL}:
        return _oauth_credentials(source_type, given)
    fields = source_type.credential_fields
    label = source_type.label
    expected = expected_credentials(source_type)
    _refuse_unknown(source_type, given, {spelling for field in fields for spelling in _spellings(field)})
    values = {}
    for field in fields:
        used = [spelling for spelling in _spellings(field) if spelling in given]
        if len(used) > 1:
            raise InputError(f"{label} credentials hold {' and '.join(used)}, which are one field", expected)
        value = given[used[0]] if used else None
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{label} credentials lack {field.name} ({field.label}), or it is no text", expected)
        # Pasted secrets end in a line break more often than not.
        values[field.name] = value.strip()
    return Credentials(values)


def _takes_oauth(source_type: type[Source]) -> bool:
    return issubclass(source_type, HttpSource) and source_type.oauth is not None


def expected_credentials(source_type: type[Source]) -> str:
    """The sets of fields a source takes, in words."""
    key = f"give {' and '.join(field.name for field in source_type.credential_fields)}"
    if not _takes_oauth(source_type):
        return key
    return f"{key}; or, for OAuth, {', '.join(OAUTH_REQUIRED)}, and if you have them {', '.join(OAUTH_OPTIONAL)}"


def _oauth_credentials(source_type: type[Source], given: Mapping[str, object]) -> Credentials:
    _refuse_unknown(source_type, given, {*OAUTH_REQUIRED, *OAUTH_OPTIONAL})
    values = {name: str(value).strip() for name, value in given.items() if isinstance(value, (str, int)) and value}
    unusable = [name for name in (*given, *OAUTH_REQUIRED) if not values.get(name)]
    if "expires_at" in values and "expires_at" not in unusable:
        # A number counts seconds, as token endpoints' answers do.
        written = values["expires_at"]
        expires_at = utc_time(float(written) if written.isdigit() else written)
        if expires_at is None:
            unusable.append("expires_at")
        else:
            values["expires_at"] = expires_at.isoformat()
    if unusable:
        raise InputError(
            f"{source_type.label} credentials lack {', '.join(sorted(set(unusable)))}, or what they hold is unusable",
            expected_credentials(source_type),
        )
    return Credentials(values)


def _refuse_unknown(source_type: type[Source], given: Mapping[str, object], known: Collection[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"{source_type.label} credentials have no field {', '.join(map(repr, unknown))}",
            expected_credentials(source_type),
        )


def read_settings(source_type: type[Source], given: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    """A connector's choices as they are to be stored, by name.

    Raises:
        InputError: the source has no such choice, it is left empty, or the source cannot use it.
    """
    found: dict[str, list[str]] = {}
    for name, value in given:
        if name not in source_type.setting_names:
            known = ", ".join(source_type.setting_names) or "none"
            raise InputError(f"{source_type.label} connectors have no setting {name!r}", f"they have: {known}")
        if not value.strip():
            raise InputError(f"the setting {name} is empty", f"it means: {source_type.setting_names[name]}")
        found.setdefault(name, []).append(value.strip())
    return source_type.settled(found)


def _spellings(field: CredentialField) -> tuple[str, ...]:
    return (field.name, *field.aliases)
