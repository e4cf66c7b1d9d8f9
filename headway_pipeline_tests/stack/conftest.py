"""One installation for all tests of this folder: starting it costs more than most of them."""

from collections.abc import Iterator

import pytest

from headway_pipeline_tests.stack.processes import Stack
from headway_pipeline_tests.stack.setting import running_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The same from the first test to the last."""
    with running_stack(tmp_path_factory.mktemp("stack"), has_quick_daemon=True) as running:
        yield running
