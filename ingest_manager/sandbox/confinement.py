"""Where customers' code runs: the command that puts an app into a sandbox, and what the app finds there.

With bubblewrap it has no network, no processes but its own, and sees the system's programs, the readers'
libraries and its own folder, read-only. Without, it is a process with limits; `docs/sandbox.md` compares.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bucket_policies.errors import SettingsError
from customer_ingestapps import launcher, runner
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.transforms import CODE
from ingest_manager.settings import SandboxMode

MOST_PROCESSES = 32
_MOST_TASKS = 256  # processes and threads
_MOST_OPEN_FILES = 128
_SCRATCH_BYTES = 64 << 20
_MOST_FILE_BYTES = 256 << 20
_RESERVED_MIB = 1024  # what runtimes map and never touch
_NOBODY = "65534"
_PROBE_SECONDS = 20
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
_LIBRARIES = ("polars", "_polars_runtime", "pyarrow", "numpy")
_PYTHON = Path(sys.executable).resolve()
_BARE_PYTHON = (str(_PYTHON), "-I", "-S")


@dataclass(frozen=True, slots=True)
class Confinement:
    """One way to run apps; `bubblewrap` is the program, where it is used."""

    bubblewrap: str | None
    weakness: str | None = None
    """Why there is no bubblewrap, although it was wanted."""

    def command(self, app: IngestApp, memory_mib: int) -> list[str]:
        """Give the command that runs an app's transform."""
        places = self._places(app.folder)
        limits = json.dumps(_limits(memory_mib, is_alone=self.bubblewrap is not None))
        launcher_ = [*_BARE_PYTHON, str(places.platform / "launcher.py"), limits]
        confined = _bubblewrap(self.bubblewrap, app.folder) if self.bubblewrap else ()
        return [*confined, *launcher_, *_own(app, places)]

    def environment(self) -> dict[str, str]:
        """Give all that an app finds in its environment."""
        return {
            "PATH": f"{_PYTHON.parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(self._places(Path()).libraries),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": "/tmp",  # noqa: S108 - its own, in a sandbox
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "POLARS_MAX_THREADS": "1",
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        }

    def _places(self, folder: Path) -> "_Places":
        if self.bubblewrap:
            return _Places(Path("/app"), Path("/platform"), Path("/platform/libraries"))
        return _Places(folder.resolve(), Path(launcher.__file__).parent, _site())


@dataclass(frozen=True, slots=True)
class _Places:
    """Where an app finds itself and the platform's part of it."""

    app: Path
    platform: Path
    libraries: Path


def choose_confinement(mode: SandboxMode) -> Confinement:
    """Find out which way can be had.

    Raises:
        SettingsError: bubblewrap was asked for by name, and cannot be used.
    """
    if mode == "process":
        return Confinement(None)
    found = shutil.which("bwrap")
    weakness = _fault_of(found) if found else "bubblewrap (bwrap) is not installed"
    if weakness and mode == "bubblewrap":
        raise SettingsError(f"INGEST_MANAGER_SANDBOX = 'bubblewrap': {weakness}")
    return Confinement(None, weakness) if weakness else Confinement(found)


def _fault_of(program: str) -> str | None:
    """Try bubblewrap as it will be used; in many containers it may not do its work."""
    command = [*_bubblewrap(program, Path(launcher.__file__).parent), *_BARE_PYTHON, "-c", ""]
    try:
        done = subprocess.run(
            command,
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be used here: {error}"
    said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
    return f"bubblewrap cannot be used here: {said}" if done.returncode else None


def _bubblewrap(program: str, folder: Path) -> Iterator[str]:
    yield program
    yield from ("--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session")
    yield from ("--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "app")
    yield from _system()
    for library in _libraries():
        yield from ("--ro-bind", str(library), f"/platform/libraries/{library.name}")
    for part in (launcher, runner):
        yield from ("--ro-bind", str(part.__file__), f"/platform/{Path(str(part.__file__)).name}")
    yield from ("--ro-bind", str(folder.resolve()), "/app")
    # read-only: /dev/shm has no end, and where this is root, so is the app to /proc/sys
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--remount-ro", "/dev")
    yield from ("--size", str(_SCRATCH_BYTES), "--tmpfs", "/tmp", "--remount-ro", "/")  # noqa: S108
    yield from ("--chdir", "/app", "--")


def _own(app: IngestApp, places: _Places) -> list[str]:
    declared = app.contract.transform
    assert declared is not None  # noqa: S101 - only such apps come here
    if declared.kind == "program":
        return list(declared.command)
    runner_, code = places.platform / "runner.py", places.app / CODE
    return [*_BARE_PYTHON, str(runner_), str(code), str(places.libraries)]


def _limits(memory_mib: int, *, is_alone: bool) -> dict[str, int]:
    limits = {
        "RLIMIT_DATA": (memory_mib + _RESERVED_MIB) << 20,
        "RLIMIT_NOFILE": _MOST_OPEN_FILES,
        "RLIMIT_FSIZE": _MOST_FILE_BYTES,
        "RLIMIT_CORE": 0,
    }
    # counted for the whole user: outside a sandbox that would be the manager, too
    return limits | ({"RLIMIT_NPROC": _MOST_TASKS} if is_alone else {})


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.exists():
            yield from ("--ro-bind", name, name)
    for name in _SYSTEM_FILES:
        yield from ("--ro-bind-try", name, name)
    prefix = _PYTHON.parent.parent
    if not prefix.is_relative_to("/usr"):
        yield from ("--ro-bind", str(prefix), str(prefix))


def _site() -> Path:
    """Give the folder of the readers' libraries."""
    spec = importlib.util.find_spec("polars")
    assert spec is not None  # noqa: S101 - the readers need it
    assert spec.origin is not None  # noqa: S101
    return Path(spec.origin).parent.parent


def _libraries() -> list[Path]:
    """Give what a transform may import; not the whole folder: customers' apps may be installed in it."""
    return sorted(
        path
        for path in _site().iterdir()
        if path.name.removesuffix(".libs").startswith(_LIBRARIES) and not path.name.endswith(".dist-info")
    )
