"""Types as an app declares them, written as Cassandra writes them."""

import re

import pytest

from customer_ingestapps.cql_types import SCALARS, parse_type

TYPES = {
    "address": {"street": "text", "tags": "frozen<set<text>>"},
    "person": {"home": "frozen<address>"},
    "endless": {"again": "frozen<endless>"},
    "loose": {"tags": "set<text>"},
}


@pytest.mark.parametrize("name", SCALARS)
def test_scalars_are_their_names(name: str) -> None:
    assert str(parse_type(name)) == name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("varchar", "text"),
        (" MAP< text,INT > ", "map<text, int>"),
        ("set<frozen<list<int>>>", "set<frozen<list<int>>>"),
        ("frozen<list<set<int>>>", "frozen<list<frozen<set<int>>>>"),
        ("tuple<int, list<text>>", "frozen<tuple<int, frozen<list<text>>>>"),
        ("frozen<tuple<int>>", "frozen<tuple<int>>"),
        ("vector<float,3>", "vector<float, 3>"),
        ("address", "address"),
        ("frozen<address>", "frozen<address>"),
        ("map<text, frozen<person>>", "map<text, frozen<person>>"),
    ],
)
def test_types_are_written_as_cassandra_does(text: str, written: str) -> None:
    assert str(parse_type(text, TYPES)) == written


def test_a_user_defined_type_has_its_fields() -> None:
    person = parse_type("frozen<person>", TYPES)
    assert person.fields == ("home",)
    assert [str(kind) for kind in person.arguments[0].arguments] == ["text", "frozen<set<text>>"]
    assert (person.holds("set"), person.holds("decimal")) == (True, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("integer", "'integer' is not a type; allowed are text, ascii"),
        ("", "not a type"),
        ("int;drop", "not a type"),
        ("counter", "counter columns cannot be loaded"),
        ("list<int", "the type is not complete"),
        ("list<int>>", "something follows the type: '>'"),
        ("int text", "something follows the type: 'text'"),
        ("map<int>", "',' is expected before '>'"),
        ("set<list<int>>", "list<int> inside another type must be frozen<list<int>>"),
        ("set<address>", "address inside another type must be frozen<address>"),
        ("frozen<loose>", "set<text> inside another type must be frozen<set<text>>"),
        ("frozen<int>", "only collections and types of your own can be frozen, not int"),
        ("set<duration>", "elements of a set cannot be durations"),
        ("map<frozen<list<decimal>>, int>", "keys of a map may be decimals, but not hold them"),
        ("vector<int, 0>", "a vector has 1 to 8192 dimensions"),
        ("vector<int, 8193>", "a vector has 1 to 8192 dimensions"),
        ("frozen<endless>", "types are nested deeper than 8 levels"),
        ("frozen<list<" * 9 + "int" + ">>" * 9, "types are nested deeper than 8 levels"),
    ],
)
def test_what_cannot_be_loaded_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_type(text, TYPES)
