"""Customers' code at work: each app has a process of its own, started once, kept warm, ended at any fault.

What confines it is `confinement`'s, what bounds it `app_process`'s. A worker has few of them, and ends the
one that was not used for longest. A process never serves two customers, nor two versions of an app.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial

import polars as pl
import pyarrow as pa
import structlog

from customer_ingestapps.registry import IngestApp
from customer_ingestapps.transforms import Transform, TransformDeclaration
from ingest_manager.errors import TransientError
from ingest_manager.sandbox.app_process import AppProcess, ProcessLimits
from ingest_manager.sandbox.app_wires import AppWire, ArrowWire, JsonWire, refused
from ingest_manager.sandbox.confinement import MOST_PROCESSES, Confinement, choose_confinement
from ingest_manager.settings import FolderSettings

log = structlog.get_logger(__name__)

_KEPT = 4
_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 500
_LAST_WORDS = 200


@dataclass
class Sandboxes:
    """The apps' processes of one worker."""

    settings: FolderSettings
    should_stop: Callable[[], bool] = lambda: False
    running: "OrderedDict[tuple[str, str, str], _Sandbox]" = field(default_factory=OrderedDict)

    @cached_property
    def confinement(self) -> Confinement:
        """How apps are confined here; found out when it is first needed."""
        return choose_confinement(self.settings.sandbox)

    def transform_of(self, app: IngestApp) -> Transform | None:
        """Give an app's transform, ready to be asked; none of an app that only declares."""
        if app.contract.transform is None:
            return None
        key = (app.customer, app.name, app.version)
        sandbox = self.running.get(key)
        if sandbox is None or not sandbox.is_usable:
            sandbox = self.running[key] = self._start(app, app.contract.transform)
        self.running.move_to_end(key)
        return sandbox.ask

    def cpu_seconds(self) -> float:
        """Give the time of the processor that they have used so far."""
        return sum(sandbox.process.cpu_seconds() for sandbox in self.running.values())

    def close(self) -> None:
        """End all of them."""
        while self.running:
            self.running.popitem()[1].end()

    def _start(self, app: IngestApp, declared: TransformDeclaration) -> "_Sandbox":
        for key in [key for key in self.running if key[:2] == (app.customer, app.name)]:
            self.running.pop(key).end()
        while len(self.running) >= _KEPT:
            self.running.popitem(last=False)[1].end()
        limits = _limits(declared, self.settings)
        command = self.confinement.command(app, limits.memory_bytes >> 20)
        try:
            process = AppProcess(command, self.confinement.environment(), app.folder, limits)
        except OSError as error:
            raise TransientError(f"the app cannot be started: {error}", "app_exited") from error
        return _Sandbox(app.name, process, _wire(declared), self.should_stop)


class _Sandbox:
    """One app's process and the thread that talks to it, so that a file is read on meanwhile."""

    def __init__(self, app: str, process: AppProcess, wire: AppWire, should_stop: Callable[[], bool]) -> None:
        self._app = app
        self.process = process
        self._wire = wire
        self._should_stop = should_stop
        self._thread = ThreadPoolExecutor(1, "app")
        self._asked: Future[pa.Table] | None = None
        self._is_over = False

    @property
    def is_usable(self) -> bool:
        """Ask whether it can be asked: it has not ended, and no load that broke off waits for an answer."""
        is_idle = self._asked is None or self._asked.done()
        return not self._is_over and is_idle and self.process.is_running

    def ask(self, batch: pl.DataFrame) -> Callable[[], pa.Table]:
        """Hand over a batch; see `Transform`."""
        self._asked = asked = self._thread.submit(self._exchange, batch)
        return partial(self._answer, asked)

    def end(self) -> None:
        """End the process, and then the thread, which sees it end."""
        self._is_over = True
        self.process.kill()
        self._thread.shutdown()
        self.process.close()

    def _exchange(self, batch: pl.DataFrame) -> pa.Table:
        self.process.ask(self._wire.write(batch), self._should_stop)
        answer = self._wire.read(self.process)
        if fault := self.process.rest():
            raise refused(fault)
        return answer

    def _answer(self, asked: "Future[pa.Table]") -> pa.Table:
        """Wait for an answer; no process is asked again after a fault.

        Raises:
            TransientError: the app ended, or took too long or too much.
            FileRejected: its answer is none.
            GivenBack: this process shall stop.
        """
        try:
            return asked.result()
        except TransientError as error:
            self.end()
            last = next(filter(None, map(str.strip, reversed(self.process.speech))), "")
            words = f": {_harmless(last, _LAST_WORDS)}" if last else ""
            raise TransientError(f"{error}{words}", error.reason) from error
        except BaseException:
            self.end()
            raise
        finally:
            self._tell()

    def _tell(self) -> None:
        lines = self.process.speech
        for line in lines[:_SHOWN_LINES]:
            log.info("the app says", action="app", app=self._app, text=_harmless(line, _SHOWN_CHARACTERS))
        if len(lines) > _SHOWN_LINES:
            log.info("the app says more", action="app", app=self._app, lines=len(lines) - _SHOWN_LINES)
        self.process.forget_speech()


def _wire(declared: TransformDeclaration) -> AppWire:
    if declared.kind == "python":
        return ArrowWire(has_large_texts=True)
    return JsonWire() if declared.wire == "ndjson" else ArrowWire()


def _limits(declared: TransformDeclaration, settings: FolderSettings) -> ProcessLimits:
    """Give what an app declares, as far as the platform allows it."""
    most_seconds = settings.app_seconds_per_batch
    return ProcessLimits(
        memory_bytes=min(declared.memory_mib, settings.app_memory_mib) << 20,
        seconds=min(declared.seconds_per_batch, most_seconds),
        cpu_seconds=min(declared.cpu_seconds_per_batch, most_seconds),
        answer_bytes=min(declared.answer_mib, settings.app_answer_mib) << 20,
        processes=MOST_PROCESSES,
    )


def _harmless(text: str, most: int) -> str:
    """Show what a stranger wrote as text and nothing else."""
    shown = repr(text)[1:-1]
    return shown if len(shown) <= most else f"{shown[:most]}…"
