"""The store that the environment names, and the keys it is sealed with."""

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.settings import Settings
from headway_pipeline.store.key_file import load_or_make_key_file
from headway_pipeline.store.opening import Store, open_store
from headway_pipeline.store.sealing import KEY_HELP, CredentialSealer, keys_of

__all__ = ["configured_keys", "has_key_file", "open_configured_store"]


def open_configured_store(settings: Settings) -> Store:
    """The database of DATABASE_URL, or the embedded one in HEADWAY_HOME.

    Raises:
        StoreError: it cannot be opened.
        ConfigurationError: DATABASE_URL is not usable.
    """
    settings.prepare_home()
    return open_store(settings.database_url, sealing=lambda: _sealer(settings))


def has_key_file(settings: Settings) -> bool:
    """Whether the keys stand in the key file and not in the environment."""
    return settings.secret_key is None and settings.is_embedded


def configured_keys(settings: Settings) -> list[str]:
    """The keys at hand, newest first.

    Raises:
        ConfigurationError: there is none, or the key file is not usable.
    """
    if settings.secret_key is not None:
        return keys_of(settings.secret_key)
    if settings.is_embedded:
        return load_or_make_key_file(settings.key_file)
    raise ConfigurationError(
        "HEADWAY_SECRET_KEY is not set, and only the embedded database keeps a key file", KEY_HELP
    )


def _sealer(settings: Settings) -> CredentialSealer:
    named = f"the key file {settings.key_file}" if has_key_file(settings) else "HEADWAY_SECRET_KEY"
    return CredentialSealer(configured_keys(settings), named=named)
