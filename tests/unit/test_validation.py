"""`fetchdata validate`: the answers of a load, on the customer's machine."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet
from support import fakes

from bucket_policies.api import AppDeclaration
from bucket_policies.constraints import Constraints
from customer_ingestapps.registry import Registry
from fetchdata.api import AuthService
from fetchdata.checking import declared_apps
from fetchdata.errors import AnswerError, FetchdataError, UsageError
from fetchdata.progress import Watcher
from fetchdata.validation import Validation
from fetchdata.verdicts import Verdicts
from ingest_manager.apps.check import Check

PEOPLE = """
[files]
keys = ["**people*.csv", "**people*.csv.gz"]
format = "csv"
null_words = ["NULL"]
[table]
name = "people"
partition_key = ["id"]
[columns]
id = "int"
name = "text"
"""


@dataclass
class Service:
    """The auth service of a customer with one app."""

    toml: str = PEOPLE
    has_transform: bool = False
    constraints: dict[str, object] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    @property
    def document(self) -> dict[str, object]:
        return {"formats": [".csv", ".csv.gz"], "number_files": 10, "data_sizes": 64} | self.constraints

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        if request.url.path == "/app":
            app = {"name": "people", "toml": self.toml, "has_transform": self.has_transform}
            return httpx.Response(200, json={"apps": [app]})
        access = {"used_bytes": 0, "status_url": "http://status.test", "status_token": "t"}
        return httpx.Response(200, json=Constraints(**self.document).model_dump() | access)

    def validate(self, folder: Path, output: Path | None = None, most_rejects: int | None = None) -> Verdicts:
        auth = AuthService("http://auth.test", "acme", "word", transport=httpx.MockTransport(self))
        return Validation(auth, "acme", Watcher()).run(folder, output=output, most_rejects=most_rejects)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "client-input-dir"
    made.mkdir()
    return made


def test_every_file_is_told_with_its_rows_and_first_faults(folder: Path) -> None:
    (folder / "people-1.csv").write_bytes(b"id,name\n1,Ann\n")
    (folder / "people-2.csv").write_bytes(b"id,name\n1,Ann\nx,Bob\n3\n")
    (folder / "people-3.csv").write_bytes(b'id,name\n1,"Ann\n')
    (folder / "planes.csv").write_bytes(b"id\n1\n")
    (folder / "notes.pdf").write_bytes(b"")
    service = Service()
    found = service.validate(folder)

    assert [(file.outcome.file.name, file.status) for file in found.files] == [
        ("notes.pdf", "refused"), ("people-1.csv", "good"), ("people-2.csv", "has rejects"),
        ("people-3.csv", "refused"), ("planes.csv", "refused"),
    ]  # fmt: skip
    *cells, remark = found.files[2].cells()
    assert cells == ["people-2.csv", "22", "has rejects", "3", "1", "2"]
    assert remark == (
        "line 3: bad_value: id: 'x' is not a whole number from -2147483648 to 2147483647, digits with an "
        "optional sign\nline 4: wrong_field_count: 1 fields, the header has 2"
    )
    assert found.files[3].cells()[-1] == "unclosed_quote: the quote opened on line 2 is never closed"
    assert found.files[4].cells()[-1].startswith("no_app: no ingest app takes 'planes.csv'")
    assert (found.exit_code, found.summary()) == (1, "3 refused, 1 good, 1 has rejects")
    assert set(service.paths) == {"/constraints", "/app"}


def test_parquet_is_read_by_ranges(folder: Path) -> None:
    ids = pa.table({"id": [*map(str, range(50_000)), "x"], "name": ["n"] * 50_001})
    parquet.write_table(ids, folder / "people.parquet", row_group_size=10_000)
    toml = PEOPLE.replace("csv", "parquet").replace('null_words = ["NULL"]\n', "")
    service = Service(toml, constraints={"formats": [".parquet"], "data_sizes": 4096})
    found = service.validate(folder).files[0].verdict
    assert found is not None
    assert (found.rows_read, found.rows_written, found.rows_rejected) == (50_001, 50_000, 1)
    assert [(reject.line, reject.column, reject.reason) for reject in found.rejects] == [
        (50_001, "id", "bad_value")
    ]


def test_clean_folder_is_exit_0(folder: Path) -> None:
    (folder / "people.csv").write_bytes(b"id,name\n1,Ann\n")
    assert Service().validate(folder).exit_code == 0


def test_document_says_for_each_file_what_a_load_would(folder: Path) -> None:
    (folder / "people.csv").write_bytes(b"id,name\n1,Ann\nx,Bob\n")
    document = Service().validate(folder).document()
    json.dumps(document)
    assert document == {
        "files": [
            {
                "name": "people.csv", "key": "people.csv", "size": 20, "violations": [],
                "rows_read": 2, "rows_written": 1, "rows_rejected": 1,
                "rejects": [
                    {
                        "line": 3, "column": "id", "value": "x", "reason": "bad_value",
                        "message": "id: 'x' is not a whole number from -2147483648 to 2147483647, "
                        "digits with an optional sign",
                    }
                ],
                "file_error": None, "checked_up_to_transform": False,
            }
        ]
    }  # fmt: skip


def test_app_with_code_is_checked_up_to_it(folder: Path) -> None:
    (folder / "people.csv").write_bytes(b"id,name\n1,Ann\n")
    [file] = Service(has_transform=True).validate(folder).files
    assert (file.status, file.cells()[-1]) == ("good", "checked up to the transform")


def test_a_declared_transform_is_not_looked_for_and_its_rows_are_not_judged(folder: Path) -> None:
    (folder / "people.csv").write_bytes(b"id,colour\nx,red\n1\n")
    toml = PEOPLE.replace("[table]", '[transform]\nkind = "python"\n[table]')
    [file] = Service(toml, has_transform=True).validate(folder).files
    assert file.status == "has rejects"
    assert file.cells()[-1].splitlines() == [
        "line 3: wrong_field_count: 1 fields, the header has 2",
        "checked up to the transform",
    ]


DAMAGED = {
    "sound": b"id,name\n1,Ann\n2,Bob\n",
    "rejects": b'id,name\n1,"NULL"\nx,Bob\n,c\n4\n5,e,f\n',
    "open quote": b'id,name\n1,Ann\n2,"Bob\n',
    "bad byte": b"id,name\n1,Ann\n2,caf\xe9\n",
    "no header": b"",
    "double header": b"id,ID\n1,2\n",
    "unknown column": b"id,nmae\n1,Ann\n",
    "late fault": b"id,name\n" + b"1,Ann\n" * 10_500 + b'2,"Bob\n',
    "late rejects": b"id,name\n" + b"1,Ann\n" * 10_500 + b"x,Bob\n" * 5,
    "too many": b"id,name\n" + b"1,Ann\nx,Bob\n" * 8,
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_reasons_lines_and_counts_are_those_of_the_server(folder: Path, tmp_path: Path, body: bytes) -> None:
    service = Service(constraints={"max_rejects": 6})
    (folder / "people.csv").write_bytes(body)
    [here] = (file.verdict for file in service.validate(folder).files)
    assert here is not None

    (tmp_path / "apps" / "acme").mkdir(parents=True)
    (tmp_path / "apps" / "acme" / "app.toml").write_text(PEOPLE)
    check = Check(fakes.customer("acme", **service.document), Registry(tmp_path / "apps"))
    there = check.run(folder / "people.csv", "people.csv")

    assert (here.rows_read, here.rows_written, here.rows_rejected) == (
        there.rows_read, there.rows_written, there.rows_rejected,
    )  # fmt: skip
    assert [vars(one) for one in here.rejects] == [one.model_dump() for one in there.rejects]
    assert (here.fault and vars(here.fault)) == (there.file_error and there.file_error.model_dump())


def test_rejects_are_kept_in_files_named_like_theirs_to_be_sent_again(folder: Path, tmp_path: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "people.csv").write_bytes(b"id,name\n1,Ann\nx,Bob\n")
    (folder / "people.csv.gz").write_bytes(gzip.compress(b"id,name\n1\n"))
    (folder / "people.csv").write_bytes(b"id,name\n1,Ann\n")
    output = tmp_path / "to-correct"
    Service().validate(folder, output)

    kept = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert kept == {"in/people.csv", "people.csv.gz"}
    assert (
        output / "in" / "people.csv"
    ).read_bytes() == b"id,name,line,column,reason\nx,Bob,3,id,bad_value\n"
    again = Service().validate(output)
    assert [file.status for file in again.files] == ["has rejects", "has rejects"]


def test_rejects_are_compressed_as_the_names_of_their_files_say(folder: Path, tmp_path: Path) -> None:
    (folder / "people.csv.zst").write_bytes(zstandard.compress(b"id,name\nx,Bob\n"))
    output = tmp_path / "to-correct"
    toml = PEOPLE.replace('"**people*.csv.gz"', '"**people*.csv.zst"')
    Service(toml, constraints={"formats": [".csv.zst"]}).validate(folder, output)
    with zstandard.open(output / "people.csv.zst", "rt") as kept:
        assert kept.read() == "id,name,line,column,reason\nx,Bob,2,id,bad_value\n"


def test_rejects_never_go_where_the_files_are(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot go into the folder that is checked"):
        Service().validate(folder, folder / "rejects")


def test_app_that_is_refused_here_is_the_services_fault(folder: Path) -> None:
    (folder / "people.csv").write_bytes(b"id,name\n1,Ann\n")
    with pytest.raises(FetchdataError, match=r"please tell us: acme/people/app.toml: .*partition_key"):
        Service(toml=PEOPLE.replace('partition_key = ["id"]', "")).validate(folder)


@pytest.mark.parametrize("name", ["..", "../people", "a/b", "", "/etc", "a\\b"])
def test_name_of_an_app_is_no_way_out_of_its_folder(name: str) -> None:
    app = AppDeclaration(name=name, toml="", has_transform=False)
    with pytest.raises(AnswerError, match="which cannot be one"), declared_apps("acme", [app]):
        pass
