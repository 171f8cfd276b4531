"""The command `ingest-manager replay`: from its options to a plan, the question, and the orders."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from customer_ingestapps.registry import Registry
from ingest_manager.archive import Archive
from ingest_manager.broker import Publisher
from ingest_manager.commands import display
from ingest_manager.commands.options import AsJson, OneCustomer, Since, customers_of, moment_of, open_ledger
from ingest_manager.event_log import events_since
from ingest_manager.events import ObjectEvent
from ingest_manager.ledger import Ledger
from ingest_manager.loads import LoadStatus
from ingest_manager.replay import Plan, Replayer
from ingest_manager.selection import Selection
from ingest_manager.settings import Settings
from ingest_manager.worker import connect_store


def replay(
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Choose from the event log (14 days), not the ledger.")
    ] = False,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Loads that failed: the same as --status failed.")
    ] = False,
    customer: OneCustomer = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="GLOB", help="Only keys that match: orders/**.csv")
    ] = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option("--until", help="Objects before then.")] = None,
    status: Annotated[
        list[LoadStatus] | None, typer.Option("--status", help="Only this status; can be repeated.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only this reason code.")] = None,
    app_version: Annotated[
        str | None, typer.Option("--app-version", help="Only loads by this version of their app.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be replayed, and replay nothing.")
    ] = False,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.01, help="At most so many loads a second.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write above all that was written, by the app as it is now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load objects again: failed ones after a repair, or all of some hours after rows were lost.

    A load by the same version of its app changes no cell and no write time; a row that was deleted stays
    deleted. With --force, rows under other keys stay, and so do columns that the app no longer gives.
    Exit code 1: something that was asked for cannot be replayed.

    \b
    Examples:
      1. ingest-manager replay --status failed --reason app_refused --dry-run
      2. ingest-manager replay --from-log --since 1h --yes
      3. ingest-manager replay --customer customer-1 --key "weather*" --status loaded --force
    """
    if dead_letters and (from_log or status):
        raise typer.BadParameter("--dead-letters goes neither with --from-log nor with --status")
    selection = Selection(
        customer=customer,
        key=key,
        since=moment_of(since),
        until=moment_of(until),
        statuses=frozenset([LoadStatus.FAILED] if dead_letters else status or []),
        reason=reason,
        app_version=app_version,
    )
    if selection.is_everything and not from_log:
        raise typer.BadParameter("say which loads: --status failed, --since 24h, … or --from-log")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise typer.BadParameter("there is no terminal to ask on: add --yes or --dry-run")
    settings = Settings()
    with open_ledger(settings) as ledger:
        replayer = _replayer(settings, ledger, customer, is_forced=force)
        plan = replayer.plan(selection, _events(settings, selection) if from_log else None)
    _carry_out(replayer, plan, settings, _Manner(dry_run, rate, yes, as_json))
    raise typer.Exit(1 if any(reason.is_refusal for reason in plan.left_out) else 0)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a plan shall be carried out."""

    dry_run: bool
    rate: float | None
    yes: bool
    as_json: bool


def _replayer(settings: Settings, ledger: Ledger, customer: str | None, *, is_forced: bool) -> Replayer:
    return Replayer(
        ledger,
        Archive(connect_store(settings)),
        Registry(settings.customer_ingestapps_dir),
        {known.id for known in customers_of(settings, customer)},
        is_forced,
    )


def _events(settings: Settings, selection: Selection) -> Iterator[ObjectEvent]:
    return events_since(settings.amqp_url.get_secret_value(), selection.since)


def _carry_out(replayer: Replayer, plan: Plan, settings: Settings, manner: _Manner) -> None:
    if not manner.as_json:
        display.print_plan(plan)
    is_wanted = bool(plan.loads) and not manner.dry_run
    is_agreed = is_wanted and (manner.yes or typer.confirm("Replay them?", err=True))
    if is_agreed:
        _publish(replayer, plan, settings, manner.rate)
    if manner.as_json:
        typer.echo(json.dumps(_summary(plan, is_ordered=is_agreed)))
    elif is_agreed:
        typer.echo(f"ordered as replay {plan.id}; `ingest-manager history` shows what becomes of them")


def _publish(replayer: Replayer, plan: Plan, settings: Settings, rate: float | None) -> None:
    publisher = Publisher(settings.amqp_url.get_secret_value())
    try:
        with display.progress(len(plan.loads)) as advance:
            replayer.publish(plan, publisher, rate=rate, on_published=advance)
    finally:
        publisher.close()


def _summary(plan: Plan, *, is_ordered: bool) -> dict[str, object]:
    return {
        "replay_id": str(plan.id),
        "ordered": is_ordered,
        "count": len(plan.loads),
        "bytes": plan.size,
        "rows": plan.rows,
        "left_out": {reason.name.lower(): count for reason, count in plan.left_out.items()},
        "loads": [
            {
                "load_id": str(planned.event.load_id),
                "customer": planned.customer,
                "key": planned.event.key,
                "status": planned.status,
            }
            for planned in plan.loads
        ],
    }
