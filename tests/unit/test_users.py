"""Passwords: the two kinds of hashes, the users document, and logins over time."""

import json
import stat
from pathlib import Path

import argon2
import pytest

from bucket_policies.errors import DocumentError, LoginError, TooManyAttemptsError
from bucket_policies.logins import Login, Logins
from bucket_policies.users import decoy, is_password, read_users, remove_password, set_password

SHIPPED = Path(__file__).parent.parent.parent / "bucket_policies" / "users.json"
SEED = read_users(SHIPPED)
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ACME = QUICK.hash("correct horse")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"acme": ACME, "globex": QUICK.hash("password-2")}))
    return path


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def logins(document, clock):
    return Logins(document, demo=False, clock=clock)


def login(user="acme", password="correct horse", address="192.0.2.1"):
    return Login(user, password, address)


@pytest.mark.parametrize("customer", ["customer-1", "customer-2"])
def test_seed_hash_takes_its_password_and_no_other(customer):
    assert is_password(customer.replace("customer", "password"), SEED[customer])
    assert not is_password("password-3", SEED[customer])


def test_argon2id_hash_takes_its_password_and_no_other():
    assert is_password("correct horse", ACME)
    assert not is_password("correct horse ", ACME)
    assert not is_password("", ACME)


def test_password_may_hold_any_character():
    assert is_password("pässwörd:✓", QUICK.hash("pässwörd:✓"))


def test_unknown_user_is_checked_against_a_known_hash_the_same_every_time():
    picked = {name: decoy(name, SEED) for name in ("mallory", "eve", "trudy", "oscar")}

    assert set(picked.values()) <= set(SEED.values())
    assert picked == {name: decoy(name, SEED) for name in picked}
    assert decoy("mallory", {}) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "must be an object"),
        ('{"acme": "plain"}', "'acme' has neither a PBKDF2 nor an argon2id hash"),
        ('{"acme": 1}', "'acme' has neither"),
        ('{"acme": "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}', "'acme' has neither"),
    ],
)
def test_bad_users_document_is_refused_without_showing_a_hash(document, text, problem):
    document.write_text(text)

    with pytest.raises(DocumentError, match=problem) as refused:
        read_users(document)

    assert "plain" not in str(refused.value)


def test_missing_users_document_is_refused(tmp_path):
    with pytest.raises(DocumentError, match=r"users\.json: cannot be read: No such file or directory"):
        read_users(tmp_path / "users.json")


def test_new_password_is_hashed_with_argon2id_and_replaces_the_old_one(document):
    document.chmod(0o640)

    set_password(document, "acme", "a new secret")

    users = read_users(document)
    assert users["acme"].startswith("$argon2id$")
    assert is_password("a new secret", users["acme"])
    assert is_password("password-2", users["globex"])
    assert stat.S_IMODE(document.stat().st_mode) == 0o640
    assert [path.name for path in document.parent.iterdir()] == ["users.json"]


def test_first_password_makes_a_private_document(tmp_path):
    set_password(tmp_path / "users.json", "acme", "a new secret")

    assert stat.S_IMODE((tmp_path / "users.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("password", ["", "short", "password-1", "password-2"])
def test_short_or_published_password_cannot_be_set(document, password):
    before = document.read_bytes()

    with pytest.raises(DocumentError):
        set_password(document, "acme", password)

    assert document.read_bytes() == before


def test_right_login_gives_the_customer(logins):
    assert logins.check(login()) == "acme"


@pytest.mark.parametrize(
    "wrong", [login(password="wrong"), login(user="nobody"), login(user="nobody", password="")]
)
def test_wrong_password_and_unknown_user_are_refused_in_the_same_words(logins, wrong):
    with pytest.raises(LoginError, match=r"^wrong user or password$"):
        logins.check(wrong)


def test_published_password_is_refused_unless_it_is_the_demo(document, logins):
    with pytest.raises(LoginError, match="this password is published"):
        logins.check(login("globex", "password-2"))

    assert Logins(document, demo=True).check(login("globex", "password-2")) == "globex"


def test_bad_logins_are_limited_per_user_and_address(logins, clock):
    for _ in range(10):
        with pytest.raises(LoginError):
            logins.check(login(password="wrong"))

    with pytest.raises(TooManyAttemptsError) as refused:
        logins.check(login())

    assert refused.value.retry_after_seconds == 60
    assert logins.check(login(address="192.0.2.2")) == "acme"
    clock.now += 60
    assert logins.check(login()) == "acme"


def test_bad_logins_are_limited_per_address_whatever_the_user(logins):
    for number in range(50):
        with pytest.raises(LoginError):
            logins.check(login(user=f"user-{number}"))

    with pytest.raises(TooManyAttemptsError):
        logins.check(login(user="user-50"))


def test_good_logins_are_not_counted(logins, clock):
    for _ in range(100):
        assert logins.check(login()) == "acme"
        clock.now += 0.1


def test_remembered_login_passes_while_others_guess(logins):
    logins.check(login())
    for _ in range(10):
        with pytest.raises(LoginError):
            logins.check(login(password="wrong"))

    assert logins.check(login()) == "acme"


def test_changed_password_is_in_force_at_once(logins, document):
    logins.check(login())

    set_password(document, "acme", "a new secret")

    assert logins.check(login(password="a new secret")) == "acme"
    with pytest.raises(LoginError):
        logins.check(login())


@pytest.mark.parametrize("harm", [lambda path: path.write_text("{"), lambda path: path.unlink()])
def test_spoiled_document_leaves_the_last_good_one_in_force(logins, document, harm):
    harm(document)

    assert logins.check(login()) == "acme"


def test_password_that_is_removed_logs_in_no_more_and_the_others_stay(document, logins):
    assert logins.check(login()) == "acme"

    assert remove_password(document, "acme")

    assert list(read_users(document)) == ["globex"]
    with pytest.raises(LoginError):
        logins.check(login())
    assert not remove_password(document, "acme")


def test_customer_that_stands_twice_in_the_users_document_is_refused(document):
    document.write_text(f'{{"acme": "{ACME}", "acme": "{ACME}"}}')

    with pytest.raises(DocumentError, match=r"^users\.json: acme: stands twice, "):
        read_users(document)
