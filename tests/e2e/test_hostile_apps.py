"""One customer's apps do what strangers' code may do: each load ends as documented, and others' go on."""

from support.app_documents import app_toml
from support.hostile_apps import HONEST, HOSTILE, write_program
from support.testbed import Platform, csv_of, eventually

ROWS = csv_of([(1, "Ann"), (2, "Bob")], header="id,name")
OUTCOMES = {
    "sleeps": ("failed", "app_timeout", "the app did not answer within 2 s"),
    "spins": ("failed", "app_timeout", "the app used more than 1 s of the processor for a batch"),
    "allocates": ("failed", "app_memory", "the app took more than 128 MiB of memory"),
    "exits": ("failed", "app_exited", "the app ended with code 3 instead of answering: I leave"),
    "forks": ("failed", "app_processes", "the app runs more than 32 processes"),
    "floods": ("rejected", "app_answer", "the app's answer is larger than 1 MiB"),
    "garbage": (
        "rejected",
        "app_answer",
        "the app's answer does not fit: its line 1 is no JSON object: 'no JSON at all'",
    ),
    "too few": (
        "rejected",
        "app_answer",
        "the app's answer does not fit: 1 of 2 rows are missing in it (line 2 of the file)",
    ),
    "too many": (
        "rejected",
        "app_answer",
        "the app's answer does not fit: _row = 1000000 is no row of the batch, which has 2",
    ),
}
LIMITS = {
    "sleeps": {"seconds_per_batch": 2},
    "spins": {"cpu_seconds_per_batch": 1},
    "allocates": {"memory_mib": 128},
    "floods": {"answer_mib": 1},
}

SPIES = {
    "network": "socket.create_connection(({host!r}, {port}), 2)",
    "environment": "[tried(f'open(\"/proc/{{pid}}/environ\").read()') for pid in os.listdir('/proc')]",
    "files": "open({file!r}).read()",
}
SPY = """
def tried(expression):
    try:
        return str(eval(expression))
    except OSError as error:
        return error.strerror

while True:
    told = tried({expression!r})
    for mark in '"', chr(92), chr(0):
        told = told.replace(mark, ' ')
    answer(*(line.replace('Ann', told) for line in batch()))
"""


def add_app(platform: Platform, customer: str, name: str, body: str, **transform: object) -> None:
    table = name.replace(" ", "_")
    folder = platform.apps / customer / table
    write_program(folder, body)
    document = app_toml(
        files={"keys": [f"{table}*.csv"], "format": "csv"},
        transform={"kind": "program", "command": ["python3", "app.py"], **transform},
        table={"name": table, "partition_key": ["id"]},
        columns={"id": "int", "name": "text"},
    )
    (folder / "app.toml").write_text(document)


def test_each_hostile_app_ends_as_documented_while_another_customers_loads_go_on(platform: Platform) -> None:
    acme, globex = platform.add_customer(apps={}), platform.add_customer(apps={}, prefix="globex")
    hanging = platform.add_customer(apps={}, prefix="hanging")
    for name in OUTCOMES:
        add_app(platform, acme, name, HOSTILE[name], **LIMITS.get(name, {}))
    add_app(platform, globex, "people", HONEST)
    add_app(platform, hanging, "hangs", HOSTILE["sleeps"], seconds_per_batch=300)
    platform.apply()

    with platform.manager(
        INGEST_MANAGER_WORKERS="4",
        INGEST_MANAGER_ATTEMPTS="2",
        INGEST_MANAGER_RETRY_PAUSES_SECONDS="[1]",
        INGEST_MANAGER_APP_SECONDS_PER_BATCH="300",
    ):
        platform.put(hanging, "hangs.csv", ROWS)
        eventually(lambda: [load["status"] for load in platform.ledger(hanging)] == ["loading"])
        for name in OUTCOMES:
            platform.put(acme, f"{name.replace(' ', '_')}.csv", ROWS)
        for number in range(5):
            platform.put(globex, f"people-{number}.csv", ROWS)
        honest = platform.settled(globex, 5)
        hostile = platform.settled(acme, len(OUTCOMES))
        [still] = platform.ledger(hanging)
        platform.verify(acme)

    assert [(load["status"], load["rows_written"]) for load in honest] == [("loaded", 2)] * 5
    found = {load["key"]: (load["status"], load["reason"], load["message"]) for load in hostile}
    assert found == {f"{name.replace(' ', '_')}.csv": outcome for name, outcome in OUTCOMES.items()}
    assert {load["attempts"] for load in hostile if load["status"] == "failed"} == {2}
    assert {load["attempts"] for load in hostile if load["status"] == "rejected"} == {1}
    assert still["status"] == "loading"
    assert [load["status"] for load in platform.ledger(hanging)] == ["queued"]  # given back, not waited for


def test_an_app_finds_neither_servers_nor_secrets_nor_other_customers(platform: Platform) -> None:
    acme, globex = platform.add_customer(apps={}), platform.add_customer(prefix="globex")
    spied = {
        "host": platform.environment["INGEST_MANAGER_CASSANDRA_HOSTS"].split(",")[0],
        "port": int(platform.environment["INGEST_MANAGER_CASSANDRA_PORT"]),
        "file": str(platform.apps / globex / "people" / "app.toml"),
    }
    for name, expression in SPIES.items():
        add_app(platform, acme, name, SPY.format(expression=expression.format(**spied)))
    platform.apply()

    with platform.manager(INGEST_MANAGER_SANDBOX="bubblewrap"):
        for name in SPIES:
            platform.put(acme, f"{name}.csv", ROWS)
        loads = platform.settled(acme, len(SPIES))
    assert {load["status"] for load in loads} == {"loaded"}
    rows = {name: platform.rows(acme, table=name) for name in SPIES}
    told = {name: next(row["name"] for row in found if row["id"] == 1) for name, found in rows.items()}
    assert told["network"] == "Connection refused"  # by its own, empty localhost
    assert told["files"] == "No such file or directory"
    assert "PYTHONPATH" in told["environment"]  # its own
    kept = {name: value for name, value in platform.environment.items() if name.startswith("INGEST_MANAGER_")}
    secrets = [kept[f"INGEST_MANAGER_{name}"] for name in ("S3_SECRET_KEY", "AMQP_URL", "CASSANDRA_PASSWORD")]
    assert not [secret for secret in secrets if secret in told["environment"]]
