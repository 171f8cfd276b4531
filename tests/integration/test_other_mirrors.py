"""`bucket-policies plan` and `apply` on real RabbitMQ and Cassandra: changes by hand, and mending them."""

import pika
import pytest
from support.rabbit import publish, waiting
from support.settings import settings_of
from support.testbed import PEOPLE_APP, Platform, eventually, keyspace

from bucket_policies import mirror
from bucket_policies.customers import CustomerDirectory
from ingest_manager.mirrors import Cassandra, RabbitMQ

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")


class Scene:
    """A customer that is all set up, and both systems with the manager's rights and with every right."""

    def __init__(self, folder, environment):
        self.platform = Platform(folder, environment)
        self.customer = self.platform.add_customer()
        self.queue, self.keyspace = f"ingest.{self.customer}", keyspace(self.customer)
        self.settings = settings_of(environment, customer_ingestapps_dir=self.platform.apps)
        self.open()
        self.apply()

    def open(self):
        self.mirrors = (RabbitMQ(self.settings), Cassandra(self.settings))

    def close(self):
        for one in self.mirrors:
            one.close()

    def _all(self, act):
        customers = list(CustomerDirectory(self.platform.policies / "customers").current().values())
        return [found for one in self.mirrors for found in act(one, one.parts(customers))]

    def plan(self):
        return [(one.system, one.what, one.now) for one in self._all(mirror.plan)]

    def apply(self):
        return [one.error for one in self._all(mirror.apply)]

    def cql(self, statement):
        self.platform.session.execute(statement)

    def broker(self, call):
        url = self.platform.environment["RABBITMQ_ADMIN_URL"]
        connection = pika.BlockingConnection(pika.URLParameters(url))
        call(connection.channel())
        connection.close()


@pytest.fixture
def scene(tmp_path, environment):
    made = Scene(tmp_path, environment)
    yield made
    made.close()
    made.platform.close()


def test_what_apply_has_made_is_no_difference_and_setup_finds_nothing_to_do(scene):
    assert scene.plan() == []
    scene.platform.command("ingest-manager", "setup")
    assert (scene.plan(), scene.apply()) == ([], [])


def test_everything_of_a_new_customer_is_planned_and_made(scene):
    customer = scene.platform.add_customer()

    assert scene.plan() == [
        ("RabbitMQ", f"queue ingest.{customer}", None),
        ("Cassandra", f"keyspace {keyspace(customer)}: replication", None),
        ("Cassandra", f"table {keyspace(customer)}.people", None),
    ]
    assert (scene.apply(), scene.plan()) == ([None] * 3, [])


def test_queue_that_somebody_deleted_is_declared_again_with_its_binding(scene):
    scene.broker(lambda channel: channel.queue_delete(scene.queue))

    assert scene.plan() == [("RabbitMQ", f"queue {scene.queue}", None)]
    assert scene.apply() == [None]
    assert scene.plan() == []
    publish(scene.platform, scene.customer, b"{}")
    eventually(lambda: waiting(scene.platform, scene.queue) == 1, what="an event in the queue")


def test_queue_with_other_arguments_is_shown_and_left_to_people(scene):
    def declare_otherwise(channel):
        channel.queue_delete(scene.queue)
        channel.queue_declare(scene.queue, durable=True, arguments={"x-queue-type": "quorum"})

    scene.broker(declare_otherwise)

    [(system, what, now)] = scene.plan()
    assert (system, what) == ("RabbitMQ", f"queue {scene.queue}")
    assert now.startswith("PRECONDITION_FAILED - inequivalent arg 'x-d")
    [error] = {error for error in scene.apply() if error}
    assert error.startswith("RabbitMQ refused: PRECONDITION_FAILED")
    assert error.endswith("; once it is empty, delete it, and apply again")
    scene.broker(lambda channel: channel.queue_delete(scene.queue))
    assert scene.apply() == [None]


TABLE_DRIFTS = {
    "no table": ("DROP TABLE {keyspace}.people", None),
    "no column": ("ALTER TABLE {keyspace}.people DROP note", "has no column 'note'"),
}


@pytest.mark.parametrize("drift", TABLE_DRIFTS)
def test_table_that_somebody_changed_is_shown_and_mended(scene, drift):
    statement, now = TABLE_DRIFTS[drift]
    scene.cql(statement.format(keyspace=f'"{scene.keyspace}"'))

    assert scene.plan() == [("Cassandra", f"table {scene.keyspace}.people", now)]
    assert scene.apply() == [None]
    assert scene.plan() == []


def test_table_with_another_key_and_a_keyspace_with_other_replication_are_left_to_people(scene):
    scene.cql(f'DROP TABLE "{scene.keyspace}".people')
    scene.cql(f'CREATE TABLE "{scene.keyspace}".people (id int, name text, note text, PRIMARY KEY (name))')
    scene.cql(
        f'ALTER KEYSPACE "{scene.keyspace}" WITH replication = '
        "{'class': 'SimpleStrategy', 'replication_factor': 2}"
    )

    assert scene.plan() == [
        (
            "Cassandra",
            f"keyspace {scene.keyspace}: replication",
            {"class": "SimpleStrategy", "replication_factor": "2"},
        ),
        (
            "Cassandra",
            f"table {scene.keyspace}.people",
            "has the primary key (name), the app declares (id)",
        ),
    ]
    replication, table = scene.apply()
    assert replication.startswith("an existing keyspace is left as it is: ALTER KEYSPACE ")
    assert table.endswith("has the primary key (name), the app declares (id)")


def test_app_that_is_refused_is_a_difference(scene):
    declaration = scene.platform.apps / scene.customer / "people" / "app.toml"
    declaration.write_text(PEOPLE_APP.replace("[table]", "[tables]"))
    assert scene.plan() == []  # the last good version stays in force
    scene.close()
    scene.open()

    [(system, what, now)] = scene.plan()

    assert (system, what) == ("Cassandra", f"apps of {scene.customer}")
    assert now.startswith("refused: ")
    [told] = scene.apply()
    assert "app.toml: [table]: is missing" in told
    assert told.endswith(": mend it; until then the last good version stays in force")


def test_right_of_the_auth_service_that_somebody_took_away_is_granted_by_apply(scene):
    scene.cql("REVOKE MODIFY ON ingest.grants FROM granter")

    assert scene.apply() == []

    listed = scene.platform.session.execute("LIST ALL PERMISSIONS ON ingest.grants OF granter")
    assert {row["permission"] for row in listed} >= {"SELECT", "MODIFY"}


@pytest.mark.parametrize(
    ("setting", "value", "system"),
    [
        ("INGEST_MANAGER_AMQP_URL", "amqp://nobody:secret@127.0.0.1:1/%2F", "RabbitMQ"),
        ("INGEST_MANAGER_CASSANDRA_PORT", "1", "Cassandra"),
    ],
)
def test_system_that_does_not_answer_is_told_and_the_rest_is_compared(scene, setting, value, system):
    scene.platform.environment[setting] = value
    scene.platform.command("bucket-policies", "apply", code=4)
    scene.platform.write_constraints(scene.customer, quota_kib=1)

    done = scene.platform.run("bucket-policies", "plan")

    assert done.returncode == 4
    assert done.stdout == (
        f"bucket staging-{scene.customer}: quota in bytes: now {500 * 102_400 * 1024}, wanted 1024\n"
    )
    assert done.stderr.startswith(f"bucket-policies: {system} does not answer: ")
    assert (done.stderr.count("\n"), "secret" in done.stderr) == (1, False)


def test_missing_settings_leave_both_out_and_change_nothing_else(scene):
    scene.platform.command("bucket-policies", "apply")
    del scene.platform.environment["INGEST_MANAGER_AMQP_URL"]

    assert scene.platform.command("bucket-policies", "plan").splitlines() == [
        "RabbitMQ and Cassandra are left out: INGEST_MANAGER_AMQP_URL not given here",
        "MinIO equals the documents of 1 customers",
    ]
