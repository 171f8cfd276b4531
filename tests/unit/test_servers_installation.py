"""What is missing, what it costs, and when the machine is too small."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from servers.capacity import require_disk, require_memory
from servers.errors import ServersError
from servers.installation import plan
from servers.parts import Part, missing_lanes
from servers.programs import parse_version
from servers.rabbitmq_server import password_hash


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.25 linux/arm64", (1, 25, 0)),
        ('openjdk version "17.0.15" 2025-04-15', (17, 0, 15)),
        ('openjdk version "21" 2023-09-19', (21, 0, 0)),
        ('java version "1.8.0_402"', (1, 8, 0)),
        ("command not found", (0, 0, 0)),
    ],
)
def test_versions_of_go_and_java_are_understood(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def test_the_plan_names_every_part_and_the_longest_lane(tmp_path: Path) -> None:
    def part(name: str, minutes: int) -> Part:
        return Part(name, "somewhere", disk_mib=1500, minutes=minutes, install=lambda run: None)

    output = io.StringIO()
    Console(file=output, width=100).print(plan([[part("Go", 1), part("MinIO", 6)], [part("Cassandra", 2)]]))

    text = output.getvalue()
    assert all(word in text for word in ("Go", "MinIO", "Cassandra", "somewhere", "1,500"))
    assert "about 7 min" in text


def test_what_only_tests_need_is_installed_only_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def names(*, with_tools: bool) -> set[str]:
        return {part.name for lane in missing_lanes(with_tools=with_tools) for part in lane}

    assert names(with_tools=True) - names(with_tools=False) == {"mc"}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: require_memory(4000, 3999), "too little memory: 4,000 MiB needed, 3,999 MiB available"),
        (
            lambda: require_disk(Path("/new/folder"), 10**9),
            "too little disk under /: 1,000,000,000 MiB needed",
        ),
    ],
)
def test_too_small_a_machine_is_told_in_one_line(check: Callable[[], None], message: str) -> None:
    with pytest.raises(ServersError) as caught:
        check()

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_machine_that_is_large_enough_passes(tmp_path: Path) -> None:
    require_memory(4000, 4000)
    require_disk(tmp_path, 0)


def test_rabbitmq_hashes_are_salted() -> None:
    assert password_hash("secret") != password_hash("secret")
    assert len(password_hash("secret")) == 48
