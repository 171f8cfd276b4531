"""The commands `ingest-manager dead-letters …`: what failed for good, shown, replayed or discarded."""

import json
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer
from pydantic_core import to_json

from ingest_manager.cassandra import cassandra_session
from ingest_manager.commands import display, ordering
from ingest_manager.commands.ledger import check_customer
from ingest_manager.commands.options import AsJson, OneCustomer, customers_of, end_of, moment_of
from ingest_manager.errors import LeaseLost
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.kept_messages import KeptMessages
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.operations.alarms import take_alarms
from ingest_manager.operations.dead_letters import (
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    DeadLetterView,
    facts_of,
    look_again,
)
from ingest_manager.operations.selection import Selection
from ingest_manager.settings import Settings

commands = typer.Typer(
    help="What failed for good: loads whose attempts are spent, and messages that are no event.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Since = Annotated[
    str | None,
    typer.Option(
        "--since", help="Objects and messages since then; messages since 14d where it is not given."
    ),
]
Ids = Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="Ids, as `list` shows them.")]


@contextmanager
def _open(settings: Settings) -> Iterator[DeadLetters]:
    with cassandra_session.connect(settings) as session:
        yield DeadLetters(connect_ledger(settings, session), KeptMessages(session))


def _found(letters: DeadLetters, settings: Settings, query: DeadLetterQuery) -> list[DeadLetter]:
    found = letters.find(query)
    if query.customer and not found:
        check_customer(letters.ledger, settings, query.customer)
    return found


@commands.command("list")
def list_letters(
    customer: OneCustomer = None,
    since: Since = None,
    reason: ordering.Reason = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    with_settled: Annotated[
        bool, typer.Option("--all", help="Those too that were discarded, and messages that were replayed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the dead letters, newest first.

    \b
    Examples:
      1. ingest-manager dead-letters list --customer customer-1
      2. ingest-manager dead-letters list --reason unusable_message --since 2d --json
    """
    query = DeadLetterQuery(
        customer=customer, since=moment_of(since), reason=reason, has_settled=with_settled
    )
    settings = Settings()
    with _open(settings) as letters:
        found = [DeadLetterView.of(letter) for letter in _found(letters, settings, query)]
    if as_json:
        for view in found[:limit]:
            typer.echo(view.model_dump_json())
        return
    display.print_dead_letters(found[:limit])
    if len(found) > limit:
        typer.echo(f"… and {len(found) - limit} more")


@commands.command()
def show(
    letter_id: Annotated[UUID, typer.Argument(metavar="ID", help="An id, as `list` shows it.")],
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a failed load or of a message, with its body.

    \b
    Examples:
      1. ingest-manager dead-letters show 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10
      2. ingest-manager dead-letters show 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 --json
    """
    with _open(Settings()) as letters:
        [letter] = letters.chosen([letter_id], moment_of(since))
    facts = facts_of(letter)
    if as_json:
        typer.echo(to_json(facts, fallback=str).decode())
    else:
        display.print_facts(facts)


@commands.command()
def replay(
    ids: Ids = None,
    customer: OneCustomer = None,
    key: ordering.Key = None,
    since: Since = None,
    until: ordering.Until = None,
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
    """Load failed objects again, as `replay --status failed` does, and parse messages again.

    A message that is an event now, after an upgrade say, is published; of another it is said why not.
    Messages have no key and no app: with --key or --app-version it is about loads only.
    Exit code 1: something that was asked for cannot be replayed or, with --wait, has not ended as loaded or
    partly_loaded.

    \b
    Examples:
      1. ingest-manager dead-letters replay --customer customer-1 --reason app_refused --dry-run
      2. ingest-manager dead-letters replay 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 --yes --wait
    """
    selection = Selection(
        customer=customer,
        key=key,
        since=moment_of(since),
        until=end_of(until, since),
        statuses=frozenset([LoadStatus.FAILED]),
        reason=reason,
        app_version=app_version,
        ids=frozenset(ids or ()),
        has_discarded=with_discarded,
    )
    manner = ordering.Manner(dry_run, rate, yes, as_json, wait_timeout if wait else None)
    manner.check_terminal()
    settings = Settings()
    known = customers_of(settings, customer)
    with _open(settings) as letters:
        letters.chosen(ids or (), selection.since)
        replayer = ordering.replayer_of(settings, letters.ledger, known, is_forced=force)
        plan = replayer.plan(selection)
        unusable = ordering.Unusable(
            letters.messages, [look_again(message) for message in letters.messages_for(selection)]
        )
        is_well = ordering.Ordering(settings, replayer, manner, plan, unusable).carry_out()
    raise typer.Exit(0 if is_well else 1)


@commands.command()
def discard(
    ids: Ids = None,
    customer: OneCustomer = None,
    since: Since = None,
    reason: ordering.Reason = None,
    note: Annotated[str | None, typer.Option("--note", help="Why, for those who come after.")] = None,
    yes: ordering.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Record that nobody wants some dead letters any more: no list, alarm or replay shows them again.

    A discarded load stays `failed`, with who discarded it, when, and the note; `--all` shows it, and a replay
    that names it takes the mark away. Exit code 1: an id is no dead letter.

    \b
    Examples:
      1. ingest-manager dead-letters discard 5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10 --note "sent again by mail"
      2. ingest-manager dead-letters discard --customer customer-1 --reason app_refused --yes
    """
    if ids and (customer or reason):
        raise typer.BadParameter("ids, or --customer and --reason, not both")
    if not (ids or customer or since or reason):
        raise typer.BadParameter("say which: ids, or --customer, --since, --reason")
    if not (yes or sys.stdin.isatty()):
        raise typer.BadParameter("there is no terminal to ask on: add --yes")
    settings = Settings()
    query = DeadLetterQuery(customer=customer, since=moment_of(since), reason=reason)
    with _open(settings) as letters:
        found = letters.chosen(ids, query.since) if ids else _found(letters, settings, query)
        if not as_json:
            display.print_dead_letters([DeadLetterView.of(letter) for letter in found])
        if found and not yes:
            typer.confirm(f"Discard these {len(found)}?", abort=True, err=True)
        done, kept = _discard(letters, found, note)
        take_alarms(settings.amqp_url.get_secret_value(), letters.ledger, done)
    if as_json:
        typer.echo(json.dumps({"discarded": list(map(str, done)), "kept": list(map(str, kept))}))
    else:
        replayed = f"; replayed meanwhile, so kept: {len(kept)}" if kept else ""
        typer.echo(f"discarded: {len(done)}{replayed}")
    raise typer.Exit(1 if kept else 0)


def _discard(
    letters: DeadLetters, found: Iterable[DeadLetter], note: str | None
) -> tuple[list[UUID], list[UUID]]:
    """Discard dead letters; return the ids of those discarded, and of those that are none any more."""
    done, kept = [], []
    for letter in found:
        letter_id = DeadLetterView.of(letter).id
        try:
            letters.discard(letter, by=_user(), note=note)
            done.append(letter_id)
        except LeaseLost:
            kept.append(letter_id)
    return done, kept


def _user() -> str:
    """Return who types, by the account and not by what the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user has no name
        return f"uid {os.getuid()}"
