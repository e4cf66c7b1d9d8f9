"""Leases: one writer a workspace, whatever processes meet; a dead one is taken over, a late one cannot write."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from headway_pipeline.model.errors import WorkspaceBusyError
from headway_pipeline.store import Store, holders, open_store
from headway_pipeline.store.leases import LEASE_S
from headway_pipeline.store.sealing import CredentialSealer
from headway_pipeline.store.tables import locks
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


def killed_holder(database_url: str) -> None:
    """A process took the lease and was killed by SIGKILL; nobody gave the lease back."""
    holder = start_holder(database_url)
    holder.kill()
    holder.communicate(timeout=30)


def change_holder(store: Store, **values: object) -> None:
    with store.database.writing() as connection:
        connection.execute(locks.update().values(**values))


def test_the_lease_of_a_killed_process_is_taken_over_at_once_on_its_machine(database_url: str, store: Store) -> None:
    at = place(store)
    killed_holder(database_url)
    assert store.leases.holder(at.workspace.id) is None
    with lease(store, at, "next") as held:
        assert held.token == 2


def test_a_process_that_was_killed_and_not_yet_waited_for_is_dead(database_url: str, store: Store) -> None:
    at = place(store)
    holder = start_holder(database_url)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with lease(store, at):
        pass
    holder.communicate(timeout=30)


def test_a_lease_whose_process_number_was_given_to_another_process_is_taken_over(
    database_url: str, store: Store
) -> None:
    """As after a crash of a container whose programs get the same numbers at every start."""
    at = place(store)
    killed_holder(database_url)
    change_holder(store, pid=os.getpid(), process_started=1)
    with lease(store, at):
        pass


@pytest.mark.parametrize(
    "elsewhere", [{"machine": "another boot pid:[1]"}, {"host": "elsewhere"}, {"machine": None}], ids=str
)
def test_a_killed_process_that_cannot_be_seen_from_here_keeps_its_lease_until_it_ends(
    database_url: str, store: Store, elsewhere: dict[str, str | None]
) -> None:
    at = place(store)
    killed_holder(database_url)
    change_holder(store, **elsewhere)
    with pytest.raises(WorkspaceBusyError, match="ends by itself within 90 seconds"), lease(store, at):
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


def test_where_the_system_does_not_tell_of_processes_only_time_ends_a_lease(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = place(store)
    killed_holder(database_url)
    monkeypatch.setattr(holders, "PROC", Path("/nowhere"))
    assert holders.this_process().machine is None
    with pytest.raises(WorkspaceBusyError), lease(store, at):
        pass


def test_a_process_of_another_user_that_may_not_be_asked_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A /proc that hides other users' processes hides them from the look, not from the question."""

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    here = holders.this_process()
    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(holders, "_look", lambda pid: ("S", here.started) if pid == os.getpid() else None)
    assert not holders.is_dead(replace(here, pid=here.pid + 1))


def test_the_words_name_the_host_and_the_process(store: Store, database_url: str) -> None:
    at = place(store)
    holder = start_holder(database_url)
    try:
        named = rf"process {holder.pid} on {re.escape(socket.gethostname())}"
        with pytest.raises(WorkspaceBusyError, match=named), lease(store, at):
            pass
        held = store.leases.holder(at.workspace.id)
        assert held is not None
        assert (held.owner, held.holder.pid) == ("the other process", holder.pid)
    finally:
        end(holder)
    assert store.leases.holder(at.workspace.id) is None


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


def test_an_owner_whose_leases_all_ended_without_being_given_back_is_found(database_url: str) -> None:
    times = [NOW]
    store = open_store(database_url, sealing=lambda: CredentialSealer([TEST_KEY]), now=lambda: times[-1])
    acme, globex, initech = (place(store, name) for name in ("Acme", "Globex", "Initech"))
    with lease(store, initech, "ended well"):
        pass
    with lease(store, acme, "a run"), lease(store, globex, "another"):
        assert store.leases.lapsed() == {}
        ended = NOW + timedelta(seconds=LEASE_S)
        times.append(ended)
        assert store.leases.lapsed() == {"a run": ended, "another": ended}
        # One lease of several that is renewed is a sign of life.
        with lease(store, initech, "a run"):
            assert store.leases.lapsed() == {"another": ended}
    assert store.leases.lapsed() == {}
    store.close()
