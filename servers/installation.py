"""Installs the missing parts once per machine, side by side, with visible progress."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from servers.cache import cache_folder, exclusive
from servers.capacity import SERVERS_MIB, require_disk
from servers.errors import ServersError
from servers.parts import Part, missing_lanes, missing_packages, require_root_rights

Lanes = Sequence[Sequence[Part]]


def install_missing(console: Console, *, with_tools: bool = False) -> None:
    """Install whatever the servers need and the machine lacks; say first what that is and costs.

    Args:
        console: where to say so.
        with_tools: also what only tests need.

    Raises:
        ServersError: something cannot be installed.
    """
    if not missing_lanes(with_tools=with_tools):
        return
    waiting = "Waiting for another process that installs the servers …"
    with exclusive(cache_folder() / "install.lock", on_wait=lambda: console.print(waiting)):
        lanes = missing_lanes(with_tools=with_tools)
        if lanes:
            console.print(plan(lanes))
            require_disk(cache_folder(), sum(part.disk_mib for lane in lanes for part in lane))
            if packages := missing_packages():
                require_root_rights(packages)
            _install(lanes, console)


def require_installed() -> None:
    """Check that nothing is missing, without installing it.

    Raises:
        ServersError: something is; names it.
    """
    missing = [part.name for lane in missing_lanes() for part in lane]
    if missing:
        raise ServersError(f"not installed: {', '.join(missing)}; to do so: python -m servers install")


def plan(lanes: Lanes) -> Table:
    """Show what will be installed, from where, and what it costs."""
    minutes = max(sum(part.minutes for part in lane) for lane in lanes)
    caption = (
        f"Side by side, once per machine: about {minutes} min on two cores.\n"
        f"The running servers take {SERVERS_MIB:,} MiB of memory."
    )
    table = Table(title="To be installed", caption=caption, title_justify="left", caption_justify="left")
    for column in ("part", "from"):
        table.add_column(column)
    for column in ("disk, MiB", "minutes"):
        table.add_column(column, justify="right")
    for lane in lanes:
        for part in lane:
            table.add_row(part.name, part.source, f"{part.disk_mib:,}", f"{part.minutes}")
    return table


def _install(lanes: Lanes, console: Console) -> None:
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as progress, ThreadPoolExecutor() as pool:
        installers = [_LaneInstaller(lane, progress) for lane in lanes]
        try:
            for future in as_completed([pool.submit(installer.install) for installer in installers]):
                future.result()
        except BaseException:
            for installer in installers:
                installer.cancel()
            raise


class _LaneInstaller:
    """Installs the parts of one lane: output goes to a log file, the latest line to the terminal."""

    def __init__(self, lane: Sequence[Part], progress: Progress) -> None:
        self._lane = lane
        self._progress = progress
        self._task = progress.add_task("")
        self._child: subprocess.Popen[str] | None = None
        self._cancelled = False

    def install(self) -> None:
        for part in self._lane:
            started = time.monotonic()
            part.install(partial(self._run, part.name))
            self._progress.console.print(f"{part.name}: installed in {time.monotonic() - started:.0f} s")
        self._progress.remove_task(self._task)

    def cancel(self) -> None:
        self._cancelled = True
        if self._child is not None:
            self._child.terminate()

    def _run(self, part: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        if self._cancelled:
            raise ServersError(f"{part}: not installed")
        log = cache_folder() / "log" / f"{part.split(maxsplit=1)[0].lower()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        line = ""
        with log.open("w") as file, _output_of(command, environment) as self._child:
            for line in self._child.stdout or ():
                file.write(line)
                self._progress.update(self._task, description=f"{part}: {line.strip()[:80]}")
        if self._child.returncode:
            raise ServersError(f"{part} could not be installed: {line.strip()} (all of it: {log})")


def _output_of(command: Sequence[str | Path], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
