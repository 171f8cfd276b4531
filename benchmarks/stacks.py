"""Sampled stacks, as py-spy writes them: which step of a load each belongs to, and who took the time himself.

A line is `thread (1): MainThread;outermost (file.py:1);…;innermost (package/file.py:2) 17`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_THREAD = re.compile(r"thread \(\w+\)(?:: (?P<name>.*))?")
_LOAD = "(ingest_manager/loading/loading.py:"
_WAITS = re.compile(
    r"Condition\.wait \(threading\.py:"
    r"|Thread\._wait_for_tstate_lock \(threading\.py:"
    r"|_worker \(concurrent/futures/thread\.py:"  # for the queue's next, as the settler
    r"|Settler\.run \(ingest_manager/loading/settler\.py:"
    r"|SocketIO\.readinto \(socket\.py:"
    r"|\w+\.(?:select|poll|_poll) \((?:selectors|pika/adapters/select_connection)\.py:"
    r"|Connection\._recv \(multiprocessing/connection\.py:"
    r"|LibevLoop\._run_loop \(cassandra/io/libevreactor\.py:"
)
_STEPS: Sequence[tuple[str, str]] = (
    ("wait for the server", "ingest_manager/cassandra/pace.py"),
    ("wait for the server", "TableWriter.flush (ingest_manager/cassandra/row_writer.py"),
    ("send", "TableWriter._send (ingest_manager/cassandra/row_writer.py"),
    ("send", "TableWriter._done (ingest_manager/cassandra/row_writer.py"),
    ("send", "ingest_manager/cassandra/encoded_batch.py"),
    ("send", "send_batch (ingest_manager/cassandra/cassandra_session.py"),
    ("group", "ingest_manager/cassandra/row_writer.py"),
    ("group", "ingest_manager/cassandra/batches.py"),
    ("group", "ingest_manager/cassandra/placement.py"),
    ("encode", "ingest_manager/cassandra/wire.py"),
    ("encode", "customer_ingestapps/cells.py"),
    ("read", "ObjectStore.open (ingest_manager/objects/object_store.py"),
    ("read", "ObjectStore.read_range (ingest_manager/objects/object_store.py"),
    ("read", "ObjectStore._get (ingest_manager/objects/object_store.py"),
    ("read", "OpenObject."),
    ("other calls of the store", "ingest_manager/objects/object_store.py"),
    ("parse", "customer_ingestapps/readers/"),
    ("parse", "customer_ingestapps/typing_rows.py"),
    ("parse", "customer_ingestapps/reading.py"),
    ("parse", "customer_ingestapps/compression.py"),
    ("ledger", "ingest_manager/ledger/ledger.py"),
    ("ledger", "ingest_manager/ledger/claims.py"),
    ("ledger", "ingest_manager/loading/lease.py"),
    ("admission", "ingest_manager/loading/admission.py"),
    ("admission", "ingest_manager/loading/staging_quota.py"),
    ("broker", "ingest_manager/queues/broker.py"),
    ("broker", "ingest_manager/loading/settler.py"),
    ("hand out", "ingest_manager/loading/dispatcher.py"),
    ("hand out", "ingest_manager/loading/worker_pool.py"),
    ("housekeeping", "ingest_manager/housekeeping.py"),
    ("housekeeping", "ingest_manager/monitoring/gauges.py"),
)
"""A step, and what its frame has in it; the innermost such frame decides. Codecs are of who uses them."""

_SCOPES: Sequence[tuple[str, str]] = (("place", "Loading._place (ingest_manager/loading/loading.py"),)
"""Steps that have all within them, as the manager's own stages do."""

_LIBRARIES: Sequence[tuple[str, str]] = (
    ("driver", "(cassandra/"),
    ("broker", "(pika/"),
    ("other calls of the store", "(urllib3/"),
)
"""For threads that have none of our frames."""

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stack:
    """Samples of one stack, outermost frame first."""

    thread: str
    frames: tuple[str, ...]
    samples: int

    @property
    def function(self) -> str:
        """Return who was running."""
        return self.frames[-1]

    @property
    def is_waiting(self) -> bool:
        """Tell whether the thread waited for a lock, another thread or a socket."""
        return _WAITS.match(self.function) is not None

    @property
    def is_of_a_load(self) -> bool:
        """Tell whether a worker had a load."""
        return any(_LOAD in frame for frame in self.frames)

    @property
    def step(self) -> str:
        """Return the step of a load, by the innermost frame that tells."""
        for steps in (_SCOPES, _STEPS, _LIBRARIES):
            for frame in reversed(self.frames):
                for step, part in steps:
                    if part in frame:
                        return step
        return OTHER


def parse_stacks(text: str) -> list[Stack]:
    """Read py-spy's raw format, recorded with threads; a thread without a frame has just begun or ended.

    Raises:
        ValueError: a line is no stack.
    """
    return [stack for stack in map(_parse, text.splitlines()) if stack.frames]


def _parse(line: str) -> Stack:
    stack, _, samples = line.rpartition(" ")
    thread, *frames = stack.split(";")
    named = _THREAD.fullmatch(thread)
    if not named or not samples.isdecimal():
        raise ValueError(f"no stack of a thread: {line!r}")
    return Stack(named["name"] or "", tuple(frames), int(samples))


def that_count(stacks: Iterable[Stack]) -> list[Stack]:
    """Return what says where time goes: all of a load's own thread, of other threads what was no waiting."""
    return [stack for stack in stacks if stack.is_of_a_load or not stack.is_waiting]


def by_step(stacks: Iterable[Stack]) -> dict[str, Counter[str]]:
    """Return the samples of each step, most first, as `running` and `waiting`."""
    found: dict[str, Counter[str]] = {}
    for stack in stacks:
        state = "waiting" if stack.is_waiting else "running"
        found.setdefault(stack.step, Counter())[state] += stack.samples
    return dict(sorted(found.items(), key=lambda item: -item[1].total()))


def top_functions(stacks: Iterable[Stack], most: int) -> Mapping[tuple[str, str], int]:
    """Return the samples in which a function ran itself, by step and function, most first."""
    samples: Counter[tuple[str, str]] = Counter()
    for stack in stacks:
        samples[stack.step, stack.function] += stack.samples
    return dict(samples.most_common(most))
