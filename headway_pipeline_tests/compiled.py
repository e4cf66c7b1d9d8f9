"""SQL that is compiled once for a whole session of tests.

An engine keeps the statements it compiled, as that of a real installation does for days; but every test opens an
engine of its own and would compile the same statements again. What is compiled depends on the statement and on how
the dialect is set, never on the database.
"""

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine, event

__all__ = ["compile_once"]

#: How a dialect is set; what else it holds, every dialect of its class makes alike for itself.
PLAIN = (bool, int, float, str, bytes, tuple, frozenset, type(None))
SERIALIZERS = ("_json_serializer", "_json_deserializer")


class SharedStatements:
    """A `compiled_cache` for engines whose dialects are set alike."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Any] = {}
        self._dialects: WeakKeyDictionary[Dialect, tuple[Any, ...]] = WeakKeyDictionary()

    def get(self, key: tuple[Any, ...]) -> Any:
        """What was compiled for this statement, or None."""
        return self._compiled.get(self._shared(key))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._compiled[self._shared(key)] = compiled

    def _shared(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        dialect, *statement = key
        if dialect not in self._dialects:
            self._dialects[dialect] = _settings(dialect)
        return self._dialects[dialect], *statement


def _settings(dialect: Dialect) -> tuple[Any, ...]:
    held = vars(dialect).items()
    return type(dialect), *sorted(
        (name, repr(value)) for name, value in held if isinstance(value, PLAIN) or name in SERIALIZERS
    )


def compile_once() -> None:
    """Have every engine of this process take its statements from one place."""
    shared = SharedStatements()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=shared)

    event.listen(Engine, "engine_connect", share)
