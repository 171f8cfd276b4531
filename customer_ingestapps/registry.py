"""The ingest apps of a folder: `<customer>/app.toml`, or `<customer>/<app>/app.toml` for each of several.

Read again when a file changes. A customer's apps that break a rule are refused as a whole, and the last good
ones stay in force, so that a slip of the admin rejects nobody's file.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from types import MappingProxyType

from customer_ingestapps import globs
from customer_ingestapps.contract import AppContract, load_contract
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reason
from customer_ingestapps.transforms import CODE

DECLARATION = "app.toml"


@dataclass(frozen=True)
class IngestApp:
    """One app as it was when it was read, for one format; `version` covers every file of its folder."""

    customer: str
    name: str
    version: str
    folder: Path
    contract: AppContract

    def takes(self, key: str) -> bool:
        """Ask whether the app takes an object of this key."""
        return any(globs.matches(glob, key) for glob in self.contract.files.keys)


_Stamps = Mapping[str, tuple[int, int, int]]  # inode, mtime in ns and size: any of them changes with an edit


@dataclass(frozen=True)
class _Snapshot:
    stamps: _Stamps | None = None
    apps: tuple[IngestApp, ...] | None = None  # None: there never were good ones
    problem: str | None = None


class Registry:
    """Every customer's apps, as the folder has them now; cheap to ask for every file, from any thread."""

    def __init__(self, root: Path, *, has_code: bool = True) -> None:
        self._root = root
        self._has_code = has_code  # a customer's own machine has the declarations alone
        self._snapshots: dict[str, _Snapshot] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """What had to be refused so far: by customer."""
        found = {name: snapshot.problem for name, snapshot in self._snapshots.items() if snapshot.problem}
        return MappingProxyType(found)

    def apps(self, customer: str) -> tuple[IngestApp, ...]:
        """Give a customer's apps by name; none for a customer without a folder.

        Raises:
            ContractError: they are refused, and this process has never seen good ones.
        """
        snapshot = self._snapshots.get(customer, _Snapshot())
        stamps = _stamps(self._root / customer)
        if stamps != snapshot.stamps:
            try:
                snapshot = _Snapshot(stamps, read_apps(self._root / customer, has_code=self._has_code))
            except (ContractError, OSError) as error:  # OSError: a file went away meanwhile
                snapshot = _Snapshot(stamps, snapshot.apps, str(error))
            self._snapshots[customer] = snapshot
        if snapshot.apps is None:
            raise ContractError(snapshot.problem)
        return snapshot.apps

    def pick(self, customer: str, key: str) -> IngestApp:
        """Give the app that takes an object.

        Raises:
            FileRejected: no app takes it.
            ContractError: see `apps`.
        """
        return app_among(self.apps(customer), key)


def app_among(apps: tuple[IngestApp, ...], key: str) -> IngestApp:
    """Give the one of a customer's apps that takes an object.

    Raises:
        FileRejected: no app takes it.
    """
    for app in apps:  # at most one takes it: apps of one customer never overlap
        if app.takes(key):
            return app
    taken = ", ".join(glob for app in apps for glob in app.contract.files.keys)
    raise FileRejected(Reason.NO_APP, f"no ingest app takes {key!r}; names that are taken: {taken or 'none'}")


def read_apps(folder: Path, *, has_code: bool = True) -> tuple[IngestApp, ...]:
    """Read the apps of one customer's folder.

    Raises:
        ContractError: an app breaks the contract, or two of them want the same key or table.
    """
    own, others = folder / DECLARATION, sorted(folder.glob(f"*/{DECLARATION}"))
    if own.exists() and others:
        raise ContractError(
            f"{own}: stands beside {others[0]}; allowed is one app, or one folder for each of several"
        )
    declarations = [own] if own.exists() else others
    apps = tuple(app for declaration in declarations for app in _read_app(folder.name, declaration))
    for one, other in combinations(apps, 2):
        _check_apart(one, other)
    for app in apps if has_code else ():
        _check_code(app)
    return apps


def _read_app(customer: str, declaration: Path) -> Iterator[IngestApp]:
    folder = declaration.parent
    version = _version(folder)
    for contract in load_contract(declaration).by_format():
        yield IngestApp(customer, folder.name, version, folder, contract)


def _check_code(app: IngestApp) -> None:
    """Raise ContractError where code is declared and not there, or there and not declared."""
    declared = app.contract.transform is not None and app.contract.transform.kind == "python"
    if declared and not (app.folder / CODE).is_file():
        raise ContractError(f'{app.folder / DECLARATION}: transform.kind = "python" needs {CODE} beside it')
    if not declared and (app.folder / CODE).exists():
        raise ContractError(f'{app.folder / CODE}: is run only where [transform] says kind = "python"')


def _check_apart(one: IngestApp, other: IngestApp) -> None:
    is_one = one.folder == other.folder
    both = f"{one.folder / DECLARATION}" + ("" if is_one else f" and {other.folder / DECLARATION}")
    for left, right in product(one.contract.files.keys, other.contract.files.keys):
        if globs.overlap(left, right):
            raise ContractError(
                f"{both}: files.keys {left!r} and {right!r} can take the same key; only one app may"
            )
    if not is_one and one.contract.table.name == other.contract.table.name:
        raise ContractError(
            f"{both}: table.name = {one.contract.table.name!r}: only one app may fill a table"
        )


def _files(folder: Path) -> list[Path]:
    return sorted(Path(entry) for entry in _entries(folder))


def _entries(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """Yield every file of a folder, in no order; of one that goes away meanwhile nothing more."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path) if entry.name != "__pycache__" else ()
            elif entry.is_file():
                yield entry


def _stamps(folder: Path) -> _Stamps:
    """Stamp every file; asked before each load, so without a Path for each."""
    stamps = {}
    for entry in _entries(folder):
        with suppress(FileNotFoundError):
            stat = entry.stat()
            stamps[entry.path] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    return stamps


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(folder):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
