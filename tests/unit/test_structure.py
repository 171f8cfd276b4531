"""Dependencies go one way and modules stay small: read from the source itself."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OURS = {
    "fetchdata",
    "bucket_policies",
    "customer_ingestapps",
    "ingest_manager",
    "servers",
    "demo",
    "benchmarks",
    "release",
}
ALLOWED = {
    "customer_ingestapps": set(),
    "bucket_policies": {"customer_ingestapps.globs"},  # which names an app takes, and nothing of the readers
    "fetchdata": {"bucket_policies.rules", "bucket_policies.api", "customer_ingestapps"},
    "ingest_manager": {
        "bucket_policies.allowances", "bucket_policies.arrivals", "bucket_policies.certificates",
        "bucket_policies.constraints", "bucket_policies.customers", "bucket_policies.errors",
        "bucket_policies.grant_store",
        "bucket_policies.command_line", "bucket_policies.listening", "bucket_policies.logs",
        "bucket_policies.metrics", "bucket_policies.mirror", "bucket_policies.rules",
        "bucket_policies.secret_files", "bucket_policies.timed_calls", "bucket_policies.tokens",
        "customer_ingestapps",
    },
}  # fmt: skip
ONE_IMPORTER = {
    ("bucket_policies", "boto3"): "store", ("bucket_policies", "minio"): "store",
    ("bucket_policies", "cassandra"): "grant_store",
    ("ingest_manager", "boto3"): "object_store", ("ingest_manager", "pika"): "broker",
    ("ingest_manager", "cassandra"): "cassandra_session",
    ("ingest_manager", "minio"): "bucket_quotas",
}  # fmt: skip
CONNECTS_TO_NOTHING = {"stored_values", "encoded_batch"}  # the driver's deserializers, its messages
SERVER_ONLY = {
    "boto3",
    "minio",
    "pika",
    "cassandra",
    "fastapi",
    "polars",
    "numpy",
    "pyarrow",
    "structlog",
    "argon2",
    "pydantic",
    "pydantic_settings",
    "typer",
}


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield (module's name, imported name) of a package."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path.stem, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path.stem, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_what_lies_below_it(package: str) -> None:
    foreign = {name for _, name in imports(package) if name.partition(".")[0] in OURS - {package}}
    allowed = ALLOWED[package]
    assert {name for name in foreign if not any(f"{name}.".startswith(f"{top}.") for top in allowed)} == set()


def test_rooms_of_the_manager_depend_one_way() -> None:
    manager = ROOT / "ingest_manager"
    below: dict[str, set[str]] = {}
    for room in (path.parent for path in manager.glob("*/__init__.py")):
        names = [name.split(".") for _, name in imports(f"ingest_manager/{room.name}")]
        others = {name[1] for name in names if name[0] == "ingest_manager" and (manager / name[1]).is_dir()}
        below[room.name] = others - {room.name}
    assert len(below) == 10
    assert set(TopologicalSorter(below).static_order()) == set(below)  # or it raises CycleError


def test_no_room_of_the_manager_imports_what_wires_them_together() -> None:
    manager = ROOT / "ingest_manager"
    rooms = [path.parent.name for path in manager.glob("*/__init__.py") if path.parent.name != "commands"]
    used = {
        name.split(".")[1]
        for room in rooms
        for _, name in imports(f"ingest_manager/{room}")
        if "ingest_manager." in name
    }
    assert {name for name in used if not (manager / name).is_dir()} == {"errors", "settings"}


@pytest.mark.parametrize(("package", "driver"), ONE_IMPORTER)
def test_driver_has_one_importer(package: str, driver: str) -> None:
    importers = {module for module, name in imports(package) if name.partition(".")[0] == driver}
    assert importers - CONNECTS_TO_NOTHING == {ONE_IMPORTER[package, driver]}


def test_only_the_check_of_fetchdata_needs_the_readers_and_only_when_it_runs() -> None:
    def importers(of: str) -> set[str]:
        return {module for module, name in imports("fetchdata") if f"{name}.".startswith(f"{of}.")}

    assert importers("customer_ingestapps") == {"checking"}
    assert importers("fetchdata.checking") == {"validation"}
    assert importers("fetchdata.validation") == {"row_commands"}
    at_the_top = ast.parse((ROOT / "fetchdata" / "row_commands.py").read_text()).body
    assert "fetchdata.validation" not in {getattr(node, "module", None) for node in at_the_top}


def test_fetchdata_needs_no_server_library() -> None:
    used = {name.partition(".")[0] for _, name in imports("fetchdata")}
    light = {
        name.partition(".")[0] for module, name in imports("bucket_policies") if module in ("rules", "api")
    }
    assert (used | light) & SERVER_ONLY == set()


def test_references_share_no_code_with_what_they_judge() -> None:
    references = {"slow_csv", "slow_json", "slow_values", "slow_files", "driver_values", "forms", "tables"}
    used = {name for module, name in imports("benchmarks/reliability") if module in references}
    assert {name.partition(".")[0] for name in used} & (OURS - {"benchmarks"}) == set()


def test_customers_code_is_imported_in_the_sandbox_alone() -> None:
    ways = ("spec_from_file_location", "import_module", "__import__", "runpy", "exec(")
    ours = [path for package in ALLOWED for path in (ROOT / package).rglob("*.py")]
    found = {path.name for path in ours if any(way in path.read_text() for way in ways)}
    assert found == {"runner.py"}


def test_life_of_a_load_stays_on_one_page() -> None:
    assert len((ROOT / "ingest_manager" / "loading" / "loading.py").read_text().splitlines()) <= 150


@pytest.mark.parametrize("package", sorted(OURS))
def test_modules_and_functions_stay_small(package: str) -> None:
    too_long = []
    for path in (ROOT / package).rglob("*.py"):
        text = path.read_text()
        too_long += [path.name] if len(text.splitlines()) > 400 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.body[0].lineno + 1
                too_long += [f"{path.name}: {node.name}"] if lines > 40 else []
    assert too_long == []
