"""What `replay` and `dead-letters replay` share: their options, the question, the orders and the waiting."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer

from bucket_policies.command_line import INTERRUPTED
from bucket_policies.customers import Customer
from customer_ingestapps.registry import Registry
from ingest_manager.commands import display
from ingest_manager.ledger.kept_messages import KeptMessages
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.loading.archive import Archive
from ingest_manager.objects.connection import connect_store
from ingest_manager.operations.alarms import take_alarms
from ingest_manager.operations.dead_letters import SecondLook, publish_again
from ingest_manager.operations.replay import Plan, PlannedLoad, Replayer
from ingest_manager.operations.replay_wait import AS_WISHED, Awaited, wait_for
from ingest_manager.queues.broker import Publisher
from ingest_manager.queues.events import ObjectEvent
from ingest_manager.settings import Settings

Key = Annotated[str | None, typer.Option("--key", metavar="GLOB", help="Only keys that match: orders/**.csv")]
Until = Annotated[str | None, typer.Option("--until", help="Objects before then.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only this reason code.")]
AppVersion = Annotated[
    str | None, typer.Option("--app-version", help="Only loads by this version of their app.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be replayed, and replay nothing.")]
Rate = Annotated[float | None, typer.Option("--rate", min=0.01, help="At most so many loads a second.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Force = Annotated[
    bool, typer.Option("--force", help="Write above all that was written, by the app as it is now.")
]
WithDiscarded = Annotated[bool, typer.Option("--all", help="Discarded dead letters, too.")]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="Wait for the outcomes; exit 1 unless all are loaded or partly_loaded."),
]
WaitTimeout = Annotated[
    int, typer.Option("--wait-timeout", min=1, metavar="SECONDS", help="Wait no longer, and exit 1.")
]

WAIT_SECONDS = 3600

STAYS = (
    "forced: values that the app no longer gives are cleared; "
    "rows under other keys, and rows that it now rejects or drops, stay as they are"
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan shall be carried out."""

    dry_run: bool
    rate: float | None
    yes: bool
    as_json: bool
    wait_seconds: int | None  # None: not at all

    def check_terminal(self) -> None:
        """Make sure that the question can be asked.

        Raises:
            BadParameter: it cannot.
        """
        if not (self.yes or self.dry_run or sys.stdin.isatty()):
            raise typer.BadParameter("there is no terminal to ask on: add --yes or --dry-run")


def replayer_of(
    settings: Settings, ledger: Ledger, customers: Sequence[Customer], *, is_forced: bool
) -> Replayer:
    """Return who plans and orders replays for some customers."""
    return Replayer(
        ledger,
        Archive(connect_store(settings)),
        Registry(settings.customer_ingestapps_dir),
        {customer.id for customer in customers},
        is_forced,
    )


@dataclass(frozen=True, slots=True)
class Unusable:
    """The messages that `dead-letters replay` looks at again, and where that is noted."""

    kept: KeptMessages
    looks: Sequence[SecondLook]


@dataclass(frozen=True, slots=True)
class Ordering:
    """Carries out one plan in one manner."""

    settings: Settings
    replayer: Replayer
    manner: Manner
    plan: Plan
    unusable: Unusable | None = None

    def carry_out(self) -> bool:
        """Show the plan, ask, order, wait; tell whether nothing was refused and all ended as wished."""
        if not self.manner.as_json:
            self._show()
        is_possible = bool(self.plan.loads) or any(look.problem is None for look in self._looks())
        is_wanted = is_possible and not self.manner.dry_run
        is_agreed = is_wanted and (self.manner.yes or typer.confirm("Replay them?", err=True))
        outcomes: Mapping[UUID, LoadStatus] | None = None
        if is_agreed:
            self._publish()
            outcomes = self._wait_or_leave()
        if self.manner.as_json:
            typer.echo(json.dumps(self._summary(outcomes, is_ordered=is_agreed)))
        elif is_agreed:
            self._tell(outcomes)
        return not self._has_refusals() and (outcomes is None or self._is_as_wished(outcomes))

    def _show(self) -> None:
        display.print_plan(self.plan)
        display.print_looks(self._looks())
        if self.plan.loads and self.replayer.is_forced:
            typer.echo(STAYS)

    def _looks(self) -> Sequence[SecondLook]:
        return self.unusable.looks if self.unusable else ()

    def _events(self) -> list[ObjectEvent]:
        return [event for look in self._looks() for event in look.events]

    def _publish(self) -> None:
        """Take the alarms away first: one that a replay causes must stay."""
        url = self.settings.amqp_url.get_secret_value()
        failed = [load.event.load_id for load in self.plan.loads if load.status == LoadStatus.FAILED]
        messages = [look.message.message_id for look in self._looks() if look.problem is None]
        if failed or messages:
            take_alarms(url, self.replayer.ledger, {*failed, *messages})
        publisher = Publisher(url)
        try:
            with display.progress(len(self.plan.loads), "ordering") as advance:
                self.replayer.publish(self.plan, publisher, rate=self.manner.rate, on_published=advance)
            if self.unusable:
                publish_again(self.unusable.looks, self.unusable.kept, publisher)
        finally:
            publisher.close()

    def _wait_or_leave(self) -> Mapping[UUID, LoadStatus] | None:
        """Wait; Ctrl-C ends only that, as nothing takes an order back."""
        try:
            return self._wait()
        except KeyboardInterrupt:
            customers = {load.customer for load in self.plan.loads}
            of_one = f" --customer {customers.pop()}" if len(customers) == 1 and not self._events() else ""
            shows = f"`ingest-manager history{of_one}` shows what becomes of them"
            told = f"the waiting was interrupted, the loads of replay {self.plan.id} go on; {shows}"
            typer.echo(f"ingest-manager: {told}", err=True)
            raise typer.Exit(INTERRUPTED) from None

    def _wait(self) -> Mapping[UUID, LoadStatus] | None:
        if self.manner.wait_seconds is None:
            return None
        awaited = self._awaited()
        with display.progress(len(awaited), "waiting") as advance:
            return wait_for(
                awaited,
                self.replayer.ledger,
                timeout_seconds=self.manner.wait_seconds,
                on_outcome=advance,
            )

    def _awaited(self) -> list[Awaited]:
        ordered = [Awaited(planned.event.load_id, planned.after) for planned in self.plan.loads]
        return ordered + [Awaited(event.load_id, -1) for event in self._events()]

    def _is_as_wished(self, outcomes: Mapping[UUID, LoadStatus]) -> bool:
        return all(outcomes.get(one.load_id) in AS_WISHED for one in self._awaited())

    def _has_refusals(self) -> bool:
        is_left_out = any(reason.is_refusal for reason in self.plan.left_out)
        return is_left_out or any(look.problem is not None for look in self._looks())

    def _tell(self, outcomes: Mapping[UUID, LoadStatus] | None) -> None:
        if outcomes is None:
            shows = "`ingest-manager history` shows what becomes of them"
            typer.echo(f"ordered as replay {self.plan.id}; {shows}")
            return
        counts = [f"{count} {status.value}" for status, count in sorted(Counter(outcomes.values()).items())]
        pending = len(self._awaited()) - len(outcomes)
        late = [f"{pending} without an outcome after {self.manner.wait_seconds} s"] if pending else []
        typer.echo(f"replay {self.plan.id}: {', '.join(counts + late)}")

    def _summary(self, outcomes: Mapping[UUID, LoadStatus] | None, *, is_ordered: bool) -> dict[str, object]:
        summary: dict[str, object] = {
            "replay_id": str(self.plan.id),
            "ordered": is_ordered,
            "forced": self.replayer.is_forced,
            "count": len(self.plan.loads),
            "bytes": self.plan.size,
            "rows": self.plan.rows,
            "left_out": {reason.name.lower(): count for reason, count in self.plan.left_out.items()},
            "loads": [_load_of(planned, outcomes) for planned in self.plan.loads],
        }
        if self.unusable:
            summary["messages"] = [_message_of(look) for look in self.unusable.looks]
        if outcomes is not None:
            summary["outcomes"] = Counter(status.value for status in outcomes.values())
            summary["pending"] = len(self._awaited()) - len(outcomes)
        return summary


def _load_of(planned: PlannedLoad, outcomes: Mapping[UUID, LoadStatus] | None) -> dict[str, object]:
    load_id = planned.event.load_id
    known: dict[str, object] = {
        "load_id": str(load_id),
        "customer": planned.customer,
        "key": planned.event.key,
        "status": planned.status,
    }
    return known if outcomes is None else known | {"outcome": outcomes.get(load_id)}


def _message_of(look: SecondLook) -> dict[str, object]:
    return {
        "id": str(look.message.message_id),
        "problem": look.problem,
        "load_ids": [str(event.load_id) for event in look.events],
    }
