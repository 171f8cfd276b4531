"""The package as a wheel, for `fetchdata validate` on customers' machines; it has nothing of any customer.

Built from a copy of the sources: what an earlier build left in the checkout cannot get in.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).parent.parent
SOURCES = (
    "pyproject.toml",
    "README.md",
    "fetchdata",
    "bucket_policies",
    "customer_ingestapps",
    "ingest_manager",
)


def build(folder: Path, checkout: Path = CHECKOUT) -> Path:
    """Write the wheel into a folder; return its path."""
    with TemporaryDirectory() as name:
        copy = Path(name)
        for source in (checkout / one for one in SOURCES):
            if source.is_dir():
                shutil.copytree(source, copy / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, copy / source.name)
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel")
        subprocess.run(
            [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), name], check=True
        )
    return max(folder.glob("ingestion_platform-*.whl"), key=lambda wheel: wheel.stat().st_mtime)


if __name__ == "__main__":
    print(build(CHECKOUT / "dist"))
