"""The same departures by an app that only declares, one in Python and one in Go: three equal tables."""

import os
import subprocess
from pathlib import Path

from support.testbed import Platform

import customer_ingestapps
from demo import data
from servers import programs

IN_PYTHON = Path(customer_ingestapps.__file__).parent / "customer-2" / "flights"
IN_GO = Path(__file__).parent.parent / "support" / "apps" / "flights.go"
DECLARED = Path(__file__).parent.parent.parent / "benchmarks" / "flights.toml"
ROWS = 6_099


def app_of(table: str, toml: str) -> str:
    return toml.replace('"flights*', f'"{table}*').replace('name = "flights"', f'name = "{table}"')


def build(program: Path) -> None:
    go = programs.go()
    assert go
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    subprocess.run([go, "build", "-o", program, IN_GO], check=True, env=environment)


def test_an_app_of_each_kind_loads_the_same_files_to_equal_tables(platform: Platform) -> None:
    source = platform.folder / "demo"
    data.lay_out(source)
    in_python = (IN_PYTHON / "app.toml").read_text()
    in_go = in_python.replace('kind = "python"', 'kind = "program"\ncommand = ["./flights"]')
    customer = platform.add_customer(
        apps={
            "declared": app_of("declared", DECLARED.read_text()),
            "python": app_of("python", in_python),
            "go": app_of("go", in_go),
        }
    )
    code = (IN_PYTHON / "transform.py").read_text()
    (platform.apps / customer / "python" / "transform.py").write_text(code)
    build(platform.apps / customer / "go" / "flights")
    platform.apply()
    content = (source / "customer-2" / "flights-2013-w01.csv").read_bytes()

    with platform.manager():
        for table in ("declared", "python", "go"):
            platform.put(customer, f"{table}.csv", content)
        loads = platform.settled(customer, 3)
        platform.verify(customer)

    assert [(load["status"], load["rows_written"], load["message"]) for load in loads] == [
        ("loaded", ROWS, None)
    ] * 3
    declared, python, go = (
        sorted(map(repr, platform.rows(customer, table=table))) for table in ("declared", "python", "go")
    )
    assert len(declared) == ROWS
    assert python == declared
    assert go == declared
