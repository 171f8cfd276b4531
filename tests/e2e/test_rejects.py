"""Rows that were not loaded: found before they are sent, fetched after a load, corrected, sent again."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from support.services import configure, start_auth_service, start_status_service
from support.testbed import BIN, Platform, csv_of

from bucket_policies.users import set_password

PAGE = Path(__file__).parent.parent.parent / "docs" / "customer.md"
PASSWORD = "a-word-nobody-guesses"
DAMAGED = b"""id,name,note
1,Ann,"say ""hi"", Bob"
x,"NULL",a
2,Ben
3,Cy,a,b
,Dan,c
4,Eve,d
"""
REJECTED = b"""id,name,note,line,column,reason
x,"NULL",a,3,id,bad_value
2,Ben,4,,wrong_field_count
3,Cy,a,b,5,,wrong_field_count
,Dan,c,6,id,missing_key
"""
CORRECTED = b"""id,name,note,line,column,reason
7,"NULL",a,3,id,bad_value
2,Ben,,4,,wrong_field_count
3,Cy,a b,5,,wrong_field_count
8,Dan,c,6,id,missing_key
"""
PEOPLE = """
[files]
keys = ["**.csv"]
format = "csv"
null_words = ["NULL"]
[table]
name = "people"
partition_key = ["id"]
[columns]
id = "int"
name = "text"
note = "text"
"""

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


@dataclass(frozen=True)
class Customer:
    """Somebody with a folder, a shell and a password."""

    id: str
    home: Path
    server: str

    def types(self, *words: str, code: int = 0) -> str:
        """Run a command; give standard output, or standard error if it ends with another code than 0."""
        done = subprocess.run(
            [BIN / words[0], *words[1:]],
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "FETCHDATA_PASSWORD": PASSWORD, "FETCHDATA_SERVER": self.server},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr if code and not done.stdout else done.stdout

    def put(self, name: str, body: bytes) -> None:
        """Put a file into its home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def push(self, folder: str, *, code: int) -> dict[str, object]:
        """Push a folder with one file; give the file's entry."""
        document = self.types("fetchdata", "push", "-u", self.id, "-d", folder, "--wait", "--json", code=code)
        [file] = json.loads(document)["files"]
        return dict(file)


@pytest.fixture
def customer(platform: Platform, tmp_path: Path) -> Customer:
    configure(platform)
    customer_id = platform.add_customer(apps={"people": PEOPLE})
    set_password(platform.policies / "users.json", customer_id, PASSWORD)
    platform.apply()
    start_auth_service(platform)
    start_status_service(platform)
    (tmp_path / "home").mkdir()
    return Customer(customer_id, tmp_path / "home", platform.environment["FETCHDATA_SERVER"])


def commands() -> list[list[str]]:
    """The page's commands about rows."""
    blocks = re.findall(r"(?s)```text\n(fetchdata .*?)```", PAGE.read_text())
    return [line.split() for block in blocks for line in block.splitlines()]


def people(platform: Platform, customer: Customer) -> list[tuple[object, ...]]:
    rows = platform.rows(customer.id, "id, name, note")
    return sorted((row["id"], row["name"], row["note"]) for row in rows)


def test_rejects_are_found_before_fetched_after_and_loaded_once_corrected(
    platform: Platform, customer: Customer
) -> None:
    customer.put("exports/2026-01/a.csv", DAMAGED)
    check, check_and_keep, show, fetch, push = commands()

    def type_it(command: list[str], load: str = "", code: int = 0) -> str:
        known = {"acme": customer.id, "LOAD": load}
        return customer.types(*(known.get(word, word) for word in command), code=code)

    assert "line 3: bad_value: id: 'x' is not a whole number" in type_it(check, code=1)
    type_it(check_and_keep, code=1)
    assert (customer.home / "to-correct" / "2026-01" / "a.csv").read_bytes() == REJECTED

    with platform.manager():
        first = customer.push("exports", code=1)
        assert (first["status"], first["rows_written"], first["rows_rejected"]) == ("partly_loaded", 2, 4)
        load = str(first["load_id"])
        history = customer.types("fetchdata", "history", "-u", customer.id)
        assert f"see: fetchdata rejects {load}" in history
        assert type_it(show, load).encode() == REJECTED
        assert platform.command("ingest-manager", "rejects", load).encode() == REJECTED
        lines = platform.command("ingest-manager", "rejects", load, "--json").splitlines()
        assert [tuple(json.loads(line).values()) for line in lines] == [
            (3, "id", "bad_value", 'x,"NULL",a'), (4, None, "wrong_field_count", "2,Ben"),
            (5, None, "wrong_field_count", "3,Cy,a,b"), (6, "id", "missing_key", ",Dan,c"),
        ]  # fmt: skip
        type_it(fetch, load)

        again = customer.push("again", code=1)
        assert (again["rows_read"], again["rows_written"], again["rows_rejected"]) == (4, 0, 4)
        repeated = customer.types("fetchdata", "rejects", "-u", customer.id, str(again["load_id"]))
        assert _without_line(repeated) == _without_line(REJECTED.decode())
        assert people(platform, customer) == [(1, "Ann", 'say "hi", Bob'), (4, "Eve", "d")]

        customer.put("again/2026-01/a.csv", CORRECTED)
        assert "loaded" in type_it(push)
    assert people(platform, customer) == [
        (1, "Ann", 'say "hi", Bob'), (2, "Ben", None), (3, "Cy", "a b"), (4, "Eve", "d"),
        (7, "NULL", "a"), (8, "Dan", "c"),
    ]  # fmt: skip


def _without_line(rejects: str) -> list[str]:
    return [re.sub(r",\d+(,[a-z]*,[a-z_]+)$", r"\1", line) for line in rejects.splitlines()]


@pytest.mark.leaves_differences("rejects are deleted by hand before their days are over")
def test_rejects_that_are_not_to_be_had_are_one_line(platform: Platform, customer: Customer) -> None:
    stranger = platform.add_customer(apps={"people": PEOPLE})
    platform.apply()
    with platform.manager():
        platform.put(customer.id, "good.csv", csv_of([(1, "a", "b")]))
        platform.put(customer.id, "bad.csv", csv_of([("x", "a", "b")]))
        platform.put(stranger, "bad.csv", csv_of([("x", "a", "b")]))
        loads = {load["key"]: str(load["load_id"]) for load in platform.settled(customer.id, 2)}
        [foreign] = [str(load["load_id"]) for load in platform.settled(stranger, 1)]
    platform.s3.delete_object(Bucket=f"archive-{customer.id}", Key=f"rejects/{loads['bad.csv']}.csv")
    unknown = str(uuid4())
    lines = {
        loads["good.csv"]: f"load {loads['good.csv']} is loaded and has no rejected rows",
        loads["bad.csv"]: f"the rejects of load {loads['bad.csv']} have expired: they are no longer kept",
        unknown: f"there is no load {unknown}",
    }
    for load, line in lines.items():
        said = customer.types("fetchdata", "rejects", "-u", customer.id, load, "-o", "none.csv", code=1)
        assert said == f"fetchdata: {line}\n"
        assert _ops_error(platform, load) == f"ingest-manager: {line}\n"
    said = customer.types("fetchdata", "rejects", "-u", customer.id, foreign, code=1)
    assert said == f"fetchdata: there is no load {foreign}\n"
    assert not (customer.home / "none.csv").exists()


def _ops_error(platform: Platform, load: str) -> str:
    command = [BIN / "ingest-manager", "rejects", load]
    done = subprocess.run(command, env=platform.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_too_many_rejects_refuse_the_rest_of_the_file_and_say_the_line(platform: Platform) -> None:
    counted = platform.add_customer(max_rejects=2)
    percent = platform.add_customer(max_rejects="1%")
    platform.apply()
    good = [(number, "a", "b") for number in range(10_000)]
    bad = [("x", "a", "b")]
    with platform.manager():
        platform.put(counted, "small.csv", csv_of([*good[:5], *bad * 3, *good[5:9]]))
        platform.put(counted, "allowed.csv", csv_of([*good[:5], *bad * 2]))
        platform.put(counted, "large.csv", csv_of([*good, *good, *bad * 2, *good, *bad, *good]))
        platform.put(percent, "few.csv", csv_of([*bad * 500, *good[:499]]))
        platform.put(percent, "many.csv", csv_of([*good[:989], *bad * 11]))
        loads = [*platform.settled(counted, 3), *platform.settled(percent, 2)]
        platform.verify(counted)
        platform.verify(percent)

    found = {load["key"]: load for load in loads}
    shown = {
        key: (load["status"], load["reason"], load["rows_read"], load["rows_written"], load["rows_rejected"])
        for key, load in found.items()
    }
    assert shown == {
        "small.csv": ("rejected", "too_many_rejects", 3, 0, 3),
        "allowed.csv": ("partly_loaded", None, 7, 5, 2),
        "large.csv": ("rejected", "too_many_rejects", 30_001, 29_998, 3),
        "few.csv": ("partly_loaded", None, 999, 499, 500),
        "many.csv": ("rejected", "too_many_rejects", 11, 0, 11),
    }
    assert found["small.csv"]["message"] == "3 of 12 rows rejected, allowed: 2, passed on line 9"
    assert found["large.csv"]["message"] == (
        "3 of 40000 rows rejected, allowed: 2, passed on line 30004 "
        "(29998 rows up to line 30001 were written)"
    )
    assert found["many.csv"]["message"] == "11 of 1000 rows rejected, allowed: 1%, passed on line 1001"
    assert f"rejects/{found['small.csv']['load_id']}.csv" in platform.archived(counted)
