"""What an app.toml may declare, what it may not, and what the refusal says."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

import customer_ingestapps
from customer_ingestapps.columns import Column
from customer_ingestapps.contract import Encoding, Files, Format, Table, load_contract
from customer_ingestapps.cql_types import SCALARS
from customer_ingestapps.errors import ContractError
from customer_ingestapps.templates import Slot, parse_template
from customer_ingestapps.transforms import TransformDeclaration

GOOD = """
[files]
keys = ["orders-*.csv"]
format = "csv"

[table]
name = "orders"
partition_key = ["id"]

[columns]
id = "int"
placed = { type = "date", template = "{year}-{month:02}-{day:02}" }
note = { type = "text", column = "Remark ", empty = "null" }
"""

ID = 'id = "int"'


def column(cql: str, declared: str) -> str:
    return f'{ID}\nx = {{ type = "{cql}", {declared} }}'


FORMAT = 'format = "csv"'


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "app.toml"


def refusal(document: Path, old: str, new: str) -> str:
    assert old in GOOD
    document.write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(document)
    return str(caught.value)


def test_a_good_contract_says_its_table(document: Path) -> None:
    document.write_text(GOOD, "utf-8")
    contract = load_contract(document)
    assert contract.table.key == ("id",)
    assert [(name, column.type) for name, column in contract.columns.items()] == [
        ("id", "int"),
        ("placed", "date"),
        ("note", "text"),
    ]
    assert contract.sources("placed") == ("year", "month", "day")
    assert contract.sources("note") == ("remark",)
    assert contract.columns["id"] == Column(type="int")


def test_defaults_are_the_documented_ones(document: Path) -> None:
    document.write_text(GOOD, "utf-8")
    files = load_contract(document).files
    assert (files.delimiter, files.quote, files.encoding) == (",", '"', "utf-8")
    assert (files.null_words, files.extra_columns) == ((), "refuse")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('["id"]', '["id"]\nclustering_order = {id = "desc"}', "clustering_order: 'id' is not in the"),
        ('["id"]', '["id"]\ndefault_ttl = -1', "default_ttl: -1 is not allowed: it must be at least 0"),
        ('["id"]', '["id"]\ndefault_ttl = "1d"', '"1d" is not allowed: it takes a whole number'),
        ('["id"]', '["id"]\ncompaction = {class = "Fast"}', "[table] compaction: it needs a class; allowed"),
        ('["id"]', '["id"]\ntime_to_live = 5', "[table] time_to_live: unknown key, take it out; the keys"),
        (ID, 'id = "integer"', "[columns] id.type: 'integer' is not a type; allowed are text"),
        (ID, 'id = "counter"', "counter columns cannot be loaded: a repeated load would count twice"),
        (ID, f'{ID}\nx = "list<int>"', "[columns] x: a list must be frozen<list<…>>"),
        (ID, "id = 5", '[columns] id: 5 is not allowed: it takes a type such as "int", or a table'),
        (ID, '\'a"b\' = "int"', 'a column name has 1 to 100 characters, no "'),
        (ID, '" id" = "int"', "no space at its ends"),
        (ID, f'{ID}\nID = "int"', "[columns]: two names differ from 'id' in case only"),
        ('["id"]', '["key"]', "[table]: key column 'key' is not one of [columns]: id, placed, note"),
        ('["id"]', '["id", "id"]', "[table]: column 'id' stands twice in the key"),
        ('["id"]', '["note"]', '[columns] note.empty: "null" is not allowed for a key column'),
        ('["id"]', "[]", "[table] partition_key: [] is not allowed: it must not be empty"),
        ('"orders"', '"Orders"', '[table] name: "Orders" is not allowed: it takes at most 48 lower-case'),
        ('"orders"', f'"{"o" * 49}"', "it takes at most 48 lower-case letters"),
        ('"orders-*.csv"', "", "[files] keys: [] is not allowed: it must not be empty"),
        (FORMAT, 'format = "xls"', '[files] format: "xls" is not allowed: it takes \'csv\', '),
        (FORMAT, "", '[files] format: is missing: add the format of the files, such as'),
        (FORMAT, f'{FORMAT}\ndelimeter = ";"', "[files] delimeter: unknown key, do you mean delimiter?"),
        (FORMAT, f'{FORMAT}\ndelimiter = "ab"', '[files] delimiter: "ab" is not allowed: a delimiter is one'),
        (FORMAT, f'{FORMAT}\ndelimiter = "\\n"', "a delimiter is one ASCII character"),
        (FORMAT, f'{FORMAT}\nencoding = "utf8"', 'encoding: "utf8" is not allowed: it takes \'utf-8\', '),
        (FORMAT, f'{FORMAT}\nextra_columns = "drop"', "it takes 'refuse' or 'ignore'"),
        ('empty = "null"', 'empty = "nul"', "is not allowed: it takes 'unset' or 'null'"),
        ('column = "Remark "', 'column = "r", template = "{a}"', "[columns] note: give column or template"),
        ("{month:02}", "{month:2}", "allowed in a template are {column} and {column:02}"),
        ("{month:02}", "{month!r}", "allowed in a template are {column} and {column:02}"),
        ("{month:02}", "{month", '[columns] placed.template: "{year}-{month-{day:02}" is not'),
        ("{year}-{month:02}-{day:02}", "2026-01-01", "a template names at least one column of the file"),
        (FORMAT, f'{FORMAT}\nnull_words = [""]', '[files] null_words, entry 1: "" is not'),
        (FORMAT, 'format = "jsonl"\ndelimiter = ";"', "[files]: delimiter is not for files of the format"),
        (FORMAT, 'format = "parquet"\nencoding = "latin-1"', "[files]: encoding is not for files of"),
        (ID, f'{ID}\nx = "frozen<adress>"', "[columns] x.type: 'adress' is not a type"),
        (ID, column('int', 'places = 2'), "[columns] x: places is for columns of type"),
        (ID, column('text', 'zone = "UTC"'), "[columns] x: zone is for columns of type"),
        (ID, column('set<int>', 'round = "up"'), "[columns] x: round is for columns of type"),
        (ID, column('decimal', 'round = "up"'), "[columns] x: round needs places for a decimal"),
        (ID, column('int', 'decimal_mark = "," , thousands_mark = ","'), "must differ"),
        (ID, column('boolean', 'true_words = ["1"]'), "belong together"),
        (
            ID,
            column('boolean', 'true_words = ["a"], false_words = ["A"]'),
            "'a' cannot be both true and false",
        ),
        (ID, column('timestamp', 'zone = "Berlin"'), 'x.zone: "Berlin" is not allowed: not a time zone'),
        (ID, column('timestamp', 'zone = "../passwd"'), "not a time zone"),
        (ID, column('timestamp', 'ambiguous = "later"'), "ambiguous and nonexistent need a zone"),
        (ID, column('timestamp', 'epoch = "s", zone = "UTC"'), "epoch does not go with formats"),
        (ID, column('timestamp', 'formats = "%Y-%m-%d"'), "needs %z, or the column a zone"),
        (ID, column('date', 'formats = "%H:%M"'), "the format '%H:%M' does not make a date"),
        (ID, column('time', 'formats = "%H:%M %z"'), "does not make a time"),
        (ID, column('date', 'formats = "%y"'), "%y is unknown; allowed are %Y, %m"),
        (ID, 'id = "set<int>"', "[columns] id: in the key it must be frozen<set<int>>"),
        (ID, 'id = "duration"', "[columns] id: a duration cannot be in the key"),
        (ID, 'id = "tuple<duration>"', "[columns] id: a duration cannot be in the key"),
        ("[table]", '[types.int]\na = "int"\n[table]', '[types]: "int" is not allowed: a type'),
        ("[table]", '[types.T]\na = "int"\n[table]', "a type's name has lower-case letters"),
        ("[table]", '[types.t]\na = "intt"\n[table]', "[types] t: 'intt' is not a type"),
        ("[table]", '[types.t]\na = "set<int>"\n[table]', "[types] t: set<int> inside another type must"),
        ("[table]", "[types.t]\n[table]", "[types] t: {} is not allowed: it must not be empty"),
        ("[table]", '[transform]\nkind = "perl"\n[table]', '[transform] kind: "perl" is not allowed: it'),
        ("[table]", '[transform]\nkind = "program"\n[table]', "a command is what kind = \"program\" needs"),
        ("[table]", '[transform]\nkind = "python"\ncommand = ["x"]\n[table]', "and nothing else takes"),
        ("[table]", '[transform]\nkind = "python"\nwire = "arrow"\n[table]', 'wire is for kind = "program"'),
        ("[table]", '[transform]\nkind = "python"\nmemory_mib = 8\n[table]', "it must be at least 64"),
        ("[table]", '[transform]\nkind = "python"\ncolumns = ["a", "A"]\n[table]', "differ in case only"),
        (
            "[columns]",
            '[transform]\nkind = "python"\n[columns]\n_ROW = "int"',
            "'_row' is what batches of a transform",
        ),
        ("[table]", "[tabel]", "[table]: is missing: add a section [table]"),
        ("[table]", "[table", "Expected ']' at the end of a table declaration"),
    ],
)  # fmt: skip
def test_a_bad_contract_is_refused_with_file_key_value_and_what_is_allowed(
    document: Path, old: str, new: str, says: str
) -> None:
    message = refusal(document, old, new)
    assert says in message
    assert all(line.startswith(f"{document}: ") for line in message.splitlines())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '["id"]',
            '"id"',
            '[table] partition_key: "id" is not allowed: it takes a list of texts; write ["id"]',
        ),
        (
            '["id"]',
            '["id"]\ndefault_ttl = "5"',
            '[table] default_ttl: "5" is not allowed: it takes a whole number; write 5, without quotes',
        ),
        (
            ID,
            f'{ID}\nx = {{ type = "decimal", places = "2" }}',
            '[columns] x.places: "2" is not allowed: it takes a whole number; write 2, without quotes',
        ),
        (
            ID,
            f'{ID}\nx = {{ type = "text", trim = "true" }}',
            '[columns] x.trim: "true" is not allowed: it takes true or false; write true, without quotes',
        ),
        (
            "[table]",
            '[transform]\nkind = "python"\nseconds_per_batch = "5"\n[table]',
            '[transform] seconds_per_batch: "5" is not allowed: it takes a number; write 5, without quotes',
        ),
        ('"orders"', "5", '[table] name: 5 is not allowed: it takes a text; write "5", in quotes'),
    ],
)
def test_a_value_of_the_wrong_type_is_one_line_that_says_what_to_write(
    document: Path, old: str, new: str, says: str
) -> None:
    assert refusal(document, old, new) == f"{document}: {says}"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return "inf" if value == float("inf") else json.dumps(value)


def _faults(document: Path) -> list[str]:
    try:
        load_contract(document)
    except ContractError as error:
        return str(error).splitlines()
    return []


MODELS = {"files": Files, "table": Table, "columns": Column, "transform": TransformDeclaration}
KEYS = [(section, key) for section, model in MODELS.items() for key in model.model_fields]


@pytest.mark.parametrize(("section", "key"), [*KEYS, *((section, "") for section in (*MODELS, "types"))])
def test_no_fault_is_in_the_words_of_the_library(document: Path, section: str, key: str) -> None:
    for value in (5, -1, 1.5, float("inf"), True, "", "x" * 1001, [], [5], [""], {}, {"a": 5}, {"A": "é"}):
        whole: dict[str, Any] = tomllib.loads(GOOD) | {"transform": {"kind": "python"}}
        if not key:
            whole[section] = value
        elif section == "columns":
            whole[section]["id"] = {"type": "int", key: value}
        else:
            whole[section][key] = value
        text = "\n".join(f"{name} = {_toml(one)}" for name, one in whole.items())
        document.write_text(text, "utf-8")
        for line in _faults(document):
            assert line.startswith(f"{document}: [")
            assert not re.search(r"Input|String|Extra|Field|Tuple|Dict|Value error|should", line)


def test_a_decimal_inside_another_type_cannot_be_in_a_clustering_key(document: Path) -> None:
    document.write_text(
        GOOD.replace(ID, f'{ID}\nd = "tuple<decimal>"').replace('["id"]', '["id"]\nclustering_key = ["d"]'),
        "utf-8",
    )
    with pytest.raises(ContractError, match="decimals in a clustering key must stand alone"):
        load_contract(document)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_marks_of_numbers_are_for_csv(document: Path, form: str) -> None:
    document.write_text(
        GOOD.replace(FORMAT, f'format = "{form}"').replace(ID, 'id = { type = "int", decimal_mark = "," }'),
        "utf-8",
    )
    with pytest.raises(ContractError, match=r"\[columns\] id: decimal_mark is for csv"):
        load_contract(document)


def test_user_defined_types_are_known_to_columns_and_to_each_other(document: Path) -> None:
    types = '[types.address]\nzip = "int"\n[types.person]\nhome = "frozen<address>"\n[table]'
    document.write_text(
        GOOD.replace("[table]", types).replace(ID, f'{ID}\np = "set<frozen<person>>"'), "utf-8"
    )
    contract = load_contract(document)
    assert str(contract.cql_types["p"]) == "set<frozen<person>>"
    assert contract.cql_types["p"].arguments[0].fields == ("home",)


def test_all_faults_are_said_at_once(document: Path) -> None:
    message = refusal(document, ID, 'id = "integer"\nname = "string"')
    assert len(message.splitlines()) == 2


def test_a_missing_or_unreadable_file_is_refused(document: Path) -> None:
    with pytest.raises(ContractError, match="cannot be read: No such file"):
        load_contract(document)
    document.write_bytes(b"\xff")
    with pytest.raises(ContractError, match="can't decode"):
        load_contract(document)


def test_a_template_keeps_doubled_braces_and_odd_column_names() -> None:
    assert parse_template("{{{My Col.x}}}").parts == ("{", Slot("My Col.x", 0), "}")


def test_the_reference_has_every_key_type_and_encoding() -> None:
    reference = (Path(customer_ingestapps.__file__).parent / "README.md").read_text("utf-8")
    names = [
        *Files.model_fields,
        *Table.model_fields,
        *Column.model_fields,
        *TransformDeclaration.model_fields,
        *SCALARS,
        *get_args(Format),
        *get_args(Encoding),
    ]
    assert [name for name in names if f"`{name}`" not in reference] == []


def test_the_example_of_the_reference_is_a_good_contract(document: Path) -> None:
    reference = (Path(customer_ingestapps.__file__).parent / "README.md").read_text("utf-8")
    document.write_text(reference.partition("```toml\n")[2].partition("```")[0], "utf-8")
    assert load_contract(document).sources("amount") == ("amount (eur)",)
