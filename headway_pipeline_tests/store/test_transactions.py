"""Several of the store's own transactions as one: all of them, or none."""

import threading

import pytest
import sqlalchemy as sa

from headway_pipeline.model.errors import InputError
from headway_pipeline.store import Store
from headway_pipeline.store.tables import themes


class GaveUpError(Exception):
    """Somebody changed their mind in the middle."""


def names(store: Store) -> set[str]:
    return {workspace.name for workspace in store.workspaces.list()}


def test_what_is_written_at_once_is_read_at_once_and_stands_afterwards(store: Store) -> None:
    with store.at_once():
        acme = store.workspaces.add("Acme")
        store.themes.add(acme.id, "Exports")
        assert [row.theme.name for row in store.themes.list(acme.id)] == ["Exports"]
    assert [row.theme.name for row in store.themes.list(acme.id)] == ["Exports"]


def test_an_error_in_the_middle_undoes_all_of_it(store: Store) -> None:
    def change_their_mind() -> None:
        with store.at_once():
            store.workspaces.add("Acme")
            with store.at_once():
                store.workspaces.add("Globex")
            assert names(store) == {"Acme", "Globex"}
            raise GaveUpError

    with pytest.raises(GaveUpError):
        change_their_mind()
    assert names(store) == set()
    store.workspaces.add("Initech")
    assert names(store) == {"Initech"}


def test_a_part_that_fails_and_is_made_good_takes_nothing_else_with_it(store: Store) -> None:
    with store.at_once():
        store.workspaces.add("Acme")
        with pytest.raises(InputError):
            store.workspaces.add("Acme")
        store.workspaces.add("Globex")
    assert names(store) == {"Acme", "Globex"}


def test_within_a_workspace_it_holds_and_shows_that_workspace_alone(store: Store) -> None:
    acme, globex = store.workspaces.add("Acme"), store.workspaces.add("Globex")
    store.themes.add(globex.id, "Billing")
    within = store.within(acme.id)

    def change_their_mind() -> None:
        with within.at_once():
            within.themes.add(acme.id, "Exports")
            with within.database.reading() as connection:
                assert connection.execute(sa.select(themes.c.name)).scalars().all() == ["Exports"]
            raise GaveUpError

    with pytest.raises(GaveUpError):
        change_their_mind()
    assert [row.theme.name for row in store.themes.list(globex.id)] == ["Billing"]
    assert store.themes.list(acme.id) == []


def test_another_thread_is_not_in_it(store: Store) -> None:
    seen = []
    with store.at_once():
        store.workspaces.add("Acme")
        other = threading.Thread(target=lambda: seen.append(names(store)))
        other.start()
        other.join()
    assert seen == [set()]
    assert names(store) == {"Acme"}
