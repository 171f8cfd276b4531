"""Status tokens."""

from datetime import UTC, datetime, timedelta

import pytest

from bucket_policies.errors import TokenError
from bucket_policies.tokens import issue, verify

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
