"""The store that the environment names."""

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.settings import Settings
from headway_pipeline.store.opening import Store, open_store
from headway_pipeline.store.sealing import KEY_HELP, CredentialSealer, keys_of, load_or_make_key_file

__all__ = ["open_configured_store"]


def open_configured_store(settings: Settings) -> Store:
    """The database of DATABASE_URL, or the embedded one in HEADWAY_HOME.

    Raises:
        StoreError: it cannot be opened.
        ConfigurationError: DATABASE_URL is not usable.
    """
    settings.prepare_home()
    return open_store(settings.database_url, sealing=lambda: _sealer(settings))


def _sealer(settings: Settings) -> CredentialSealer:
    if settings.secret_key is not None:
        return CredentialSealer(keys_of(settings.secret_key))
    if settings.is_embedded:
        return CredentialSealer(load_or_make_key_file(settings.key_file), named=f"the key file {settings.key_file}")
    raise ConfigurationError(
        "HEADWAY_SECRET_KEY is not set, and only the embedded database keeps a key file", KEY_HELP
    )
