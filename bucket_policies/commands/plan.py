"""The commands `bucket-policies plan` and `apply`: every system compared with the documents."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import typer

from bucket_policies import logs, mirror
from bucket_policies.commands.options import AsJson
from bucket_policies.customers import open_directory
from bucket_policies.errors import DocumentError, PolicyError, UnreachableError
from bucket_policies.minio_parts import wanted_parts
from bucket_policies.mirror import Difference, Part, System
from bucket_policies.other_systems import other_systems
from bucket_policies.settings import DocumentSettings, MirrorSettings, read_settings
from bucket_policies.store import open_administration
from bucket_policies.users import read_users

Act = Callable[[System, Iterable[Part]], Sequence[Difference]]


@dataclass
class Findings:
    """What a comparison of all systems came to."""

    differences: list[Difference] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    failed: list[PolicyError] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    customers: int = 0


def plan(*, as_json: AsJson = False) -> None:
    """Show how MinIO, RabbitMQ and Cassandra differ from the documents; exit 1 if they do.

    RabbitMQ and Cassandra are compared where the ingest manager's settings are given. RabbitMQ tells nothing
    of its bindings, Cassandra nothing of the auth service's rights: `apply` makes these every time.

    \b
    Examples:
      1. bucket-policies plan
      2. bucket-policies plan --json
    """
    found = _compare(mirror.plan)
    _tell(found, "now {}, wanted {}", as_json=as_json)
    _end(found, is_different=bool(found.differences), as_json=as_json)


def apply(*, as_json: AsJson = False) -> None:
    """Make MinIO, RabbitMQ and Cassandra equal to the documents; nothing is deleted anywhere.

    \b
    Examples:
      1. bucket-policies apply
      2. BUCKET_POLICIES_DIR=/etc/ingestion bucket-policies apply --json
    """
    found = _compare(mirror.apply)
    _tell(found, "was {}, is {}", as_json=as_json)
    _end(found, is_different=any(one.error for one in found.differences), as_json=as_json)


def _compare(act: Act) -> Findings:
    logs.configure()
    settings = read_settings(MirrorSettings)
    directory = open_directory(settings.customers_folder)
    customers = list(directory.current().values())
    found = Findings(refused={**directory.problems, **_problem_of_users(settings)}, customers=len(customers))
    minio = open_administration(settings)
    with other_systems() as others:
        found.left_out += others.left_out
        systems: list[tuple[System, Iterable[Part]]] = [(minio, wanted_parts(minio, customers, settings))]
        systems += [(other, other.parts(customers)) for other in others.mirrors]
        for system, parts in systems:
            try:
                found.differences += act(system, parts)
                found.compared.append(system.name)
            except PolicyError as error:  # the other systems are looked at all the same
                found.failed.append(error)
    return found


def _problem_of_users(settings: DocumentSettings) -> dict[str, str]:
    document = settings.users_document
    try:
        if document.exists():
            read_users(document)
    except DocumentError as error:
        return {document.name: str(error).removeprefix(f"{document.name}: ")}
    return {}


def _tell(found: Findings, wording: str, *, as_json: bool) -> None:
    for document, problem in found.refused.items():
        typer.echo(f"{document}: refused: {problem}", err=True)
    for fault in found.failed:
        typer.echo(f"bucket-policies: {fault}", err=True)
    if as_json:
        whole = {
            "differences": [asdict(one) for one in found.differences],
            "refused": found.refused,
            "left_out": found.left_out,
            "failed": [str(fault) for fault in found.failed],
        }
        typer.echo(json.dumps(whole, default=str))
        return
    show_differences(found.differences, wording)
    for line in found.left_out:
        typer.echo(line)


def show_differences(differences: Iterable[Difference], wording: str) -> None:
    """Print a line for each difference."""
    for one in differences:
        change = wording.format(json.dumps(one.now, default=str), json.dumps(one.wanted))
        typer.echo(f"{one.what}: {one.error or change}", err=bool(one.error))


def _end(found: Findings, *, is_different: bool, as_json: bool) -> None:
    if any(isinstance(fault, UnreachableError) for fault in found.failed):
        raise typer.Exit(4)
    if found.failed or found.refused or is_different:
        raise typer.Exit(1)
    if not as_json:
        *others, last = found.compared
        verb = "equal" if others else "equals"
        names = " and ".join(filter(None, (", ".join(others), last)))
        typer.echo(f"{names} {verb} the documents of {found.customers} customers")
