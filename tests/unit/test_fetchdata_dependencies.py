"""What `fetchdata` drags in: pure Python only, so that one file runs wherever there is a Python."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent


def base_dependencies() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["dependencies"]]


def needed(requirements: list[Requirement]) -> set[str]:
    """Every distribution that is installed because of these, by its canonical name."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in found:
            found.add(name)
            further = map(Requirement, distribution(name).requires or [])
            waiting += [one for one in further if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def pins(lock: str) -> dict[str, str]:
    """Each pinned version with its hashes, by name."""
    blocks = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    return {block.partition("==")[0]: block for block in blocks}


def test_no_dependency_of_the_base_install_is_compiled() -> None:
    names = needed(base_dependencies())

    assert {"httpx", "rich", "click", "anyio", "certifi", "attrs"} <= names
    wheels = {name: distribution(name).read_text("WHEEL") or "" for name in names}
    compiled = [
        name
        for name, wheel in wheels.items()
        if "Root-Is-Purelib: true" not in wheel
        or re.search(r"^Tag: (?!py\d(\.py\d)*-none-any$)", wheel, re.M)
    ]
    assert compiled == []


def test_the_customers_lock_pins_exactly_those_as_the_whole_lock_does() -> None:
    whole, customers = pins("requirements.lock"), pins("fetchdata.lock")

    assert customers.keys() == needed(base_dependencies())
    assert {name: whole[name] for name in customers} == customers
