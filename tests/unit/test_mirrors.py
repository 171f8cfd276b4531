"""Comparing any system with the documents, finding the systems, and what the ledger's schema declares."""

import pytest

from bucket_policies import mirror
from bucket_policies.errors import MirrorError, NotGivenError, SettingsError, UnreachableError
from bucket_policies.mirror import Difference, Holding, Part
from bucket_policies.other_systems import other_systems
from bucket_policies.removal import Belongings
from ingest_manager.mirrors import ledger_columns, open_mirrors

GIVEN = {
    "S3_URL": "http://127.0.0.1:9000", "S3_ACCESS_KEY": "manager", "S3_SECRET_KEY": "secret-1",
    "AMQP_URL": "amqp://127.0.0.1", "CASSANDRA_HOSTS": "127.0.0.1", "CASSANDRA_USER": "manager",
    "CASSANDRA_PASSWORD": "secret-2", "TOKEN_KEY": "0123456789abcdef",
}  # fmt: skip


class FakeSystem:
    """Keeps parts in a dictionary and notes what is written."""

    name = "Fake"

    def __init__(self, **kept):
        self.kept = kept
        self.written = []
        self.closed = False

    def read(self, call):
        return call()

    def write(self, call):
        call()

    def part(self, what, wanted="new", *, can_be_read=True, hint=""):
        return Part(what, wanted, (lambda: self.kept.get(what)) if can_be_read else None,
                    lambda: self._write(what, wanted), hint)  # fmt: skip

    def _write(self, what, wanted):
        if what.startswith("refused"):
            raise MirrorError("no")
        self.written.append(what)
        self.kept[what] = wanted

    def close(self):
        self.closed = True


def test_plan_tells_what_differs_with_its_system_and_writes_nothing():
    system = FakeSystem(a="new", b="old")
    parts = [system.part(name) for name in "abc"]

    assert mirror.plan(system, parts) == [
        Difference("b", "old", "new", system="Fake"),
        Difference("c", None, "new", system="Fake"),
    ]
    assert system.written == []


def test_apply_writes_what_differs_once_and_goes_on_after_a_refusal():
    system = FakeSystem(a="new")
    parts = [system.part("a"), system.part("refused b", hint="do it by hand"), system.part("c")]

    found = mirror.apply(system, parts)

    assert [(one.what, one.error) for one in found] == [("refused b", "no; do it by hand"), ("c", None)]
    mirror.apply(system, parts)
    assert system.written == ["c"]


def test_part_that_nobody_can_read_is_written_every_time_and_told_only_if_refused():
    system = FakeSystem()
    parts = [system.part("bindings", can_be_read=False), system.part("refused", can_be_read=False)]

    assert mirror.plan(system, parts) == []
    assert [(one.what, one.error) for one in mirror.apply(system, parts)] == [("refused", "no")]
    mirror.apply(system, parts)
    assert system.written == ["bindings", "bindings"]


def test_server_that_goes_away_while_it_is_written_ends_the_comparison():
    def away():
        raise UnreachableError("Fake", "gone")

    with pytest.raises(UnreachableError):
        mirror.apply(FakeSystem(), [Part("a", "new", lambda: None, away)])


def test_systems_whose_settings_are_not_given_are_left_out_with_a_line_and_the_others_closed():
    system = FakeSystem()

    def not_given():
        raise NotGivenError("RabbitMQ is left out: X not given here", ["X"])

    with other_systems([not_given, lambda: [system]]) as found:
        assert (list(found.mirrors), list(found.left_out)) == (
            [system],
            ["RabbitMQ is left out: X not given here"],
        )
        assert not system.closed
    assert system.closed


@pytest.fixture
def given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where no .local/env is
    for name, value in GIVEN.items():
        monkeypatch.setenv(f"INGEST_MANAGER_{name}", value)
    return monkeypatch


def test_rabbitmq_and_cassandra_are_found_by_their_entry_point(given):
    with other_systems() as found:
        assert [one.name for one in found.mirrors] == ["RabbitMQ", "Cassandra"]


def test_settings_that_are_missing_leave_both_out_by_name(given):
    given.delenv("INGEST_MANAGER_AMQP_URL")
    given.delenv("INGEST_MANAGER_TOKEN_KEY")

    with other_systems() as found:
        assert list(found.mirrors) == []
        missing = "INGEST_MANAGER_AMQP_URL, INGEST_MANAGER_TOKEN_KEY"
        assert list(found.left_out) == [f"RabbitMQ and Cassandra are left out: {missing} not given here"]


def test_settings_that_cannot_be_used_are_a_fault_without_their_values(given):
    given.setenv("INGEST_MANAGER_CASSANDRA_PORT", "secret-3")

    with pytest.raises(SettingsError, match=r"^INGEST_MANAGER_CASSANDRA_PORT: ") as refused:
        open_mirrors()

    assert not isinstance(refused.value, NotGivenError)
    assert "secret" not in str(refused.value)


def test_columns_of_the_ledger_are_read_out_of_its_schema():
    found = ledger_columns()

    assert found["grants"] == ["customer", "last_upload", "upload_id", "sizes"]
    assert found["loads_by_upload"] == ["customer", "upload_id", "load_id"]
    assert found["loads"][0] == "load_id"
    assert {"lease_until", "table_rows", "replays", "earlier"} <= set(found["loads"])
    assert {"PRIMARY", "comment", "WITH"} & {name for names in found.values() for name in names} == set()


class LedgerOfAnEarlierRelease:
    """Cassandra's schema tables, with `loads` as it was before replays and without `upload_keys`."""

    def execute(self, statement, parameters):
        if "replication" in statement:
            simple = "org.apache.cassandra.locator.SimpleStrategy"
            return [{"replication": {"class": simple, "replication_factor": "1"}}]
        _, table = parameters
        columns = [] if table == "upload_keys" else ledger_columns()[table]
        return [
            {"column_name": name, "type": "text", "kind": "regular", "position": -1}
            for name in columns
            if (table, name) not in {("loads", "replays"), ("loads", "earlier")}
        ]


def test_ledger_of_an_earlier_release_is_a_difference_by_its_missing_columns(given):
    cassandra = open_mirrors()[1]
    vars(cassandra)["_session"] = LedgerOfAnEarlierRelease()  # as if it were connected

    assert [(one.what, one.now) for one in mirror.plan(cassandra, cassandra.parts([]))] == [
        ("table ingest.loads", "without replays, earlier"),
        ("table ingest.upload_keys", None),
    ]


@pytest.mark.parametrize(
    ("unfinished", "staged", "told"),
    [
        ([None, 0], 5, None),
        ([None, 2], 5, "acme has 2 objects without outcome: `ingest-manager drain acme` waits for them"),
        ([None], 0, None),
        ([None], 5, "acme has 5 objects in staging, and nobody here can tell their outcome: "),
    ],
)
def test_customer_with_objects_without_outcome_is_not_removed(unfinished, staged, told):
    holdings = [("Fake", Holding("a", "b", count)) for count in unfinished]
    belongings = Belongings(holdings, [], staged)

    if told is None:
        belongings.refuse_unfinished("acme")
    else:
        with pytest.raises(Exception, match=told):
            belongings.refuse_unfinished("acme")
