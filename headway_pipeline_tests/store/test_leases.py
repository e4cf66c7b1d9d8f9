"""Leases: one writer a workspace, whatever processes meet; a dead one is taken over, a late one cannot write."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from headway_pipeline.model.errors import WorkspaceBusyError
from headway_pipeline.store import Store, open_store
from headway_pipeline.store.leases import LEASE_S
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline_tests.conftest import TEST_KEY
from headway_pipeline_tests.store.rows import NOW, call, lease, place

#: A process that takes the lease, says so, and holds it until its input ends.
HOLDER = """
import sys
from headway_pipeline.store import open_store
store = open_store(sys.argv[1], sealing=None)
workspace = store.workspaces.find("acme")
with store.leases.hold(workspace.id, "the other process"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(url: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=30)


def test_a_second_process_is_told_who_writes_and_what_to_do(store: Store, database_url: str) -> None:
    at = place(store)
    holder = start_holder(database_url)
    try:
        with (
            pytest.raises(WorkspaceBusyError, match=r"another process writes .* the other process.*wait"),
            lease(store, at),
        ):
            pass
    finally:
        end(holder)
    with lease(store, at):
        pass


def test_a_patient_process_gets_the_lease_when_the_other_one_is_done(store: Store) -> None:
    at = place(store)
    first = store.leases.hold(at.workspace.id, "first")
    first.__enter__()

    def release_meanwhile(_seconds: float) -> None:
        if not released:
            released.append(True)
            first.__exit__(None, None, None)

    released: list[bool] = []
    store.leases._sleep = release_meanwhile
    with store.leases.hold(at.workspace.id, "second", patience_s=5) as held:
        assert held.owner == "second"


def test_the_lease_of_a_killed_process_ends_by_itself(database_url: str, store: Store) -> None:
    at = place(store)
    holder = start_holder(database_url)
    holder.kill()
    holder.communicate(timeout=30)
    with pytest.raises(WorkspaceBusyError), lease(store, at):
        pass
    after = open_store(
        database_url,
        sealing=lambda: CredentialSealer([TEST_KEY]),
        now=lambda: store.leases._now() + timedelta(seconds=LEASE_S + 1),
    )
    try:
        with after.leases.hold(at.workspace.id, "next") as held:
            assert held.owner == "next"
    finally:
        after.close()


def test_a_writer_that_lost_its_lease_without_noticing_cannot_write(
    store: Store, open_test_store: Callable[[], Store]
) -> None:
    at = place(store)
    other = open_test_store()
    other.leases._now = lambda: store.leases._now() + timedelta(seconds=LEASE_S + 1)
    with lease(store, at, "sleepy") as stale:
        with lease(other, at, "awake") as held:
            with pytest.raises(WorkspaceBusyError, match="took over"):
                store.listings.record_page(stale, at.connector.id, [call()], NOW)
            other.listings.record_page(held, at.connector.id, [call()], NOW)
        assert len(store.reading.messages(at.workspace.id)) == 1


def test_leases_of_two_workspaces_do_not_meet(store: Store) -> None:
    with lease(store, place(store, "One"), "a"), lease(store, place(store, "Two"), "b"):
        pass
