import hashlib
import os
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchdata.errors import FileError, UsageError
from fetchdata.files import list_files, name_of

part = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text not in {".", ".."}
)


def names(folder: Path) -> list[str]:
    return [file.name for file in list_files(folder).files]


def fill(folder: Path, *relative_paths: str) -> None:
    for relative_path in relative_paths:
        path = folder / relative_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"id\n1\n")


def ignore(_: int) -> None:
    pass


def test_files_are_listed_recursively_in_the_order_of_their_names(tmp_path: Path) -> None:
    fill(tmp_path, "b.csv", "a.csv", "sub/z.csv", "sub/deeper/y.csv", "Z.csv")

    assert names(tmp_path) == ["Z.csv", "a.csv", "b.csv", "sub/deeper/y.csv", "sub/z.csv"]


def test_hidden_files_and_folders_are_left_out_without_a_notice(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv", ".DS_Store", "._a.csv", ".git/config.csv", "sub/.hidden.csv")

    listing = list_files(tmp_path)

    assert [file.name for file in listing.files] == ["a.csv"]
    assert listing.skipped == ()


def test_a_hidden_folder_can_itself_be_sent(tmp_path: Path) -> None:
    fill(tmp_path, ".exports/a.csv")

    assert names(tmp_path / ".exports") == ["a.csv"]


def test_symbolic_links_and_pipes_are_skipped_with_a_notice(tmp_path: Path) -> None:
    fill(tmp_path, "sub/a.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "sub" / "a.csv")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")

    listing = list_files(tmp_path)

    assert [file.name for file in listing.files] == ["sub/a.csv"]
    assert [path.name for path in listing.skipped] == ["link.csv", "loop", "pipe.csv"]


def test_a_missing_folder_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the folder '.*/nowhere': No such file or directory"):
        list_files(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")

    with pytest.raises(UsageError, match="Not a directory"):
        list_files(tmp_path / "a.csv")


def test_decomposed_letters_are_composed_in_the_name_and_kept_on_disk(tmp_path: Path) -> None:
    fill(tmp_path, "e\u0301.csv")

    (file,) = list_files(tmp_path).files

    assert file.name == "\u00e9.csv"
    assert file.path.name == "e\u0301.csv"


def test_a_backslash_separates_on_windows_only() -> None:
    assert name_of(PureWindowsPath("in\\back.csv")) == "in/back.csv"
    assert name_of(PurePosixPath("in\\back.csv")) == "in\\back.csv"


@given(st.lists(part, min_size=1, max_size=4))
def test_a_name_is_composed_and_naming_it_again_changes_nothing(parts: list[str]) -> None:
    name = name_of(PurePosixPath("/".join(parts)))

    assert name == unicodedata.normalize("NFC", "/".join(parts))
    assert name_of(PurePosixPath(name)) == name


@given(st.lists(part, min_size=1, max_size=4))
def test_both_spellings_of_a_name_fold_to_one(parts: list[str]) -> None:
    decomposed, composed = (unicodedata.normalize(form, "/".join(parts)) for form in ("NFD", "NFC"))

    assert name_of(PurePosixPath(decomposed)) == name_of(PurePosixPath(composed))


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = b"0123456789abcdef" * 50_000
    (tmp_path / "a.csv").write_bytes(content)
    advanced: list[int] = []

    (file,) = list_files(tmp_path).files

    assert file.sha256(advanced.append) == hashlib.sha256(content).hexdigest()
    assert sum(advanced) == 800_000


@pytest.mark.parametrize("change", ["size", "mtime"])
def test_a_file_that_has_changed_is_not_read(tmp_path: Path, change: str) -> None:
    fill(tmp_path, "a.csv")
    (file,) = list_files(tmp_path).files
    if change == "size":
        file.path.write_bytes(b"id\n1\n2\n")
    else:
        os.utime(file.path, ns=(0, 0))

    with pytest.raises(FileError, match="changed while fetchdata was at work") as caught:
        file.sha256(ignore)
    assert caught.value.rule == "changed"


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")
    (file,) = list_files(tmp_path).files
    file.path.unlink()

    with pytest.raises(FileError, match="cannot be read: No such file or directory") as caught:
        file.sha256(ignore)
    assert caught.value.rule == "unreadable"
