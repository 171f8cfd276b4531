"""Our commands, each a process of its own that begins with everything imported: tests wait for work alone.

They are forked from multiprocessing's fork server, which has imported the commands and done nothing else. The
tests of documents, of the demo and of services start what they start as users do.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory

import bucket_policies.commands
import ingest_manager.commands

BIN = Path(sys.executable).parent

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(
    [
        "pytest",
        "fetchdata.cli",
        *(
            module.name
            for package in (bucket_policies.commands, ingest_manager.commands)
            for module in iter_modules(package.__path__, f"{package.__name__}.")
        ),
    ]
)


def run_command(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, within: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end, without standard input; what it prints comes back.

    Raises:
        subprocess.TimeoutExpired: it took longer than `within` seconds, and was killed.
    """
    with TemporaryDirectory() as printed:
        process = _server.Process(
            target=_begin, args=(list(arguments), dict(environment), str(folder), printed)
        )
        process.start()
        process.join(within)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), within)
        code = process.exitcode
        process.close()
        out, err = (Path(printed, name).read_text() for name in ("out", "err"))
    return subprocess.CompletedProcess(list(arguments), code, out, err)


def _begin(arguments: list[str], environment: dict[str, str], folder: str, printed: str) -> None:
    """Be the command: its streams, environment, folder, arguments."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(printed, name), os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = [str(BIN / arguments[0]), *arguments[1:]]
    import_module(f"{arguments[0].replace('-', '_')}.__main__").main()
