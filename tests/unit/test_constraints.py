"""The constraints document, and judging one file by it."""

import doctest
import json

import pytest

from bucket_policies import constraints, rules
from bucket_policies.constraints import Constraints, parse_constraints
from bucket_policies.errors import DocumentError
from bucket_policies.rules import escaped, key_of

ACME = Constraints(formats=(".csv", ".csv.gz"), number_files=10, data_sizes=4096)

# What MinIO answered to a PUT of each name (case C21).
REFUSED_BY_MINIO = ["in//dbl.csv", "../up.csv", "in/./dot.csv", "in/NUL\0.csv", f"in/{'k' * 300}.csv"]
TAKEN_BY_MINIO = [
    "in/ok.csv",
    "in/UPPER.CSV",
    "/lead.csv",
    "in\\back.csv",
    "in/nl\n.csv",
    "e\u0301.csv",
    "\u00e9.csv",
]


def document(**keys):
    return json.dumps({"formats": [".csv"], "number_files": 10, "data_sizes": 4096} | keys).encode()


def test_examples_in_the_docstrings_are_true():
    assert doctest.testmod(constraints).failed == 0
    assert doctest.testmod(rules).failed == 0


def test_seed_document_gets_the_documented_defaults():
    parsed = parse_constraints(b'{"formats":[".csv"],"number_files":10,"data_sizes":4096}')

    assert parsed.model_dump() == {
        "formats": (".csv",),
        "number_files": 10,
        "data_sizes": 4096,
        "quota_kib": 40960,
        "expanded_kib": 409600,
        "replay_days": 14,
        "after_load": "archive",
        "max_rejects": None,
    }


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"formats": ["csv"]}, 'formats: "csv" is not allowed: an ending is a dot and letters'),
        ({"formats": ["*.csv"]}, 'formats: "*.csv" is not allowed'),
        ({"formats": []}, "formats: [] is not allowed: Tuple should have at least 1 item"),
        ({"number_files": "10"}, 'number_files: "10" is not allowed: Input should be a valid integer'),
        ({"number_files": True}, "number_files: true is not allowed"),
        ({"number_files": 0}, "number_files: 0 is not allowed: Input should be greater than or equal to 1"),
        ({"data_sizes": 1.5}, "data_sizes: 1.5 is not allowed"),
        ({"data_sizes": None}, "data_sizes: null is not allowed"),
        ({"quota_kib": -1}, "quota_kib: -1 is not allowed"),
        ({"after_load": "burn"}, "Input should be 'archive', 'keep' or 'delete'"),
        ({"max_rejects": "5"}, 'max_rejects: "5" is not allowed: give a count such as 100 or a percentage'),
        ({"max_rejects": "101%"}, 'max_rejects: "101%" is not allowed'),
        (
            {"number_filez": 3},
            "number_filez: 3 is not allowed: unknown key, the keys are formats, number_files",
        ),
    ],
)
def test_bad_document_is_refused_with_key_value_and_what_is_allowed(keys, problem):
    with pytest.raises(DocumentError) as refused:
        parse_constraints(document(**keys))

    assert problem in str(refused.value)


def test_everything_wrong_with_a_document_is_said_on_one_line():
    with pytest.raises(DocumentError) as refused:
        parse_constraints(b'{"formats":["csv"],"number_files":0,"x\\n":1}')

    assert [problem.split(":")[0] for problem in str(refused.value).split("; ")] == [
        "formats",
        "number_files",
        "data_sizes",
        "x\\n",
    ]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'"formats"'])
def test_document_that_is_no_json_object_is_refused(text):
    with pytest.raises(DocumentError):
        parse_constraints(text)


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.Csv.gz", "dir/a.csv.GZ"])
def test_ending_is_compared_without_regard_to_case(name):
    assert ACME.violations(name, 1) == []


@pytest.mark.parametrize("name", ["a.gz", "a.csv.zip", "acsv", "a.csv/b"])
def test_other_ending_is_a_format_violation(name):
    [violation] = ACME.violations(name, 1)

    assert (violation.rule, violation.value, violation.limit) == ("format", name, ".csv, .csv.gz")
    assert violation.message == f"'{name}' does not end in .csv, .csv.gz"


def test_size_limit_is_inclusive():
    assert ACME.violations("a.csv", 4194304) == []
    [violation] = ACME.violations("a.csv", 4194305)
    assert (violation.rule, violation.value, violation.limit) == ("size", 4194305, 4194304)


def test_unknown_size_is_not_judged():
    assert ACME.violations("a.csv", None) == []


def test_all_violations_of_a_file_come_at_once():
    assert [found.rule for found in ACME.violations("a//b.pdf", 4194305)] == ["name", "format", "size"]


@pytest.mark.parametrize("name", REFUSED_BY_MINIO)
def test_name_that_minio_refuses_is_a_violation_shown_escaped(name):
    [violation] = ACME.violations(name, 1)

    assert violation.rule == "name"
    assert violation.value == name.replace("\0", "\\x00")
    assert violation.message.isprintable()


@pytest.mark.parametrize("name", TAKEN_BY_MINIO)
def test_name_that_minio_takes_is_no_violation(name):
    assert ACME.violations(name, 1) == []


@pytest.mark.parametrize(
    "name", ["", "/", "a/.csv/", "a/ .. /b.csv", "a\\..\\b.csv", "\udcff.csv", "a/" * 600 + "b.csv"]
)
def test_other_name_that_cannot_be_an_object_is_a_violation(name):
    assert "name" in [found.rule for found in ACME.violations(name, 1)]


def test_newline_in_a_name_is_shown_on_one_line():
    assert escaped("in/nl\n.csv") == "in/nl\\n.csv"


def test_decomposed_and_composed_name_have_one_key():
    assert key_of("e\u0301.csv") == key_of("\u00e9.csv") == "\u00e9.csv"


@pytest.mark.parametrize(
    ("limit", "rejected", "rows_read", "ends"),
    [
        (None, 10**6, 10**6, False),
        (0, 0, 10, False),
        (0, 1, 10, True),
        (100, 100, 100, False),
        (100, 101, 10**6, True),
        ("5%", 999, 999, False),
        ("5%", 50, 1000, False),
        ("5%", 51, 1000, True),
        ("0.5%", 6, 1000, True),
        ("100%", 1000, 1000, False),
    ],
)
def test_reject_limit(limit, rejected, rows_read, ends):
    limited = parse_constraints(document(max_rejects=limit))

    assert limited.too_many_rejects(rejected, rows_read) is ends


@pytest.mark.parametrize(
    "text",
    [
        '{"formats": [".csv"], "number_files": 1, "data_sizes": 4, "number_files": 2}',
        '{"number_files": 1, "number_files": 1}',
    ],
)
def test_key_that_stands_twice_is_refused_by_its_name(text):
    with pytest.raises(DocumentError, match=r"^number_files: stands twice, which of the two is meant\?$"):
        parse_constraints(text.encode())
