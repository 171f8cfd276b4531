"""The command `ingest-manager replay`: from its options to a selection, and with that to the orders."""

from typing import Annotated

import typer

from ingest_manager.commands import ordering
from ingest_manager.commands.ledger import open_ledger
from ingest_manager.commands.options import AsJson, OneCustomer, Since, customers_of, end_of, moment_of
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.operations.selection import Selection
from ingest_manager.queues.event_log import events_since
from ingest_manager.settings import Settings


def replay(
    from_log: Annotated[
        bool, typer.Option("--from-log", help="Choose from the event log (14 days), not the ledger.")
    ] = False,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Loads that failed: the same as --status failed.")
    ] = False,
    customer: OneCustomer = None,
    key: ordering.Key = None,
    since: Since = None,
    until: ordering.Until = None,
    status: Annotated[
        list[LoadStatus] | None, typer.Option("--status", help="Only this status; can be repeated.")
    ] = None,
    reason: ordering.Reason = None,
    app_version: ordering.AppVersion = None,
    with_discarded: ordering.WithDiscarded = False,
    dry_run: ordering.DryRun = False,
    rate: ordering.Rate = None,
    yes: ordering.Yes = False,
    force: ordering.Force = False,
    wait: ordering.Wait = False,
    wait_timeout: ordering.WaitTimeout = ordering.WAIT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Load objects again: failed ones after a repair, or all of some hours after rows were lost.

    A load by the same version of its app changes no cell and no write time; a row that was deleted stays
    deleted. With --force, values that earlier loads of the same object wrote and that the app no longer
    gives are cleared; rows under other keys, and rows that the app now rejects or drops, stay.
    Repeating a replay that was interrupted, or that the broker has lost, finishes it.
    Exit code 1: something that was asked for cannot be replayed or, with --wait, has not ended as loaded or
    partly_loaded.

    \b
    Examples:
      1. ingest-manager replay --status failed --reason app_refused --dry-run
      2. ingest-manager replay --from-log --since 1h --yes --wait
      3. ingest-manager replay --customer customer-1 --key "weather*" --status loaded --force
    """
    if dead_letters and (from_log or status):
        raise typer.BadParameter("--dead-letters goes neither with --from-log nor with --status")
    selection = Selection(
        customer=customer,
        key=key,
        since=moment_of(since),
        until=end_of(until, since),
        statuses=frozenset([LoadStatus.FAILED] if dead_letters else status or []),
        reason=reason,
        app_version=app_version,
        has_discarded=with_discarded,
    )
    if selection.is_everything and not from_log:
        raise typer.BadParameter("say which loads: --status failed, --since 24h, … or --from-log")
    manner = ordering.Manner(dry_run, rate, yes, as_json, wait_timeout if wait else None)
    manner.check_terminal()
    settings = Settings()
    known = customers_of(settings, customer)
    events = events_since(settings.amqp_url.get_secret_value(), selection.since) if from_log else None
    with open_ledger(settings) as ledger:
        replayer = ordering.replayer_of(settings, ledger, known, is_forced=force)
        plan = replayer.plan(selection, events)
        is_well = ordering.Ordering(settings, replayer, manner, plan).carry_out()
    raise typer.Exit(0 if is_well else 1)
