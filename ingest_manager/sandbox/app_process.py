"""One process of a customer's app: bytes in, bytes out, within limits; ended with all its children.

Nothing that it does can block or fill this process: pipes are read and written side by side, what it says is
bounded, and time, memory and processes are looked at several times a second.
"""

import fcntl
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason
from customer_ingestapps.runner import OUT_OF_MEMORY
from ingest_manager.errors import GivenBack, TransientError
from ingest_manager.sandbox.app_usage import family_of, usage_of

_LOOK_SECONDS = 0.1
_READ_BYTES = 1 << 20
_SPEECH_BYTES = 16 << 10
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What one batch may cost, and how large its answer may be."""

    memory_bytes: int
    seconds: float
    cpu_seconds: float
    answer_bytes: int
    processes: int


class AppProcess:
    """A running app; it is asked by one thread at a time."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, limits: ProcessLimits
    ) -> None:
        self.limits = limits
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._speech = bytearray()
        self._left_out = 0
        self._answer = bytearray()
        self._taken = 0
        self._request: list[memoryview] = []
        self._selector = selectors.DefaultSelector()
        for pipe, event in ((self._stdin, 0), (self._stdout, 1), (self._stderr, 1)):
            os.set_blocking(pipe.fileno(), False)
            _widen(pipe)
            if event:
                self._selector.register(pipe, selectors.EVENT_READ)

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None  # noqa: S101
        return self._process.stdout

    @property
    def _stderr(self) -> IO[bytes]:
        assert self._process.stderr is not None  # noqa: S101
        return self._process.stderr

    def ask(self, request: list[memoryview], should_stop: Callable[[], bool]) -> None:
        """Begin with a batch, in pieces that are not empty; the answer is then read."""
        self._should_stop = should_stop
        self._request = request
        self._answer.clear()
        self._taken = 0
        self._ends_at = time.monotonic() + self.limits.seconds
        self._next_look = time.monotonic() + _LOOK_SECONDS
        self._cpu_before: float | None = None
        self._selector.register(self._stdin, selectors.EVENT_WRITE)

    def read(self, size: int) -> bytes:
        """Give the next bytes of the answer, exactly so many.

        Raises:
            TransientError: the app ended, took too long or too much.
            FileRejected: the answer is too large.
            GivenBack: the process shall stop.
        """
        end = self._taken + size
        self._check_size(end)
        while len(self._answer) < end:
            self._pump()
        with memoryview(self._answer) as answer:
            found = bytes(answer[self._taken : end])
        self._taken = end
        return found

    def read_until(self, mark: bytes) -> bytes:
        """Give the answer up to and with a mark; see `read`."""
        start = self._taken
        while (found := self._answer.find(mark, start)) < 0:
            start = max(len(self._answer) - len(mark) + 1, self._taken)
            self._pump()
        return self.read(found + len(mark) - self._taken)

    def rest(self) -> str | None:
        """Say what is wrong around an answer that was read; hear what the app has said meanwhile."""
        for key, _ in self._selector.select(0):
            if key.fileobj is self._stderr:
                self._listen()
            elif key.fileobj is self._stdout:
                self._answer += os.read(self._stdout.fileno(), _READ_BYTES)  # nothing: it has ended
        if len(self._answer) > self._taken:
            return "something follows its end"
        return "it came before the whole batch was read" if self._request else None

    @property
    def is_running(self) -> bool:
        """Ask whether it can still answer."""
        is_over = self._process.returncode is None and self._process.poll() is not None
        if is_over:
            self._end_group()
        return self._process.returncode is None

    @property
    def speech(self) -> list[str]:
        """What it wrote to its standard error and nobody has asked it to forget, line by line."""
        lines = self._speech.decode(errors="replace").splitlines()
        return [f"… {self._left_out} bytes before", *lines] if self._left_out else lines

    def forget_speech(self) -> None:
        """Leave room for what it says next."""
        self._speech.clear()
        self._left_out = 0

    def cpu_seconds(self) -> float:
        """Give the time of the processor that it has used since it began, with its children."""
        return usage_of(self._process.pid).cpu_seconds

    def kill(self) -> None:
        """End it, and everything that it has started."""
        if self._process.returncode is not None:  # then that was done, and its number may be another's
            return
        family = family_of(self._process.pid)
        self._end_group()
        for pid in family[1:]:  # some may have left the group
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _end_group(self) -> None:
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of what is left of a process that was killed; nobody may still be reading."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self._selector.close()
        for pipe in (self._stdin, self._stdout, self._stderr):
            pipe.close()

    def _pump(self) -> None:
        """Move bytes, or wait for some; look at the limits from time to time."""
        for key, _ in self._selector.select(_LOOK_SECONDS):
            if key.fileobj is self._stdin:
                self._write()
            elif key.fileobj is self._stdout:
                self._receive()
            else:
                self._listen()
        if time.monotonic() >= self._next_look:
            self._look()

    def _write(self) -> None:
        try:
            piece = self._request[0][os.write(self._stdin.fileno(), self._request[0]) :]
            self._request[:1] = [piece] if piece else []
        except BlockingIOError:
            return
        except OSError:  # it does not read any more: its end is about to be seen
            self._request = []
        if not self._request:
            self._selector.unregister(self._stdin)

    def _receive(self) -> None:
        found = os.read(self._stdout.fileno(), _READ_BYTES)
        if not found:
            raise self._ended()
        self._answer += found
        self._check_size(len(self._answer))

    def _listen(self) -> None:
        found = os.read(self._stderr.fileno(), _SPEECH_BYTES)
        if not found:
            self._selector.unregister(self._stderr)
        self._speech += found
        too_much = max(len(self._speech) - _SPEECH_BYTES, 0)
        del self._speech[:too_much]  # the last words say why it ended
        self._left_out += too_much

    def _check_size(self, size: int) -> None:
        if size > self.limits.answer_bytes:
            message = f"the app's answer is larger than {self.limits.answer_bytes >> 20} MiB"
            raise FileRejected(Reason.APP_ANSWER, message)

    def _look(self) -> None:
        now, limits = time.monotonic(), self.limits
        self._next_look = now + _LOOK_SECONDS
        if self._should_stop():
            raise GivenBack("the manager stops")
        if now >= self._ends_at:
            raise TransientError(f"the app did not answer within {limits.seconds:g} s", "app_timeout")
        used = usage_of(self._process.pid)
        if used.processes > limits.processes:  # asked first: many of them take much memory, too
            message = f"the app runs more than {limits.processes} processes"
            raise TransientError(message, "app_processes")
        if used.memory_bytes > limits.memory_bytes:
            raise _out_of_memory(limits)
        if self._cpu_before is None:
            self._cpu_before = used.cpu_seconds
        if used.cpu_seconds - self._cpu_before > limits.cpu_seconds:
            message = f"the app used more than {limits.cpu_seconds:g} s of the processor for a batch"
            raise TransientError(message, "app_timeout")

    def _ended(self) -> TransientError:
        self._hear_out()
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return TransientError("the app closed its standard output", "app_exited")
        self._end_group()
        if code == OUT_OF_MEMORY:
            return _out_of_memory(self.limits)
        how = f"was ended by signal {_signal_of(code)}" if _signal_of(code) else f"ended with code {code}"
        return TransientError(f"the app {how} instead of answering", "app_exited")

    def _hear_out(self) -> None:
        """Take what lies in the pipe of a process that is ending; it may have children that hold it open."""
        ends_at = time.monotonic() + 1
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._stdout)
        with suppress(KeyError, ValueError):
            self._selector.unregister(self._stdin)
        while self._selector.get_map() and time.monotonic() < ends_at:
            for _ in self._selector.select(_LOOK_SECONDS):
                self._listen()


def _widen(pipe: IO[bytes]) -> None:
    """Let more lie in a pipe where that can be had: fewer turns for a batch."""
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _READ_BYTES)


def _out_of_memory(limits: ProcessLimits) -> TransientError:
    return TransientError(f"the app took more than {limits.memory_bytes >> 20} MiB of memory", "app_memory")


def _signal_of(code: int) -> str | None:
    """Give the name of the signal; bubblewrap, as a shell, says it with a code above 128."""
    number = -code if code < 0 else code - 128
    with suppress(ValueError):
        return signal.Signals(number).name
    return None
