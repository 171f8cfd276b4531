"""Reason codes: the page for customers is the code's."""

from pathlib import Path

from customer_ingestapps.reasons import Reason, page

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_page_is_made_from_the_code() -> None:
    assert (DOCS / "reasons.md").read_text("utf-8") == page()


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for code in Reason:
        assert code.text.endswith(".")
        assert code.remedy.endswith(".") or code.remedy.endswith("}.") or code.remedy.endswith("].")
        assert f"| `{code}` | {code.text} | {code.remedy} |" in page()
