"""A stored rejects file taken apart again: each row as it was sent, with where and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_ingestapps.contract import AppContract
from customer_ingestapps.errors import FileRejected
from customer_ingestapps.reasons import Reason, Reject
from customer_ingestapps.registry import IngestApp
from customer_ingestapps.rejects_file import RejectsFile
from ingest_manager.errors import PermanentError
from ingest_manager.operations.reject_lines import RejectLine, reject_lines

HEADER = ("id", '"na,me"')


def app(**files: Any) -> IngestApp:
    document = {
        "files": {"keys": ["**"], "format": "csv"} | files,
        "table": {"name": "people", "partition_key": ["id"]},
        "columns": {"id": "int"},
    }
    return IngestApp("acme", "people", "1", Path(), AppContract.model_validate(document))


def stored(by: IngestApp, *rejects: Reject) -> list[bytes]:
    with RejectsFile(by.contract.files) as file:
        file.add(HEADER, rejects)
        body = file.rewound().read()
    return [body[:7], body[7:]]


def reject(
    *fields: str, column: str | None = "id", reason: Reason = Reason.BAD_VALUE, message: str = ""
) -> Reject:
    return Reject(3, column, None, reason, message, fields)


@pytest.mark.parametrize("dialect", [{}, {"delimiter": "\t"}, {"quote": "'"}, {"encoding": "utf-16"}])
def test_row_of_csv_is_the_text_that_was_sent(dialect: dict[str, str]) -> None:
    by = app(**dialect)
    delimiter, quote = by.contract.files.delimiter, by.contract.files.quote
    fields = (
        "x",
        f"{quote}two\n{quote * 2}lines{quote * 2}{quote}",
        "7",
        "",
        f"{quote}{quote}",
        "é",
        "3",
        "id",
    )
    words = f"{delimiter}5{delimiter}b{delimiter}{quote}z{quote}\n{quote}"
    rejects = (
        reject(*fields),
        reject("ragged", column=None, reason=Reason.WRONG_FIELD_COUNT),
        reject("x", "y", column=f"a{delimiter}{quote}b", reason=Reason.APP_REJECTED, message=words),
    )
    assert list(reject_lines(stored(by, *rejects), by)) == [
        RejectLine(3, "id", "bad_value", delimiter.join(fields)),
        RejectLine(3, None, "wrong_field_count", "ragged"),
        RejectLine(3, f"a{delimiter}{quote}b", f"app_rejected: {words}", f"x{delimiter}y"),
    ]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_object_of_json_is_the_text_that_was_sent(form: str) -> None:
    own = ['{"id": 1.50, "id":' + "9" * 5000 + ', "line": 1, "column": null, "reason": "}{"}', "{}"]
    broken = '{"id": "é", [{'
    rejects = (
        *(reject(text) for text in own),
        reject(broken, column=None, reason=Reason.BAD_JSON),
        reject('{"id":"x"}', reason=Reason.APP_REJECTED, message='no "line": 7, {é}\n'),
    )
    assert list(reject_lines(stored(app(format=form), *rejects), app(format=form))) == [
        *(RejectLine(3, "id", "bad_value", text) for text in own),
        RejectLine(3, None, "bad_json", broken),
        RejectLine(3, "id", 'app_rejected: no "line": 7, {é}\n', '{"id":"x"}'),
    ]


@pytest.mark.parametrize("now", [{"delimiter": ";"}, {"format": "json"}, {"encoding": "utf-16"}])
def test_file_of_another_dialect_is_told_and_not_guessed_at(now: dict[str, str]) -> None:
    with pytest.raises(
        PermanentError, match="the rejects cannot be told apart: the app people reads another form"
    ):
        list(reject_lines(stored(app(), reject("x", "y")), app(**now)))


def test_object_that_no_app_takes_now_is_told() -> None:
    with pytest.raises(
        PermanentError, match=r"told apart: .*no app takes it; without --json they are printed"
    ):
        list(reject_lines([b""], FileRejected(Reason.NO_APP, "no app takes it")))


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_rejects_are_told_before_the_rest_of_the_file_is_read(form: str) -> None:
    by = app(format=form)
    texts = [f"x{number}" if form == "csv" else f'{{"id": "x{number}"}}' for number in range(500)]
    data = b"".join(stored(by, *map(reject, texts)))
    read = 0

    def blocks() -> Iterator[bytes]:
        nonlocal read
        for start in range(0, len(data), 1000):
            read = start
            yield data[start : start + 1000]

    told_at = {one.row: read for one in reject_lines(blocks(), by)}
    assert list(told_at) == texts
    assert told_at[texts[0]] == 0
    mark = "," if form == "csv" else '"'
    wanted = {text: data.index(f"x{number}{mark}".encode()) for number, text in enumerate(texts)}
    assert all(told_at[text] <= wanted[text] + 2000 for text in texts)
    assert len(data) > 5_000


@pytest.mark.parametrize(("form", "cut"), [("csv", 3), ("json", 9), ("jsonl", 9)])
def test_file_that_breaks_off_is_told_after_what_came_before(form: str, cut: int) -> None:
    by = app(format=form)
    texts = ["x", '"y\n\n'] if form == "csv" else ['{"id": "x"}', '{"id": "y"}']
    data = b"".join(stored(by, *map(reject, texts)))[:-cut]
    lines = reject_lines([data], by)
    assert next(lines).row == texts[0]
    with pytest.raises(PermanentError, match="the rejects cannot be told apart"):
        next(lines)


def test_empty_file_is_no_rejects_file() -> None:
    for form in ("csv", "json"):
        with pytest.raises(PermanentError, match="the rejects cannot be told apart"):
            list(reject_lines([], app(format=form)))
