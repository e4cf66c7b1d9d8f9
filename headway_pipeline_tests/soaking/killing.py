"""Runs of the real job in processes of their own, killed at random moments inside each of its stages.

The processes are forked by a server that has imported Dagster, so that one costs no start; each is a process of its
own all the same, with its own connections, and SIGKILL leaves it no moment to tidy up.
"""

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from headway_pipeline.sandbox.exchange import Logged
from headway_pipeline_tests.soaking.child import STEPS, Ended, Errand, Told, carry_out
from headway_pipeline_tests.soaking.setting import Setting

__all__ = ["Killer"]

#: Imported before processes are forked: the job, and what it imports once it is at work (a missing one does no harm).
PRELOADED = (
    carry_out.__module__,
    *("alembic.command", "cryptography.fernet", "matplotlib.figure", "matplotlib.backends.backend_agg", "pandas"),
    *("requests", "dagster._core.execution.execute_in_process", "dagster._core.storage.sqlite_storage"),
    *("dagster._core.instance.factory", "dagster._core.instance.runs.run_domain"),
    *("dagster._daemon.auto_run_reexecution.auto_run_reexecution", "dagster._core.remote_representation"),
)
#: Real seconds without a word: no stage of a soak takes so long.
LONGEST_SILENCE_S = 600.0
NEVER_S = float("inf")
#: Guessed before the first one of a kind has ended.
FIRST_GUESS_S = 0.3
#: A process that is killed this soon after an answer may not have written it down.
UNHEARD_S = 0.5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Killer:
    """Carries out runs; some of them are killed and begun anew at once.

    Attributes:
        kills: by stage.
        locked_out: runs that another's lease kept out, though that one was dead.
        broken: what went wrong in runs that were not killed, but for days that could not be completed.
        runs: how many processes there were.
        cpu_s: what they spent.
    """

    def __init__(self, setting: Setting, url: str, home: Path, *, kills: int, runs: int, seed: int) -> None:
        """Nothing is started.

        Args:
            kills: how many, evenly over the stages.
            runs: how many runs there will be, at least; over these the kills are spread.
            seed: of when is killed where.
        """
        self._setting = setting
        self._url = url
        self._home = home
        self._random = random.Random(seed)
        due = [STEPS[number % len(STEPS)] for number in range(kills)]
        self._random.shuffle(due)
        moments = [self._random.randrange(runs) for _ in due]
        self._due = sorted(zip(moments, due, strict=True), key=lambda one: (one[0], STEPS.index(one[1])))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*PRELOADED])
        self._lasted = dict.fromkeys(STEPS, FIRST_GUESS_S)
        self._killed_at: list[float] = []
        self._asked = 0
        self.kills: Counter[str] = Counter()
        self.locked_out: list[str] = []
        self.broken: list[str] = []
        self.runs = 0
        self.cpu_s = 0.0

    @property
    def left(self) -> int:
        """How many are still to be killed."""
        return len(self._due)

    def ingest(self, since: date, until: date) -> None:
        """A run over these days; one that is killed is begun anew, until one comes to its end."""
        while not self._run(since, until):
            pass
        self._asked += 1

    def heard(self, log: Sequence[Logged]) -> tuple[Logged, ...]:
        """The requests without answers that asked for a wait and died with the process they were given to."""
        return tuple(entry for entry in log if entry.retry_after_s is None or not self._has_died(entry.answered_s))

    def _has_died(self, answered_s: float) -> bool:
        return any(0 <= killed_at - answered_s < UNHEARD_S for killed_at in self._killed_at)

    def _run(self, since: date, until: date) -> bool:
        """One process; whether it came to its end."""
        setting = self._setting
        start, slug = setting.soak.start.date(), setting.workspace.slug
        errand = Errand(self._home, self._url, setting.clock.path, start, slug, since, until)
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=carry_out, args=(errand, writer), daemon=True)
        process.start()
        writer.close()
        self.runs += 1
        ended, at = self._watch(process, reader, {step for run, step in self._due if run <= self._asked})
        process.join()
        reader.close()
        if ended is None:
            if at is not None:
                self._count_kill(at)
            return False
        self.cpu_s += ended.cpu_s
        for words in ended.failures:
            (self.locked_out if "another process writes" in words else self.broken).append(words)
        return True

    def _watch(
        self, process: BaseProcess, reader: Connection, wanted: Collection[str]
    ) -> tuple[Ended | None, str | None]:
        """Listen, and kill inside one of `wanted`; returns the end or None, and the stage it died in, if in any."""
        ended: Ended | None = None
        inside: str | None = None
        kill_at, began, is_killed = NEVER_S, 0.0, False
        while True:
            if not reader.poll(min(LONGEST_SILENCE_S, max(0.0, kill_at - time.monotonic()))):
                assert kill_at < NEVER_S, f"no word for {LONGEST_SILENCE_S} s"
                self._kill(process)
                kill_at, is_killed = NEVER_S, True
            told = _next(reader)
            if told is None:
                assert ended or is_killed, "a run died by itself"
                return ended, inside
            if isinstance(told, Ended):
                ended = told
            elif told.begins:
                inside, began = told.step, time.monotonic()
                if told.step in wanted and not is_killed:
                    kill_at = began + self._random.random() * self._lasted[told.step]
            else:
                inside, kill_at = None, NEVER_S
                self._lasted[told.step] = time.monotonic() - began

    def _kill(self, process: BaseProcess) -> None:
        assert process.pid is not None
        self.cpu_s += _cpu_s(process.pid)
        process.kill()
        self._killed_at.append(time.monotonic())

    def _count_kill(self, step: str) -> None:
        """Where it died is what its last word says; one that slipped into the next stage counts there."""
        self.kills[step] += 1
        found = next((place for place, (_run, due) in enumerate(self._due) if due == step), None)
        if found is not None:
            del self._due[found]


def _next(reader: Connection) -> Told | Ended | None:
    """The next word; None after the last one, and after one that was cut short."""
    try:
        told: Told | Ended = reader.recv()
    except (EOFError, OSError):
        return None
    return told


def _cpu_s(pid: int) -> float:
    """User and system time of a living process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S
