"""`fetchdata.pyz`: the customer's command and all that it needs in one file, for any Python from 3.11 on.

The dependencies are those of `fetchdata.lock`, by their hashes; one that is not pure Python is refused. The
same checkout gives the same bytes.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

CHECKOUT = Path(__file__).parent.parent
OURS = ("fetchdata/*.py", "bucket_policies/__init__.py", "bucket_policies/api.py", "bucket_policies/rules.py")
START = "from fetchdata.__main__ import main\n\nmain()\n"
FIXED_TIME = (2026, 1, 1, 0, 0, 0)  # of every file in it
PURE_ONLY = ("--only-binary=:all:", "--implementation=py", "--abi=none", "--platform=any")


def build(target: Path) -> None:
    """Write the file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _install_dependencies(folder)
        _copy_ours(folder)
        _drop_notes_of_the_installation(folder)
        _pack(folder, target)


def _install_dependencies(folder: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    lock = ("--no-deps", "--require-hashes", "--requirement", str(CHECKOUT / "fetchdata.lock"))
    subprocess.run([*pip, *PURE_ONLY, "--no-compile", "--target", str(folder), *lock], check=True)


def _copy_ours(folder: Path) -> None:
    for pattern in OURS:
        for source in CHECKOUT.glob(pattern):
            copy = folder / source.relative_to(CHECKOUT)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, copy)
    (folder / "__main__.py").write_text(START)


def _drop_notes_of_the_installation(folder: Path) -> None:
    shutil.rmtree(folder / "bin")  # other commands, with this machine's Python in their first line
    for notes in ("RECORD", "INSTALLER", "REQUESTED"):
        for file in folder.glob(f"*.dist-info/{notes}"):
            file.unlink()


def _pack(folder: Path, target: Path) -> None:
    """Do as zipapp does, yet always in the same order and with the same times."""
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with ZipFile(file, "w") as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = ZipInfo(path.relative_to(folder).as_posix(), FIXED_TIME)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), ZIP_DEFLATED, 9)
    target.chmod(0o755)


if __name__ == "__main__":
    build(CHECKOUT / "fetchdata.pyz")
