"""From deliveries to endings: hands events to workers in turn and does what their settlements say.

A delivery is acknowledged last: after its outcome is in the ledger, or after the broker has confirmed
another copy of its event. While a server is away nothing is handed out and no attempt is counted.
"""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import assert_never

import structlog
from structlog.contextvars import bound_contextvars

from bucket_policies.customers import customer_of_bucket
from ingest_manager.errors import IngestError, PermanentError, ServerDown, TransientError, UnusableMessage
from ingest_manager.ledger.assignments import Assignment
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.ledger.replay_order import Replay
from ingest_manager.loading.fairness import FairQueue, Turn
from ingest_manager.loading.outages import Outages
from ingest_manager.loading.settlements import (
    Busy,
    HandedOn,
    Retry,
    Returned,
    ServerLost,
    Settled,
    Settlement,
    Unplaced,
)
from ingest_manager.loading.settler import Settler
from ingest_manager.loading.worker_pool import WorkerDied, WorkerProcess
from ingest_manager.monitoring.measures import Measures
from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.queues import topology
from ingest_manager.queues.broker import Delivery
from ingest_manager.queues.events import ObjectEvent, parse_message

log = structlog.get_logger(__name__)

_REMEMBERED = 20_000  # loads whose second event copy is acknowledged without asking anybody


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A delivery, and what a worker shall do for it."""

    delivery: Delivery
    assignment: Assignment
    taken_at: float = field(default_factory=time.time)
    offered: float = field(default_factory=time.monotonic)
    is_repeat: bool = False

    @property
    def may_have_ended(self) -> bool:
        """Tell whether somebody had the delivery before, who may have been cut off after the outcome."""
        return self.is_repeat or self.delivery.is_redelivered

    def event_seconds(self) -> float | None:
        """Return the time from the object to the delivery, where nothing of ours was in between."""
        is_first = self.assignment.retry_of is None and self.assignment.replay is None
        return self.taken_at - self.assignment.event.written_us / 1e6 if is_first else None


class Dispatcher:
    """The waiting deliveries, and one thread for each worker."""

    def __init__(
        self,
        workers: Sequence[WorkerProcess],
        settler: Settler,
        ledger: Ledger,
        outages: Outages,
        *,
        metrics: ManagerMetrics | None = None,
    ) -> None:
        self._metrics = metrics or ManagerMetrics()
        self._workers = workers
        self._settler = settler
        self._ledger = ledger
        self._outages = outages
        self._queue = FairQueue[Job](len(workers))
        self._changed = threading.Condition()
        self._is_over = False
        self._done: OrderedDict[uuid.UUID, None] = OrderedDict()
        self._threads = [
            threading.Thread(target=self._serve, args=(worker,), name=f"worker-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]

    def start(self) -> None:
        """Begin to hand out."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Hand out nothing more and wait for the loads under way."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))

    def count_workers(self) -> int:
        """Return how many workers are alive."""
        return sum(worker.is_alive for worker in self._workers)

    def take_delivery(self, delivery: Delivery) -> None:
        """Sort a delivery: to the workers, to the dead letters, or away with it."""
        customer = topology.customer_of_queue(delivery.queue)
        self._metrics.delivery_taken(customer)
        with bound_contextvars(customer=customer):
            self._sort(delivery)

    def _sort(self, delivery: Delivery) -> None:
        try:
            events = parse_message(delivery.body)
            replay = Replay.of(delivery.headers)
        except UnusableMessage as error:
            log.warning("a message is no event", action="dead_letter", queue=delivery.queue, error=str(error))
            self._settler.dead_letter(delivery, str(error), is_unusable=True)
            return
        if not events:
            log.info("a message asks for no load", action="ignore", queue=delivery.queue)
            delivery.ack()
        elif len(events) > 1:
            self._settler.split(delivery, events)
        elif self._is_done(events[0].load_id, replay):
            delivery.ack()
        else:
            self._offer(delivery, events[0], replay)

    def _offer(self, delivery: Delivery, event: ObjectEvent, replay: Replay | None) -> None:
        customer = customer_of_bucket(event.bucket)
        if customer is None:
            reason = f"{event.bucket!r} is no staging bucket"
            self._settler.dead_letter(delivery, reason, is_unusable=True)
        elif delivery.headers.get(topology.BUCKET_HEADER) != event.bucket:
            self._settler.split(delivery, [event])  # to the queue of its own bucket
        else:
            retry_of = delivery.headers.get(topology.RETRY_HEADER)
            assignment = Assignment(customer, event, uuid.uuid4(), retry_of, replay)
            with self._changed:
                self._queue.offer(customer, Job(delivery, assignment), size=event.size)
                self._changed.notify()

    def _serve(self, worker: WorkerProcess) -> None:
        while (turn := self._next()) is not None:
            with bound_contextvars(**turn.item.assignment.log_facts):
                self._work_on(worker, turn)

    def _work_on(self, worker: WorkerProcess, turn: Turn[Job]) -> None:
        job = turn.item
        waited = time.monotonic() - job.offered
        with self._metrics.busy.track_inprogress():
            settlement = self._run(worker, job)
        with self._changed:
            if isinstance(settlement, ServerLost):
                self._queue.put_back(replace(turn, item=replace(job, is_repeat=True)))
            else:
                self._queue.done(turn)
            self._changed.notify_all()
        if isinstance(settlement, Settled | Unplaced) and settlement.is_new:
            settlement.measures.add("wait", waited)
            self._count_end(job, settlement.load, settlement.measures)
        self._settle(job, settlement)

    def _next(self) -> Turn[Job] | None:
        with self._changed:
            while not self._is_over:
                self._queue.drop(lambda job: job.delivery.is_stale)
                turn = None if self._outages.lost else self._queue.take()
                if turn is not None:
                    return turn
                self._changed.wait(1)
        return None

    def _run(self, worker: WorkerProcess, job: Job) -> Settlement:
        try:
            settlement = worker.run(job.assignment)
            if isinstance(settlement, Retry):
                self._ask_for_ledger()  # a fault that is the server's own counts no attempt
        except WorkerDied as death:
            advice = "it is started anew and the load tried again; `worker_died` in docs/reasons.md says more"
            log.error("a worker died", action="load", error=str(death), advice=advice)
            self._metrics.worker_died()
            self._release(job, death)
            return Busy(is_cut_off=True)
        except ServerDown as error:
            return ServerLost(error.server, str(error))
        return settlement

    def _ask_for_ledger(self) -> None:
        with suppress(TransientError, PermanentError):  # which are answers too
            self._ledger.ping()

    def _release(self, job: Job, death: WorkerDied) -> None:
        try:
            self._ledger.release(job.assignment.event.load_id, death.name, str(death))
        except IngestError as error:
            log.warning("a lease must run out by itself", action="release", error=str(error))

    def _settle(self, job: Job, settlement: Settlement) -> None:
        delivery = job.delivery
        match settlement:
            case Settled(load, is_new):
                self._remember(load)
                self._end(job, load, is_new=is_new)
            case Unplaced(load, error, is_new):
                log.warning("an object cannot be moved yet", action="place", error=error)
                dead_letter = load.reason if _is_alarm(job, load, is_new=is_new) else None
                self._settler.come_back_late(delivery, dead_letter=dead_letter)
            case Retry(load, error):
                log.warning("an attempt failed", action="retry", attempt=load.attempts, error=error)
                self._metrics.attempt_failed(load.customer)
                self._settler.retry(delivery, load, error)
            case Busy(is_cut_off):
                self._settler.come_back(delivery, may_have_ended=is_cut_off or job.may_have_ended)
            case HandedOn():
                delivery.ack()
            case Returned():
                delivery.requeue()
            case ServerLost(server, error):
                self._outages.report(server, error)
            case _:
                assert_never(settlement)

    def _end(self, job: Job, load: Load, *, is_new: bool) -> None:
        delivery, replay = job.delivery, job.assignment.replay
        if not is_new and replay is not None:
            _log_unchanged(load)
        if _is_alarm(job, load, is_new=is_new):
            self._settler.dead_letter(delivery, load.reason or "failed")
        else:
            delivery.ack()

    def _count_end(self, job: Job, load: Load, measures: Measures) -> None:
        event_seconds = job.event_seconds()
        if event_seconds is not None and load.attempts == 1:
            measures.add("event", event_seconds)
        self._metrics.load_ended(load, measures)
        _log_outcome(load, measures)

    def _is_done(self, load_id: uuid.UUID, replay: Replay | None) -> bool:
        """Ask whether a load is remembered as ended; a replay begins it anew, whatever becomes of that."""
        with self._changed:
            if replay is not None:
                self._done.pop(load_id, None)
            return load_id in self._done

    def _remember(self, load: Load) -> None:
        if load.status is LoadStatus.FAILED:  # its delivery may come again for its dead letter
            return
        with self._changed:
            self._done[load.load_id] = None
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)


def _is_alarm(job: Job, load: Load, *, is_new: bool) -> bool:
    """Tell whether an ending must be dead-lettered; rather twice than never."""
    is_open = load.status is LoadStatus.FAILED and load.discarded_at is None
    return is_open and (is_new or job.may_have_ended)


def _log_outcome(load: Load, measures: Measures) -> None:
    log.info(
        "a load ended",
        action="load",
        key=load.key,
        status=load.status.value,
        reason=load.reason,
        attempts=load.attempts,
        rows_read=load.rows_read,
        rows_written=load.rows_written,
        rows_rejected=load.rows_rejected,
        milliseconds=measures.milliseconds(),
    )


def _log_unchanged(load: Load) -> None:
    log.info(
        "a replay's message left a load as it is",
        action="replay",
        status=load.status.value,
        replays=load.replays,
    )
