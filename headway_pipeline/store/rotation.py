"""A new sealing key in place of the old one. Interrupted at any moment it loses nothing, and goes on when run again.

In this order, so that every sealed value opens with the keys at hand at every moment: the new key joins the old ones;
every value is sealed with it; and only in a second run, when each was found to open with the newest key alone, do
the older ones go.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from headway_pipeline.model.errors import InputError
from headway_pipeline.settings import Settings
from headway_pipeline.store.configured import configured_keys, has_key_file, open_configured_store
from headway_pipeline.store.key_file import add_key, held, keep_newest_key
from headway_pipeline.store.opening import Store
from headway_pipeline.store.seals import Seal

__all__ = ["Rotation", "rotate_keys"]

#: Whoever renews an access token reads the keys, asks the source for nothing more, and writes: well within this.
OLDEST_READER_S = 60.0
ENVIRONMENT_REMEDY = (
    "put a new key before it (HEADWAY_SECRET_KEY=new,old), restart what runs, then repeat; make one with "
    '`python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`'
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was done.

    Attributes:
        has_key_file: the keys stand in the key file; else in HEADWAY_SECRET_KEY.
        is_new_key: a key was made.
        sealed: how many values are sealed with the newest key now.
        resealed: how many of them by this run.
        unopened: names of values that no key at hand opens.
        dropped: how many older keys were taken out of the key file.
        kept: how many older keys are still at hand.
    """

    has_key_file: bool
    is_new_key: bool
    sealed: int
    resealed: int
    unopened: tuple[str, ...]
    dropped: int
    kept: int


def rotate_keys(settings: Settings, *, drop_old: bool, clock: Callable[[], float] = time.time) -> Rotation:
    """Seal everything with a new key; or, with `drop_old`, with the newest one there is, and take the older ones out.

    A rotation that was interrupted is finished with the key it made.

    Args:
        clock: seconds since 1970; how old the newest key is.

    Raises:
        InputError: HEADWAY_SECRET_KEY holds a single key; or the older keys may still be in use.
        ConfigurationError: another process is changing the keys, or they cannot be read or written.
        StoreError: the database cannot be used.
    """
    in_file = has_key_file(settings)
    settings.prepare_home()
    with held(settings.key_file) if in_file else contextlib.nullcontext():
        store = open_configured_store(settings)
        try:
            is_new_key = not drop_old and _made_ready(settings, store, in_file=in_file)
            resealed = store.seals.reseal()
            found = store.seals.examine()
            unopened = tuple(value.name for value in found if value.seal in (Seal.UNKNOWN, Seal.NONE))
            dropped = _drop(settings, unopened, clock()) if drop_old and in_file else 0
        finally:
            store.close()
        kept = len(configured_keys(settings)) - 1
    sealed = len(found) - len(unopened)
    return Rotation(in_file, is_new_key, sealed, resealed, unopened, dropped, kept)


def _made_ready(settings: Settings, store: Store, *, in_file: bool) -> bool:
    """Whether a key was made: none is while values wait for the newest one."""
    if any(value.seal is Seal.OLDER for value in store.seals.examine()):
        return False
    if in_file:
        add_key(settings.key_file)
        return True
    if len(configured_keys(settings)) == 1:
        raise InputError(
            "HEADWAY_SECRET_KEY holds one key, and there is no newer one to seal with", ENVIRONMENT_REMEDY
        )
    return False


def _drop(settings: Settings, unopened: tuple[str, ...], now: float) -> int:
    if unopened:
        raise InputError(
            f"no key opens {', '.join(unopened)}",
            "the older keys stay until those are given anew or removed: they might be needed after all",
        )
    if len(configured_keys(settings)) > 1 and now - settings.key_file.stat().st_mtime < OLDEST_READER_S:
        raise InputError(
            "the newest key is less than a minute old, and what runs may still seal with the one before",
            "repeat it in a minute",
        )
    return keep_newest_key(settings.key_file)
