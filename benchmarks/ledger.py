"""How long the ledger takes to answer when one customer has 100,000 loads."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.full_ledger import EVERY, made_loads, write_loads
from benchmarks.measure import Measure
from customer_ingestapps.registry import Registry
from ingest_manager import setup
from ingest_manager.cassandra import cassandra_session
from ingest_manager.ledger.connection import connect_ledger
from ingest_manager.ledger.history import LoadQuery, find_loads
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.load_statistics import statistics_of
from ingest_manager.ledger.loads import UNDECIDED, LoadStatus
from ingest_manager.loading.archive import Archive
from ingest_manager.objects import object_store
from ingest_manager.operations.replay import Replayer
from ingest_manager.operations.selection import Selection
from ingest_manager.settings import Settings
from servers.instance import Instance

CUSTOMER = "of-many-loads"
LOADS = 100_000
_PREFIX = "INGEST_MANAGER_"


def answering(instance: Instance, rounds: int) -> list[Measure]:
    """Fill a ledger and ask it what ops ask; the time is that of the work, without the start of a command."""
    settings = _settings(instance)
    newest = datetime.now(UTC).replace(microsecond=0)
    with cassandra_session.connect(settings) as session:
        setup.ensure_ledger(session, settings)
        write_loads(session, made_loads(CUSTOMER, LOADS, newest))
        ledger = connect_ledger(settings, session)
        replayer = Replayer(
            ledger, _archive(instance), Registry(settings.customer_ingestapps_dir), {CUSTOMER}
        )
        asked = _questions(ledger, replayer, newest)
        return [
            Measure(name, "s", tuple(_seconds(ask) for _ in range(rounds))) for name, ask in asked.items()
        ]


def _questions(ledger: Ledger, replayer: Replayer, newest: datetime) -> dict[str, Callable[[], object]]:
    day_ago = newest - timedelta(days=1)
    failed = Selection(customer=CUSTOMER, statuses=frozenset([LoadStatus.FAILED]))
    lately = Selection(customer=CUSTOMER, since=newest - 1_000 * EVERY)
    return {
        "history": lambda: find_loads(ledger, LoadQuery(customer=CUSTOMER)),
        "history --status failed": lambda: find_loads(
            ledger, LoadQuery(customer=CUSTOMER, status=LoadStatus.FAILED)
        ),
        "status: what is on its way or failed": lambda: list(
            ledger.loads_in(CUSTOMER, [*UNDECIDED, LoadStatus.FAILED])
        ),
        "stats --since 24h": lambda: statistics_of(
            ledger.figures(CUSTOMER, day_ago, newest + EVERY), customer=CUSTOMER
        ),
        "replay --status failed --dry-run (100)": lambda: replayer.plan(failed),
        "replay --since … --dry-run (1,000; no app takes them)": lambda: replayer.plan(lately),
        "replay --dry-run of all (100,000; no app takes them)": lambda: replayer.plan(
            Selection(customer=CUSTOMER)
        ),
    }


def _archive(instance: Instance) -> Archive:
    """Return the archive, empty, as the store's administrator sees it: nobody else may ask for no bucket."""
    keys = ("S3_URL", "ADMIN_ACCESS_KEY", "ADMIN_SECRET_KEY")
    url, access_key, secret_key = (instance.environment()[f"BUCKET_POLICIES_{key}"] for key in keys)
    return Archive(object_store.connect(url, access_key, secret_key, range_bytes=1 << 23))


def _seconds(ask: Callable[[], object]) -> float:
    started = time.monotonic()
    ask()
    return time.monotonic() - started


def _settings(instance: Instance) -> Settings:
    ours = {name: value for name, value in instance.environment().items() if name.startswith(_PREFIX)}
    values: dict[str, Any] = {name.removeprefix(_PREFIX).lower(): value for name, value in ours.items()}
    return Settings(_env_file=None, **values)
