"""The blocks of README and docs: of a kind that is checked; and the typist that types them is no liar."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.documents import Typist, blocks, commands

CHECKOUT = Path(__file__).parent.parent.parent
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
CHECKS = {"json": json.loads, "toml": tomllib.loads, "console": str, "text": str}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_of_a_kind_that_is_checked(page: Path) -> None:
    for block in blocks(page):
        assert block.language in CHECKS, block.place
        CHECKS[block.language](block.text)


def test_the_page_of_settings_is_what_the_code_says() -> None:
    written = subprocess.run(
        [sys.executable, CHECKOUT / "docs" / "settings.py"], capture_output=True, text=True, check=True
    )
    assert (CHECKOUT / "docs" / "settings.md").read_text() == written.stdout


def page_of(folder: Path, block: str) -> Path:
    page = folder / "page.md"
    page.write_text(f"# A page\n\n```console\n{block}```\n\nand its end\n")
    return page


def test_a_page_that_says_what_happens_is_typed_to_its_end(tmp_path: Path) -> None:
    here = "$ cat <<END\n> two\n>\n> words\n> END\ntwo\nwords\n"
    page = page_of(tmp_path, f"$ x=7\n$ echo $x; ls nowhere || true\n7\nls: ...\n{here}$ (exit 3) # exit 3\n")
    assert [command.exit_code for _, command in commands(page)] == [0, 0, 0, 3]
    with Typist(tmp_path, os.environ) as typist:
        assert typist.type_page(page) == 4


@pytest.mark.parametrize("block", ["$ echo 7\n8\n", "$ false\n", "$ true # exit 1\n", "$ echo 7\n"])
def test_a_page_that_says_something_else_is_refused(tmp_path: Path, block: str) -> None:
    with Typist(tmp_path, os.environ) as typist, pytest.raises(AssertionError, match=r"page\.md:3: \$ "):
        typist.type_page(page_of(tmp_path, block))
