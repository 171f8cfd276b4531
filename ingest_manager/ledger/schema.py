"""The ledger's tables, as CQL. Every statement can be repeated."""

KEYSPACE = "ingest"

_LOADS = """
CREATE TABLE IF NOT EXISTS ingest.loads (
    load_id uuid PRIMARY KEY,
    customer text, bucket text, key text, version_id text,
    status text, attempts int,
    event_at timestamp, started_at timestamp, ended_at timestamp, placed_at timestamp,
    claim uuid, worker text, lease_until timestamp, retry_at timestamp,
    write_base bigint, write_high bigint,
    size bigint, sha256 text, upload_id text, app text, app_version text,
    reason text, message text, first_error text,
    rows_read bigint, rows_written bigint, rows_rejected bigint, rows_dropped bigint, table_rows bigint
) WITH comment = 'one row per object version; written by compare-and-set only'
"""

_CUSTOMERS = """
CREATE TABLE IF NOT EXISTS ingest.customers (customer text PRIMARY KEY)
WITH comment = 'every customer that ever had a load'
"""

_OPEN_CLAIMS = """
CREATE TABLE IF NOT EXISTS ingest.open_claims (
    holder uuid, slot int, customer text, load_id uuid,
    PRIMARY KEY (holder, slot)
) WITH default_time_to_live = 2592000
  AND comment = 'finds what is being loaded; a process writes its next claim over one that has ended'
"""

_LOADS_BY_DAY = """
CREATE TABLE IF NOT EXISTS ingest.loads_by_day (
    customer text, day date, event_at timestamp, load_id uuid,
    PRIMARY KEY ((customer, day), event_at, load_id)
) WITH CLUSTERING ORDER BY (event_at DESC, load_id ASC)
  AND comment = 'the figures of loads with an outcome, for statistics; written before placed_at'
"""

# Earlier versions wrote the key alone: such a load is looked up.
_FIGURES = """
ALTER TABLE ingest.loads_by_day ADD IF NOT EXISTS (
    status text, started_at timestamp, ended_at timestamp, replays int, size bigint,
    rows_read bigint, rows_written bigint, rows_rejected bigint, rows_dropped bigint
)
"""

_LOADS_BY_UPLOAD = """
CREATE TABLE IF NOT EXISTS ingest.loads_by_upload (
    customer text, upload_id text, load_id uuid,
    PRIMARY KEY ((customer, upload_id), load_id)
) WITH comment = 'finds the loads of one upload'
"""

_UPLOAD_KEYS = """
CREATE TABLE IF NOT EXISTS ingest.upload_keys (
    customer text, upload_id text, key text, load_id uuid,
    PRIMARY KEY ((customer, upload_id, key))
) WITH comment = 'the first version under an upload and key; written by compare-and-set only'
"""

_UNUSABLE_MESSAGES = """
CREATE TABLE IF NOT EXISTS ingest.unusable_messages (
    day date, message_id uuid, received_at timestamp, queue text, reason text, body blob,
    PRIMARY KEY (day, message_id)
) WITH comment = 'bodies that are no event, kept for people'
"""

_REPLAYS = """
ALTER TABLE ingest.loads ADD IF NOT EXISTS (
    replays int, replay_id uuid, replayed_at timestamp, first_placed_at timestamp, earlier text
)
"""

_CLEARING = "ALTER TABLE ingest.loads ADD IF NOT EXISTS (write_first bigint)"

_DISCARDS = """
ALTER TABLE ingest.loads ADD IF NOT EXISTS (discarded_at timestamp, discarded_by text, discard_note text)
"""

_DISCARDED_MESSAGES = """
ALTER TABLE ingest.unusable_messages ADD IF NOT EXISTS (
    replayed_at timestamp, discarded_at timestamp, discarded_by text, discard_note text
)
"""

_PLACES = "ALTER TABLE ingest.loads ADD IF NOT EXISTS (placed_in text)"

_INDEXED = ("customer", "status", "key", "event_at", "ended_at")
_INDEXES = tuple(
    f"CREATE INDEX IF NOT EXISTS loads_{column} ON ingest.loads ({column}) USING 'sai'" for column in _INDEXED
)

TABLES = (
    _LOADS,
    _REPLAYS,
    _CLEARING,
    _DISCARDS,
    _PLACES,
    *_INDEXES,
    _CUSTOMERS,
    _OPEN_CLAIMS,
    _LOADS_BY_DAY,
    _FIGURES,
    _LOADS_BY_UPLOAD,
    _UPLOAD_KEYS,
    _UNUSABLE_MESSAGES,
    _DISCARDED_MESSAGES,
)
