"""Which providers there are: those of this folder, and installed ones that name themselves by an entry point.

An installed package adds a provider by an entry point of the group `headway_pipeline.llm` that leads to a subclass
of `contract.Provider` (https://packaging.python.org/en/latest/specifications/entry-points/).
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from headway_pipeline import llm
from headway_pipeline.llm.contract import Access, Provider
from headway_pipeline.model.errors import ConfigurationError, InputError, UnknownThingError

__all__ = ["ModelChoice", "choose_model", "connect", "discover", "find_provider", "providers_by_name", "read_choice"]

ENTRY_POINT_GROUP = "headway_pipeline.llm"
#: Which model is asked: `provider:model`, or `provider` for its default.
MODEL_VARIABLE = "HEADWAY_MODEL"
#: How long the models' context is, where the server cannot tell.
CONTEXT_VARIABLE = "HEADWAY_MODEL_CONTEXT_TOKENS"


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model of a provider; as text `provider:model`."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


@cache
def discover() -> Mapping[str, type[Provider]]:
    """Every provider by its name, in the order of the names; looked up once a process.

    Raises:
        ConfigurationError: an installed provider cannot be loaded, or two have one name.
    """
    return providers_by_name(entry_points(group=ENTRY_POINT_GROUP))


def providers_by_name(installed: Iterable[EntryPoint]) -> Mapping[str, type[Provider]]:
    """The providers of this folder and of the `installed` entry points, by name.

    Raises:
        ConfigurationError: as `discover`.
    """
    found: dict[str, type[Provider]] = {}
    for provider in (*_providers_of_folder(), *map(_loaded, installed)):
        if found.setdefault(provider.name, provider) is not provider:
            raise ConfigurationError(
                f"two providers are named {provider.name!r} "
                f"({found[provider.name].__module__} and {provider.__module__})",
                "uninstall one of them",
            )
    return MappingProxyType(dict(sorted(found.items())))


def _providers_of_folder() -> Iterator[type[Provider]]:
    for module_info in pkgutil.iter_modules(llm.__path__, f"{llm.__name__}."):
        module = importlib.import_module(module_info.name)
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            is_own = kind.__module__ == module.__name__
            if is_own and issubclass(kind, Provider) and not inspect.isabstract(kind):
                yield kind


def _loaded(entry: EntryPoint) -> type[Provider]:
    remedy = f"reinstall or remove the package that brings it ({entry.value})"
    try:
        kind = entry.load()
    except Exception as error:  # whatever a foreign module does when it is imported
        raise ConfigurationError(f"the installed provider {entry.name!r} cannot be loaded", remedy) from error
    if not (isinstance(kind, type) and issubclass(kind, Provider)) or inspect.isabstract(kind):
        raise ConfigurationError(
            f"the installed provider {entry.name!r} does not keep the contract of a provider", remedy
        )
    return kind


def find_provider(name: str) -> type[Provider]:
    """The provider of that name.

    Raises:
        UnknownThingError: there is none.
    """
    found = discover()
    if name not in found:
        raise UnknownThingError(f"there is no provider named {name!r}", f"take one of: {', '.join(found)}")
    return found[name]


def read_choice(named: str) -> ModelChoice:
    """The model that `provider:model` names, or the default one where only `provider` stands.

    Raises:
        UnknownThingError: there is no such provider.
        InputError: no model is named and the provider has no default.
    """
    name, _colon, model = (part.strip() for part in named.strip().partition(":"))
    provider = find_provider(name)
    chosen = model or provider.default_model
    if chosen is None:
        raise InputError(f"{name} has no default model", f"name one: {name}:<model>")
    return ModelChoice(name, chosen)


def choose_model(environment: Mapping[str, str]) -> ModelChoice | None:
    """The model the environment asks for: `HEADWAY_MODEL`, else the default of a provider with a key, else none.

    Raises:
        ConfigurationError: `HEADWAY_MODEL` names no model there is.
    """
    named = environment.get(MODEL_VARIABLE, "").strip()
    if named:
        try:
            return read_choice(named)
        except InputError as error:
            raise ConfigurationError(f"{MODEL_VARIABLE} is {named!r}; {error.message}", error.remedy) from error
    for name, provider in discover().items():
        if provider.default_model is not None and environment.get(provider.key_variable, "").strip():
            return ModelChoice(name, provider.default_model)
    return None


def connect(name: str, environment: Mapping[str, str], *, timeout_s: float = 600.0) -> Provider:
    """A provider object ready to be asked, with its key and address from the environment; nothing is sent yet.

    Raises:
        UnknownThingError: there is no such provider.
        ConfigurationError: its key or address is missing or cannot be used; names variables, never values.
    """
    provider = find_provider(name)
    key = environment.get(provider.key_variable, "").strip()
    if provider.needs_key and not key:
        raise ConfigurationError(f"{provider.key_variable} is not set", f"set it to your key for {provider.label}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        # Headers cannot carry it, and the error of whoever tries would show it.
        raise ConfigurationError(f"{provider.key_variable} holds no key", "copy the key again, without anything else")
    return provider(Access(key, _base_url(provider, environment), timeout_s, _context_tokens(environment)))


def _base_url(provider: type[Provider], environment: Mapping[str, str]) -> str | None:
    url = environment.get(provider.url_variable, "").strip()
    if not url and not provider.needs_base_url:
        return None
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"{provider.url_variable} holds no address" if url else f"{provider.url_variable} is not set",
            "write it with its scheme, for example http://127.0.0.1:11434/v1",
        )
    return url.rstrip("/")


def _context_tokens(environment: Mapping[str, str]) -> int | None:
    written = environment.get(CONTEXT_VARIABLE, "").strip()
    if not written:
        return None
    if not (written.isascii() and written.isdigit() and int(written)):
        raise ConfigurationError(f"{CONTEXT_VARIABLE} is {written!r}, which is no count", "write it as 32768")
    return int(written)
