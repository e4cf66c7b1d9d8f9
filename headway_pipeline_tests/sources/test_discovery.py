import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from headway_pipeline.model.errors import ConfigurationError, InputError, UnknownThingError
from headway_pipeline.sources.discovery import (
    discover,
    find_source,
    link_to,
    read_credentials,
    sources_by_name,
)
from headway_pipeline.sources.gong import GongSource


class ClaimingToBeGong(GongSource):
    """Another source of the same name."""


class InstalledSource(GongSource):
    """What an installed package might bring."""

    name = "murmur"


def entry(name: str) -> EntryPoint:
    return EntryPoint(name.lower(), f"{__name__}:{name}", "headway_pipeline.sources")


def test_the_sources_of_the_folder_are_found() -> None:
    assert discover()["gong"] is GongSource
    assert find_source("gong") is GongSource


def test_an_installed_source_stands_beside_them() -> None:
    found = sources_by_name([entry("InstalledSource")])
    assert list(found) == sorted({*discover(), "murmur"})


def test_two_sources_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two sources are named 'gong'"):
        sources_by_name([entry("ClaimingToBeGong")])


@pytest.mark.parametrize("name", ["NoSuchThing", "entry", "EntryPoint"])
def test_an_entry_point_that_brings_no_source_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name.lower()):
        sources_by_name([entry(name)])


def test_an_unknown_source_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownThingError, match=r"take one of: .*gong"):
        find_source("goong")


def test_reading_does_not_pay_for_the_http_library() -> None:
    script = (
        "import sys; from headway_pipeline.sources.discovery import link_to; "
        "link_to('gong', 'https://app.gong.io/call?id=1', 1); sys.exit('requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_links_of_sources_that_are_gone_still_lead_to_the_call() -> None:
    assert link_to("no_longer_installed", "https://calls.example/1", 5000) == "https://calls.example/1"
    assert link_to("gong", None, 5000) is None
    assert "highlights" in (link_to("gong", "https://app.gong.io/call?id=1", 5000) or "")


def test_credentials_are_taken_under_any_accepted_spelling() -> None:
    read = read_credentials(GongSource, {"gong_access_key": "key\n", "secret_key": " hush "})
    assert dict(read) == {"access_key": "key", "secret_key": "hush"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"access_key": "hunter2"}, "secret_key"),
        ({"access_key": "hunter2", "secret_key": ""}, "secret_key"),
        ({"access_key": "hunter2", "secret_key": 5}, "secret_key"),
        ({"access_key": "hunter2", "secret_key": "hunter2", "token": "hunter2"}, "token"),
        ({"access_key": "hunter2", "gong_access_key": "hunter2", "secret_key": "hunter2"}, "gong_access_key"),
    ],
)
def test_unusable_credentials_are_refused_by_field_and_never_by_value(given: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as raised:
        read_credentials(GongSource, given)
    assert "hunter2" not in str(raised.value)
