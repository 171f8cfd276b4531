"""Status tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from bucket_policies.errors import TokenError
from bucket_policies.tokens import is_grant, issue, seal_grant, verify

KEY = b"k" * 32
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOKEN = issue("acme", NOW + timedelta(minutes=15), KEY)


def test_token_names_its_customer_until_it_ends():
    assert verify(TOKEN, KEY, NOW) == "acme"
    assert verify(TOKEN, KEY, NOW + timedelta(minutes=14, seconds=59)) == "acme"


def test_token_is_refused_from_its_end_on():
    with pytest.raises(TokenError, match="expired"):
        verify(TOKEN, KEY, NOW + timedelta(minutes=15))


def test_token_of_another_key_is_refused():
    with pytest.raises(TokenError, match="not issued here"):
        verify(TOKEN, b"x" * 32, NOW)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "acme",
        "..",
        TOKEN.replace("acme", "globex"),
        TOKEN.replace(".17", ".27"),
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN.upper(),
        "acme.9999999999.\u00e9",
        "\udcff" + TOKEN,
    ],
)
def test_changed_token_is_refused(token):
    with pytest.raises(TokenError):
        verify(token, KEY, NOW)


SEAL = seal_grant("u1", "staging-acme", "in/é.csv", secret=KEY)


def test_seal_is_that_of_its_grant():
    assert is_grant(SEAL, "u1", "staging-acme", "in/é.csv", secret=KEY)


@pytest.mark.parametrize(
    ("seal", "grant", "secret"),
    [
        (SEAL, ("u2", "staging-acme", "in/é.csv"), KEY),
        (SEAL, ("u1", "staging-globex", "in/é.csv"), KEY),
        (SEAL, ("u1", "staging-acme", "in/e.csv"), KEY),
        (SEAL, ("u1", "staging-acme", "in/é.csv"), b"x" * 32),
        (SEAL.upper(), ("u1", "staging-acme", "in/é.csv"), KEY),
        ("", ("u1", "staging-acme", "in/é.csv"), KEY),
        ("\udcff", ("u1", "staging-acme", "in/é.csv"), KEY),
    ],
)
def test_seal_of_anything_else_is_none(seal, grant, secret):
    assert not is_grant(seal, *grant, secret=secret)


def test_parts_of_a_grant_cannot_change_places():
    assert seal_grant("u", 'b", "k', "x", secret=KEY) != seal_grant("u", "b", 'k", "x', secret=KEY)


def test_seal_of_a_grant_is_no_status_token():
    with pytest.raises(TokenError):
        verify(SEAL, KEY, NOW)
    with pytest.raises(TokenError):
        verify(f'["grant", "b", "k", "acme.9999999999"].{SEAL}', KEY, NOW)
