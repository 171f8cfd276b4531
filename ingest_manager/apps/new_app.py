"""A new app from a sample file: proposed, checked with the whole sample, then put beside the others.

It is laid out and checked apart first, so that the manager never sees one that is not whole.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError, ProposalError
from customer_ingestapps.proposals.declaration import declaration_of
from customer_ingestapps.proposals.excerpt import excerpt_name, excerpt_of
from customer_ingestapps.proposals.proposal import Proposal, Wishes, propose
from customer_ingestapps.registry import DECLARATION, IngestApp, Registry
from customer_ingestapps.samples import sample_key
from ingest_manager.apps.check import Check, CheckView


@dataclass(frozen=True, slots=True)
class NewApp:
    """What was proposed, what a load of the sample would do, and where the app is."""

    proposal: Proposal
    check: CheckView
    folder: Path


def make_app(
    apps: Path, customer: Customer, sample: Path, *, name: str | None, wishes: Wishes, most_rejects: int
) -> NewApp:
    """Propose an app from a sample, and write it; nothing that exists is changed.

    Raises:
        FileRejected: the sample cannot be read.
        ProposalError: something has to be told, or there is such an app already.
        ContractError: beside the customer's other apps it would break a rule.
    """
    proposal = propose(sample, wishes)
    own = apps / customer.id
    folder = own / (name or proposal.table)
    _check_place(own, folder)
    with TemporaryDirectory(prefix="new-app-") as scratch:
        draft = Path(scratch) / customer.id
        if own.exists():
            shutil.copytree(own, draft)
        files = {
            excerpt_name(sample): excerpt_of(proposal.form),
            DECLARATION: declaration_of(proposal).encode(),  # last: it makes the folder an app
        }
        _write(draft / folder.name, files)
        registry = Registry(Path(scratch))
        try:
            [app] = [one for one in registry.apps(customer.id) if one.name == folder.name]
        except ContractError as error:
            raise ContractError(str(error).replace(f"{scratch}/", "")) from error
        view = Check(customer, registry, most_rejects=most_rejects).run(sample, _key(app, sample))
    _write(folder, files)
    return NewApp(proposal, view, folder)


def _check_place(own: Path, folder: Path) -> None:
    if (own / DECLARATION).exists():
        raise ProposalError(
            f"{own / DECLARATION} is the customer's only app; give it a folder of its own first, such as "
            f"{own / 'first'}, with all that belongs to it"
        )
    if folder.exists():
        raise ProposalError(f"{folder} exists and is left as it is; choose another name with --name")


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        written = folder / f".{name}"
        written.write_bytes(content)
        written.rename(folder / name)


def _key(app: IngestApp, sample: Path) -> str:
    return sample.name if app.takes(sample.name) else sample_key(app, sample)
