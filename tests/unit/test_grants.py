"""Judging a manifest, reserving within the quota, and what becomes of a race."""

import doctest

import cassandra.cluster
import cassandra.connection
import cassandra.pool
import cassandra.protocol
import pytest

from bucket_policies import arrivals, grant_store, grants
from bucket_policies.api import GrantedFile, OfferedFile
from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from bucket_policies.errors import GrantError, UnreachableError
from bucket_policies.grant_store import NO_ANSWERS, REFUSALS, GrantStore, Share, driver_errors
from bucket_policies.grants import Granter, fitting, judge
from bucket_policies.store import SignedPut
from bucket_policies.tokens import is_grant

KIB = 1024
SEAL_KEY = b"0123456789abcdef"
CONSTRAINTS = Constraints(formats=(".csv",), number_files=3, data_sizes=4, quota_kib=10)
ACME = Customer("acme", CONSTRAINTS)


def offered(name, size=KIB):
    return OfferedFile(name=name, size=size, sha256="ab" * 32)


def rules(files, constraints=CONSTRAINTS):
    return [[violation.rule for violation in found] for found in judge(files, constraints)]


class FakeCassandra:
    """The partition of one customer; `faults` are raised by the next compare-and-sets, applied or not."""

    def __init__(self):
        self.last_upload = None
        self.uploads = {}
        self.ttls = []
        self.faults = []

    def execute(self, statement, parameters=()):
        if statement.startswith("SELECT"):
            return [
                {"last_upload": self.last_upload, "upload_id": upload, "sizes": sizes}
                for upload, sizes in (self.uploads or {None: None}).items()
            ]
        if statement.startswith("DELETE"):
            key, _, upload_id = parameters
            self.uploads.get(upload_id, {}).pop(key, None)
            return []
        return [{"[applied]": self.reserve(*parameters)}]

    def reserve(self, ttl, upload_id, sizes, customer, _upload_id, last_upload):
        fault, applied = self.faults.pop(0) if self.faults else (None, True)
        if applied and last_upload == self.last_upload:
            self.last_upload = upload_id
            self.uploads[upload_id] = dict(sizes)
            self.ttls.append(ttl)
        if fault:
            raise fault
        return self.last_upload == upload_id


class FakeStore:
    def __init__(self, stored=()):
        self.stored = list(stored)
        self.signed = []

    def staged(self, bucket):
        assert bucket == "staging-acme"
        return self.stored

    def sign_put(self, new, lifetime_seconds):
        self.signed.append((new, lifetime_seconds))
        return SignedPut(f"https://s3.example/{new.bucket}/{new.key}", {"Content-Length": str(new.size)})


@pytest.fixture
def cassandra_rows():
    return FakeCassandra()


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def granter(store, cassandra_rows):
    return Granter(store, GrantStore(cassandra_rows), seal_key=SEAL_KEY, url_lifetime_seconds=3600)


def test_examples_in_the_docstrings_are_true():
    assert doctest.testmod(grants).failed == 0
    assert doctest.testmod(arrivals).failed == 0


def test_files_beyond_number_files_are_too_many():
    assert rules([offered(f"{number}.csv") for number in range(5)]) == [
        [],
        [],
        [],
        ["too_many_files"],
        ["too_many_files"],
    ]


def test_refused_file_takes_no_place_in_number_files():
    files = [offered(name) for name in ("1.csv", "bad.pdf", "2.csv", "3.csv", "4.csv")]

    assert rules(files) == [[], ["format"], [], [], ["too_many_files"]]


def test_everything_wrong_with_a_file_is_said_at_once():
    files = [offered("1.csv"), offered("2.csv"), offered("3.csv"), offered("a//b.pdf", 4 * KIB + 1)]

    assert rules(files)[3] == ["name", "format", "size", "too_many_files"]


@pytest.mark.parametrize("twin", ["\u00e9.csv", "e\u0301.csv", "/\u00e9.csv"])
def test_names_of_one_object_clash_and_neither_is_taken(twin):
    assert rules([offered("\u00e9.csv"), offered("a.csv"), offered(twin)]) == [
        ["name_clash"],
        [],
        ["name_clash"],
    ]


def test_file_that_does_not_fit_leaves_room_for_a_smaller_one():
    assert fitting({"a": 6, "b": 6, "c": 4, "d": 0}, 10) == {"a": 6, "c": 4, "d": 0}
    assert fitting({"a": 1, "b": 0}, -5) == {}


def test_granted_files_come_signed_in_the_order_of_the_manifest(granter, store, cassandra_rows):
    first, refused, last = granter.grant(
        ACME, "upload-1", [offered("/in/e\u0301.csv", 7), offered("b.pdf"), offered("c.csv")]
    )

    assert (first.name, first.key, first.headers) == (
        "/in/e\u0301.csv",
        "in/\u00e9.csv",
        {"Content-Length": "7"},
    )
    assert [violation.rule for violation in refused.violations] == ["format"]
    assert last.url == "https://s3.example/staging-acme/c.csv"
    assert [(new.key, new.upload_id, seconds) for new, seconds in store.signed] == [
        ("in/\u00e9.csv", "upload-1", 3600),
        ("c.csv", "upload-1", 3600),
    ]
    assert all(
        is_grant(new.seal, "upload-1", "staging-acme", new.key, secret=SEAL_KEY) for new, _ in store.signed
    )
    assert cassandra_rows.uploads == {"upload-1": {"in/\u00e9.csv": 7, "c.csv": 1024}}
    assert cassandra_rows.ttls == [4500]


def test_quota_counts_what_is_stored_and_what_is_granted(granter, store, cassandra_rows):
    store.stored = [("old.csv", 4 * KIB)]
    cassandra_rows.uploads = {"earlier": {"x.csv": 2 * KIB}}

    fits, does_not = granter.grant(ACME, "upload-1", [offered("a.csv", 4 * KIB), offered("b.csv", KIB)])

    assert isinstance(fits, GrantedFile)
    [violation] = does_not.violations
    assert (violation.rule, violation.value, violation.limit) == ("quota", 10240, 10240)
    assert violation.message == "1024 bytes do not fit: 10240 of 10240 bytes are in use or granted"
    assert granter.used_bytes(ACME) == 10 * KIB


def test_file_that_is_larger_than_the_whole_quota_is_told_so(granter):
    small = Customer("acme", Constraints(formats=(".csv",), number_files=3, data_sizes=4, quota_kib=1))
    [refused] = granter.grant(small, "upload-1", [offered("a.csv", KIB + 1)])
    [violation] = refused.violations
    assert (violation.rule, violation.message) == (
        "quota",
        "1025 bytes never fit: the whole quota is 1024 bytes",
    )


def test_file_that_has_come_and_is_not_claimed_yet_counts_once(granter, store, cassandra_rows):
    cassandra_rows.uploads = {"earlier": {"x.csv": 4 * KIB}, "again": {"x.csv": 4 * KIB}}
    store.stored = [("x.csv", 4 * KIB)]

    assert granter.used_bytes(ACME) == 8 * KIB
    store.stored = [("x.csv", 4 * KIB)] * 2
    assert granter.used_bytes(ACME) == 8 * KIB
    [fits] = granter.grant(ACME, "upload-1", [offered("a.csv", 2 * KIB)])
    assert isinstance(fits, GrantedFile)


def test_manifest_without_a_good_file_reserves_nothing(granter, cassandra_rows):
    granter.grant(ACME, "upload-1", [offered("b.pdf"), offered("big.csv", 5 * KIB)])

    assert cassandra_rows.uploads == {}


def test_released_grant_is_not_counted_any_more(granter, cassandra_rows):
    granter.grant(ACME, "upload-1", [offered("a.csv", KIB), offered("b.csv", KIB)])

    GrantStore(cassandra_rows).release("acme", "upload-1", "a.csv")
    GrantStore(cassandra_rows).release("acme", "upload-1", "a.csv")

    assert granter.used_bytes(ACME) == KIB


def test_call_that_was_beaten_decides_anew(cassandra_rows):
    seen = []

    def decide(granted):
        seen.append(granted)
        if len(seen) == 1:
            cassandra_rows.reserve(60, "other", {"x.csv": 5}, "acme", "other", None)
        return Share({"a.csv": 1}, sum(size for _, size in granted))

    share = GrantStore(cassandra_rows).reserve("acme", "mine", decide, ttl_seconds=60)

    assert seen == [[], [("x.csv", 5)]]
    assert share.used_bytes == 5
    assert cassandra_rows.uploads == {"other": {"x.csv": 5}, "mine": {"a.csv": 1}}


@pytest.mark.parametrize("applied", [True, False])
def test_lost_answer_reserves_once_whether_it_was_applied_or_not(cassandra_rows, applied):
    cassandra_rows.faults = [(UnreachableError("Cassandra", "timeout"), applied)]

    GrantStore(cassandra_rows).reserve("acme", "mine", lambda _: Share({"a.csv": 1}, 0), ttl_seconds=60)

    assert cassandra_rows.uploads == {"mine": {"a.csv": 1}}


def test_call_that_is_beaten_every_time_gives_up(cassandra_rows, monkeypatch):
    monkeypatch.setattr(grant_store, "_PAUSE_SECONDS", 0)
    cassandra_rows.faults = [(None, False)] * 1000

    with pytest.raises(GrantError, match="too many uploads of acme begin at once"):
        GrantStore(cassandra_rows).reserve("acme", "mine", lambda _: Share({"a.csv": 1}, 0), ttl_seconds=60)


def driver_error_classes():
    modules = (cassandra, cassandra.cluster, cassandra.connection, cassandra.pool, cassandra.protocol)
    elsewhere = {
        "DependencyException",  # at import
        "QueryExhausted",  # paging by hand
        "TraceUnavailable",  # tracing
        "UserTypeDoesNotExist",  # mapping of user types
        "CrcException",  # becomes CrcMismatchException
    }
    return sorted(
        {
            kind
            for module in modules
            for kind in vars(module).values()
            if isinstance(kind, type)
            and issubclass(kind, Exception)
            and kind.__module__.startswith("cassandra")
            if kind.__name__ not in elsewhere
        },
        key=lambda kind: (kind.__module__, kind.__name__),
    )


@pytest.mark.parametrize(
    "kind", driver_error_classes(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_error_of_the_driver_becomes_one_of_ours(kind):
    assert issubclass(kind, (*REFUSALS, *NO_ANSWERS))


def test_refusal_of_cassandra_is_told_apart_from_its_silence():
    with pytest.raises(GrantError, match="Cassandra refused: InvalidRequest"), driver_errors():
        raise cassandra.InvalidRequest("no such table")
    down = cassandra.cluster.NoHostAvailable("…", {"10.0.0.1": OSError("connection\nrefused")})
    with pytest.raises(UnreachableError, match="OSError: connection refused"), driver_errors():
        raise down
