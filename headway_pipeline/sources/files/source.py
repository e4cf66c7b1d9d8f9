"""How a folder or an archive is asked for its calls."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from headway_pipeline.model.calls import Side, Transcript
from headway_pipeline.model.errors import (
    ConfigurationError,
    Failing,
    InputError,
    SourceContractError,
    TransientSourceError,
)
from headway_pipeline.model.ledger import Presence
from headway_pipeline.model.windows import TimeWindow
from headway_pipeline.sources.contract import (
    Absence,
    CallRef,
    Connection,
    Hydration,
    NotHydrated,
    Page,
    RequestDefaults,
    Source,
    Standing,
)
from headway_pipeline.sources.files.calls import CallParser
from headway_pipeline.sources.files.contents import Contents, read_contents
from headway_pipeline.sources.files.inventory import Inventory, Item
from headway_pipeline.sources.files.shelves import ARCHIVES, open_shelf
from headway_pipeline.sources.people import folded
from headway_pipeline.sources.turns import segments_of

__all__ = ["FilesSource"]

PAGE_SIZE = 100


class FilesSource(Source):
    """Transcripts in a folder, a .zip or a .tar.gz on this machine."""

    name: ClassVar[str] = "files"
    label: ClassVar[str] = "Files"
    setting_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "path": "the folder, or the .zip or .tar.gz, that holds the transcripts",
            "vendor_name": "one of your own people, as the transcripts write the name; may be repeated",
        }
    )
    #: It reads whatever this process may read.
    is_operator_only: ClassVar[bool] = True
    #: No request is made; only the windows count.
    request_defaults: ClassVar[RequestDefaults] = RequestDefaults(
        requests_per_second=1_000.0, requests_per_day=1_000_000, lookback=timedelta(days=7)
    )
    hydrate_batch_size: ClassVar[int] = 100

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        if not connection.settings.get("path"):
            raise ConfigurationError(
                "the connector names no path", "give it one: `headway connector edit --setting path=...`"
            )
        self.root = Path(connection.settings["path"][0])
        vendor_names = frozenset(folded(name) for name in connection.settings.get("vendor_name", ()))
        self._parser = CallParser(self.name, self.root, connection.vendor_domains, vendor_names)
        self._inventory = Inventory()
        # Within one walk the folder is looked through once; any other object would find the same.
        self._items: Sequence[Item] | None = None

    @classmethod
    def settled(cls, settings: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """The path made absolute: it is read by processes that run elsewhere.

        Raises:
            InputError: no path is named or several are, or there is no folder and no archive of a known kind.
        """
        if len(settings.get("path", ())) != 1:
            raise InputError("a Files connector reads one path", f"give path=..., {cls.setting_names['path']}")
        path = Path(settings["path"][0]).expanduser().resolve()
        if not path.is_dir() and not (path.is_file() and path.name.endswith(ARCHIVES)):
            raise InputError(f"{path} is no folder and no archive", f"name a folder or a {' or '.join(ARCHIVES)}")
        return {**settings, "path": [str(path)]}

    def check(self) -> Standing:
        """Count what is there.

        Raises:
            SourceError: as `list`.
        """
        with open_shelf(self.name, self.root) as shelf:
            items = [*self._inventory.items(shelf)]
        bad = sum(item.problem is not None for item in items)
        beside = f" and {bad} files that cannot be read" if bad else ""
        return Standing(len(items) > bad, f"{self.root} holds {len(items) - bad} calls{beside}")

    def list(self, window: TimeWindow, page_token: str | None) -> Page:
        """A hundred of the calls that started in `window`, in the order of their paths.

        Raises:
            TransientSourceError: the folder or archive is not there (a network drive that is not mounted).
            MissingPermissionError: it may not be read.
            SourceContractError: it is no archive.
        """
        with open_shelf(self.name, self.root) as shelf:
            if page_token is None or self._items is None:
                self._items = [*self._inventory.items(shelf)]
            after = page_token or ""
            within = (item for item in self._items if window.start <= item.starts_at < window.end)
            ahead = sorted((item for item in within if item.order > after), key=lambda item: item.order)
            unknown: Counter[str] = Counter()
            parsed = [
                self._parser.parse(item, contents, unknown)
                for item, contents in read_contents(shelf, ahead[:PAGE_SIZE])
            ]
        return Page.of(parsed, ahead[PAGE_SIZE - 1].order if len(ahead) > PAGE_SIZE else None, unknown)

    def hydrate(self, refs: Sequence[CallRef]) -> Iterator[Hydration | NotHydrated]:
        """The words of up to a hundred calls, read from their files again.

        Raises:
            SourceError: as `list`; SourceContractError for a file that has become unusable since it was listed.
        """
        with open_shelf(self.name, self.root) as shelf:
            if self._items is None:
                self._items = [*self._inventory.items(shelf)]
            known = {item.id: item for item in self._items if item.id is not None}
            sought = [known[ref.external_id] for ref in refs if ref.external_id in known]
            for ref in refs:
                if ref.external_id not in known:
                    yield NotHydrated(ref.external_id, Absence.ABSENT, "the file is no longer there")
            for item, contents in read_contents(shelf, sought):
                if isinstance(contents, SourceContractError):
                    raise contents
                yield self._hydrated(str(item.id), contents)

    def look_up(self, ref: CallRef) -> Presence:
        """Whether the call's file is still there.

        Raises:
            TransientSourceError: nothing else is there either; an empty folder is taken for one that is not mounted.
            SourceError: as `list`.
        """
        with open_shelf(self.name, self.root) as shelf:
            items = [*self._inventory.items(shelf)]
        if not items:
            raise TransientSourceError(
                f"{self.root} holds no calls any more",
                "mount it again; if its calls are to be forgotten, use `headway missing`",
                at=Failing(self.name),
            )
        return Presence.PRESENT if any(item.id == ref.external_id for item in items) else Presence.GONE

    @classmethod
    def link(cls, url: str, start_ms: int | None) -> str:
        """The address with the moment as a media fragment (https://www.w3.org/TR/media-frags/)."""
        return url if start_ms is None else f"{url.partition('#')[0]}#t={start_ms // 1000}"

    def _hydrated(self, external_id: str, contents: Contents) -> Hydration | NotHydrated:
        if contents.is_private:
            return NotHydrated(external_id, Absence.FORBIDDEN, "the file marks the call private")
        sides = self._parser.sides(contents)
        segments = segments_of(contents.spoken, lambda heard: sides.get(heard.key or heard.speaker, Side.UNKNOWN))
        return Hydration(external_id, Transcript(tuple(segments)))
