"""The cache shows complete entries only, whatever interrupts a build; locks exclude each other."""

from pathlib import Path

import pytest

from servers.cache import build_entry, cache_folder, exclusive


def test_an_entry_appears_when_it_is_complete(tmp_path: Path) -> None:
    entry = tmp_path / "minio-1"

    def build(scratch: Path) -> None:
        (scratch / "minio").write_text("program")
        assert not entry.exists()

    build_entry(entry, build)

    assert (entry / "minio").read_text() == "program"
    assert [path.name for path in tmp_path.iterdir()] == ["minio-1"]


def test_a_build_that_fails_leaves_no_entry_and_the_next_one_starts_clean(tmp_path: Path) -> None:
    entry = tmp_path / "minio-1"

    def fail_half_way(scratch: Path) -> None:
        (scratch / "half").touch()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        build_entry(entry, fail_half_way)
    assert not entry.exists()

    build_entry(entry, lambda scratch: (scratch / "whole").touch())

    assert [path.name for path in entry.iterdir()] == ["whole"]


def test_the_cache_lies_where_the_desktop_convention_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert cache_folder() == Path("/var/cache/me/ingestion-platform")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache/ingestion-platform")


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    def refuse() -> None:
        raise BlockingIOError

    with (
        exclusive(tmp_path / "lock"),
        pytest.raises(BlockingIOError),
        exclusive(tmp_path / "lock", on_wait=refuse),
    ):
        pass

    with exclusive(tmp_path / "lock", on_wait=refuse):
        pass
