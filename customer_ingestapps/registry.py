"""The ingest apps of a folder: `<customer>/app.toml`, or `<customer>/<app>/app.toml` for each of several.

Read again when a file changes. A customer's apps that break a rule are refused as a whole, and the last good
ones stay in force, so that a slip of the admin rejects nobody's file.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
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


@dataclass(frozen=True)
class Survey:
    """Every app of a customer's folder, sound or not."""

    apps: tuple[IngestApp, ...]
    """Those that could be read, by name; one with a fault of its code or beside others is among them."""

    faults: Mapping[str, tuple[str, ...]]
    """By the name of the app's folder, in its order; no app is in force while there is one."""


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

    def survey(self, customer: str) -> Survey:
        """Look at each of a customer's apps as it is now, whatever is in force."""
        return survey(self._root / customer, has_code=self._has_code)

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
        ContractError: an app breaks the contract, or two of them want the same key or table; with all faults.
    """
    found = survey(folder, has_code=has_code)
    if found.faults:
        lines = (line for lines in found.faults.values() for line in lines)
        raise ContractError("\n".join(dict.fromkeys(lines)))  # what is between two apps is told of both
    return found.apps


def survey(folder: Path, *, has_code: bool = True) -> Survey:
    """Look at each app of one customer's folder, whatever is wrong with another."""
    own, others = folder / DECLARATION, sorted(folder.glob(f"*/{DECLARATION}"))
    apps: list[IngestApp] = []
    faults: dict[str, list[str]] = {}
    if own.exists() and others:
        told = f"{own}: stands beside {others[0]}; allowed is one app, or one folder for each of several"
        faults[folder.name] = [told]
    for declaration in [own, *others] if own.exists() else others:
        try:
            apps += _read_app(folder.name, declaration)
        except (ContractError, OSError) as error:  # OSError: a file went away meanwhile
            faults.setdefault(declaration.parent.name, []).extend(str(error).splitlines())
    for names, fault in _faults_among(apps, has_code=has_code):
        for name in sorted(names):
            faults.setdefault(name, []).append(fault)
    return Survey(tuple(apps), {name: tuple(lines) for name, lines in faults.items()})


def _faults_among(apps: Iterable[IngestApp], *, has_code: bool) -> Iterator[tuple[set[str], str]]:
    """Yield what is wrong with apps that could be read, with the names of those that it is about."""
    read = list(apps)
    for one, other in combinations(read, 2):
        for fault in _faults_between(one, other):
            yield {one.name, other.name}, fault
    for app in {app.folder: app for app in read}.values() if has_code else ():
        for fault in _code_faults(app):
            yield {app.name}, fault


def _read_app(customer: str, declaration: Path) -> list[IngestApp]:
    folder = declaration.parent
    version = _version(folder)
    return [
        IngestApp(customer, folder.name, version, folder, contract)
        for contract in load_contract(declaration).by_format()
    ]


def _code_faults(app: IngestApp) -> Iterator[str]:
    """Yield where code is declared and not there, or there and not declared."""
    declared = app.contract.transform is not None and app.contract.transform.kind == "python"
    if declared and not (app.folder / CODE).is_file():
        yield f'{app.folder / DECLARATION}: transform.kind = "python" needs {CODE} beside it'
    if not declared and (app.folder / CODE).exists():
        yield f'{app.folder / CODE}: is run only where [transform] says kind = "python"'


def _faults_between(one: IngestApp, other: IngestApp) -> Iterator[str]:
    is_one = one.folder == other.folder
    both = f"{one.folder / DECLARATION}" + ("" if is_one else f" and {other.folder / DECLARATION}")
    for left, right in product(one.contract.files.keys, other.contract.files.keys):
        if globs.overlap(left, right):
            yield f"{both}: files.keys {left!r} and {right!r} can take the same key; only one app may"
    if not is_one and one.contract.table.name == other.contract.table.name:
        yield f"{both}: table.name = {one.contract.table.name!r}: only one app may fill a table"


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
