"""Workspaces, connectors and themes: what people set up, and what they are told when it cannot be."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from headway_pipeline.model.errors import AlreadyExistsError, InputError, StoreError, UnknownThingError
from headway_pipeline.model.workspaces import ConnectorHealth, Credentials
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.tables import workspaces
from headway_pipeline_tests.store.rows import place


def test_a_workspace_is_found_by_slug_and_by_id(store: Store) -> None:
    made = store.workspaces.add("Tally & Port, Inc.", vendor_domains=frozenset({"@TallyPort.example "}))
    assert made.slug == "tally-port-inc"
    assert made.vendor_domains == {"tallyport.example"}
    assert store.workspaces.find("tally-port-inc") == store.workspaces.find(str(made.id)) == made


def test_an_unknown_workspace_is_an_error_that_names_the_known_ones(store: Store) -> None:
    store.workspaces.add("Acme")
    with pytest.raises(UnknownThingError, match=r"no workspace 'acmee'.*\(acme\).*headway workspace add"):
        store.workspaces.find("acmee")


@pytest.mark.parametrize("slug", ["", "-acme", "Acme", "a b", "a|b", "a,b", "x" * 64])
def test_a_slug_that_would_break_partition_keys_is_refused(store: Store, slug: str) -> None:
    with pytest.raises(InputError, match="no slug"):
        store.workspaces.add("???", slug=slug)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Ümlaut & Söhne", "umlaut-sohne"), ("Tōkyō 7", "tokyo-7"), ("Ｆｕｌｌ", "full"), ("ACME", "acme")],
)
def test_accents_do_not_take_letters_out_of_a_slug(store: Store, name: str, slug: str) -> None:
    assert store.workspaces.add(name).slug == slug


def test_names_that_are_taken_are_refused_and_nothing_is_changed(store: Store) -> None:
    at = place(store)
    store.themes.add(at.workspace.id, "Exports", description="first")
    with pytest.raises(AlreadyExistsError, match="workspace 'acme'"):
        store.workspaces.add("ACME")
    with pytest.raises(AlreadyExistsError, match="theme 'Exports'"):
        store.themes.add(at.workspace.id, "Exports", description="second")
    with pytest.raises(AlreadyExistsError, match="connector 'gong'"):
        store.connectors.add(at.workspace.id, "gong")
    assert [row.theme.description for row in store.themes.list(at.workspace.id)] == ["first"]


def test_a_theme_can_be_renamed_but_not_to_a_name_that_is_taken(store: Store) -> None:
    at = place(store)
    first = store.themes.add(at.workspace.id, "Exports").theme
    store.themes.add(at.workspace.id, "Billing")
    assert store.themes.edit(first.id, description="files").theme.description == "files"
    with pytest.raises(AlreadyExistsError, match="'Billing'"):
        store.themes.edit(first.id, name="Billing")


def test_an_archived_theme_is_current_no_more_and_its_name_stays_taken(store: Store) -> None:
    at = place(store)
    row = store.themes.add(at.workspace.id, "Exports")
    store.themes.archive(row.theme.id)
    assert store.themes.current(at.workspace.id) == ()
    with pytest.raises(AlreadyExistsError, match="archived"):
        store.themes.add(at.workspace.id, "Exports")


def test_workspaces_with_the_same_names_stay_apart(store: Store) -> None:
    one, two = place(store, "One"), place(store, "Two")
    store.themes.add(one.workspace.id, "Exports")
    store.themes.add(two.workspace.id, "Exports")
    assert one.connector.id != two.connector.id
    assert len(store.themes.list(one.workspace.id)) == 1
    with pytest.raises(UnknownThingError):
        store.connectors.find(one.workspace.id, str(two.connector.id))


def test_health_is_written_with_its_words_and_cleared_by_success(store: Store) -> None:
    at = place(store)
    resume_at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    store.connectors.record_health(
        at.connector.id, ConnectorHealth.PAUSED_UNTIL, last_error="wait", resume_at=resume_at
    )
    paused = store.connectors.find(at.workspace.id, "gong")
    assert (paused.health, paused.last_error, paused.resume_at) == (ConnectorHealth.PAUSED_UNTIL, "wait", resume_at)
    store.connectors.record_health(at.connector.id, ConnectorHealth.OK, ok=True)
    fine = store.connectors.find(at.workspace.id, "gong")
    assert (fine.last_error, fine.resume_at) == (None, None)
    assert fine.last_ok_at is not None


def test_a_new_address_takes_the_credentials_given_with_it(store: Store) -> None:
    at = place(store)
    store.connectors.readdress(at.connector.id, base_url="http://127.0.0.1:1", credentials=Credentials({"k": "new"}))
    found = store.connectors.find(at.workspace.id, "gong")
    assert found.base_url == "http://127.0.0.1:1"
    assert dict(store.connectors.credentials(found)) == {"k": "new"}


def test_times_are_aware_utc_whatever_zone_they_came_in(store: Store) -> None:
    at = place(store)
    there = datetime(2026, 3, 1, 23, 30, tzinfo=UTC).astimezone(tz=None) + timedelta(0)
    store.connectors.record_health(at.connector.id, ConnectorHealth.PAUSED_UNTIL, resume_at=there)
    found = store.connectors.find(at.workspace.id, "gong").resume_at
    assert found == there
    assert found is not None
    assert found.tzinfo is UTC


def test_a_naive_time_is_a_defect_that_shows_at_once(store: Store) -> None:
    at = place(store)
    with pytest.raises(sa.exc.StatementError, match="naive"):
        store.connectors.record_health(at.connector.id, ConnectorHealth.OK, resume_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_what_the_database_refuses_shows_no_values(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store.database.writing() as connection:
        connection.execute(workspaces.insert().values(id=None, slug="private words", name="x"))
    assert "private words" not in str(caught.value)


def _add_themes(url: str, prefix: str) -> None:
    store = open_store(url, sealing=lambda: pytest.fail("no credentials here"))
    workspace = store.workspaces.find("acme")
    for number in range(40):
        store.themes.add(workspace.id, f"{prefix} {number}")
    store.close()


def test_processes_that_read_and_then_write_at_once_all_succeed(database_url: str, store: Store) -> None:
    """A deferred SQLite transaction that reads first fails at once here; taking the write lock first waits."""
    at = place(store)
    spawning = multiprocessing.get_context("spawn")
    running = [spawning.Process(target=_add_themes, args=(database_url, prefix)) for prefix in ("a", "b", "c")]
    for process in running:
        process.start()
    for process in running:
        process.join(timeout=120)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert len(store.themes.list(at.workspace.id)) == 120


def test_the_embedded_database_is_a_file_its_owner_may_use(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be reached or used"):
        open_store(f"sqlite:///{tmp_path / 'missing' / 'x.db'}", sealing=lambda: pytest.fail("no"))


def test_the_first_name_of_a_renamed_theme_is_free_again(store: Store) -> None:
    at = place(store)
    first = store.themes.add(at.workspace.id, "Exports").theme
    store.themes.edit(first.id, name="Reports")
    again = store.themes.add(at.workspace.id, "Exports").theme
    assert again.id != first.id
    assert [row.theme.name for row in store.themes.list(at.workspace.id)] == ["Reports", "Exports"]


def test_a_theme_cannot_be_renamed_to_nothing(store: Store) -> None:
    at = place(store)
    theme = store.themes.add(at.workspace.id, "Exports").theme
    with pytest.raises(InputError, match="needs a name"):
        store.themes.edit(theme.id, name=" ")


def test_an_empty_vendor_domain_is_refused_for_it_would_make_everybody_the_vendor(store: Store) -> None:
    with pytest.raises(InputError, match="domain is empty"):
        store.workspaces.add("Acme", vendor_domains=frozenset({""}))


def test_a_number_that_no_column_holds_is_an_error_of_the_store(store: Store) -> None:
    too_large = sa.text("SELECT CAST(:number AS integer)").bindparams(number=2**80)
    with pytest.raises(StoreError), store.database.writing() as connection:
        connection.execute(too_large)
