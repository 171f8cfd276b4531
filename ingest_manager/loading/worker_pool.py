"""The manager's side of its worker processes: start one, hand it an assignment, notice its death."""

import multiprocessing
import os
from contextlib import suppress
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.connection import worker_name
from ingest_manager.loading import worker
from ingest_manager.loading.settlements import Settlement
from ingest_manager.loading.worker import Effect, WorkerContext
from ingest_manager.settings import Settings

_spawn = multiprocessing.get_context("spawn")  # forked drivers and their threads do not work


class WorkerDied(Exception):  # noqa: N818 - what happened
    """A worker process ended in the middle of an assignment."""

    def __init__(self, name: str, exit_code: int | None) -> None:
        super().__init__(f"worker {name} died (exit code {exit_code})")
        self.name = name


class WorkerProcess:
    """One worker process, started anew whenever it has died."""

    def __init__(self, settings: Settings, stop: Event, on_effect: Effect | None = None) -> None:
        self._settings = settings
        self._stop = stop
        self._on_effect = on_effect
        self._is_closed = False
        self._start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid or 0

    @property
    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.is_alive()

    def run(self, assignment: Assignment) -> Settlement:
        """Hand over an assignment and wait for what became of it.

        Raises:
            WorkerDied: the process ended first; the next one is started already.
        """
        try:
            self._pipe.send(assignment)
            settlement: Settlement = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            death = WorkerDied(worker_name(self.pid), self._process.exitcode)
            if not self._is_closed:
                self._start()
            raise death from error
        return settlement

    def close(self, timeout_seconds: float) -> None:
        """Let the process end; kill it when it does not."""
        self._is_closed = True
        with suppress(OSError):
            self._pipe.send(None)  # not closed: a thread may still wait for this worker's answer
        self._process.join(timeout_seconds)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _start(self) -> None:
        # Read when a worker imports the libraries. Workers use the cores, one each; the other allocators
        # of Arrow take a gigabyte of addresses at once, which would count towards a worker's limit.
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        self._pipe, theirs = _spawn.Pipe()
        context = WorkerContext(self._settings, theirs, self._stop, self._on_effect)
        self._process: BaseProcess = _spawn.Process(target=worker.main, args=(context,), name="worker")
        self._process.start()
        theirs.close()  # so that its end of the pipe ends with the process


def stop_event() -> Event:
    """Return the event by which all workers are asked to stop."""
    return _spawn.Event()
