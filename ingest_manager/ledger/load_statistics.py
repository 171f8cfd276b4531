"""Statistics of loads, from the ledger's figures: accounts, outcomes, times and throughput.

For each customer and for the platform; for a span of time as a whole, or by its hours or days. All times are
those of the objects, in UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl
from pydantic import BaseModel

from ingest_manager.ledger.loads import LoadFigures, LoadStatus

_SCHEMA: Any = {
    "customer": pl.String,
    "status": pl.String,
    "event_at": pl.Datetime("ms", "UTC"),
    "started_at": pl.Datetime("ms", "UTC"),
    "ended_at": pl.Datetime("ms", "UTC"),
    "replays": pl.Int64,
    "size": pl.Int64,
    "rows_read": pl.Int64,
    "rows_written": pl.Int64,
    "rows_rejected": pl.Int64,
    "rows_dropped": pl.Int64,
}
_SUCCESSES = (LoadStatus.LOADED, LoadStatus.PARTLY_LOADED)
_TO_LOAD = (*_SUCCESSES, LoadStatus.REJECTED, LoadStatus.FAILED)  # no duplicates, nothing that is gone
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Period(StrEnum):
    """How long one line's time is."""

    HOUR = "hour"
    DAY = "day"


class Seconds(BaseModel):
    """How long something took, over many loads."""

    mean: float
    p50: float
    p95: float
    p99: float


class LoadStatistics(BaseModel):
    """The loads of one customer, or of the platform (`customer` is null), in one span of time."""

    customer: str | None
    period: datetime | None = None
    objects: int = 0
    bytes: int = 0
    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    rows_dropped: int = 0
    statuses: dict[LoadStatus, int] = {}
    success_rate: float | None = None
    seconds_to_outcome: Seconds | None = None
    seconds_of_load: Seconds | None = None
    busy_seconds: float = 0.0
    rows_per_second: float | None = None
    bytes_per_second: float | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None


def statistics_of(
    figures: Iterable[LoadFigures], *, customer: str | None = None, by: Period | None = None
) -> list[LoadStatistics]:
    """Return the statistics by time, then customer; the platform's last, unless the figures are a customer's.

    Args:
        figures: of the loads that shall be counted.
        customer: the one customer that all of them are of, if so.
        by: split the time; periods without loads are left out.
    """
    loads = _with_times(pl.DataFrame(list(figures), schema=_SCHEMA, orient="row"), by)
    if loads.is_empty():
        return [LoadStatistics(customer=customer)]
    of_customers = list(_statistics(loads, ["period", "customer"]))
    of_platform = list(_statistics(loads, ["period"])) if customer is None else []
    return sorted([*of_customers, *of_platform], key=_order)


def _with_times(loads: pl.DataFrame, by: Period | None) -> pl.DataFrame:
    """Add the period, and how long each load took; what has no outcome has no times."""
    event_at, started_at, ended_at = map(pl.col, ("event_at", "started_at", "ended_at"))
    is_new = pl.col("replays") == 0  # a replay's outcome says nothing about the first
    cut = {Period.HOUR: "1h", Period.DAY: "1d", None: "1d"}[by]
    return loads.with_columns(
        period=event_at.dt.truncate(cut) if by else pl.lit(None, pl.Datetime("ms", "UTC")),
        to_outcome=pl.when(is_new).then((ended_at - event_at).dt.total_milliseconds() / 1000),
        of_load=(ended_at - started_at).dt.total_milliseconds() / 1000,
    )


def _statistics(loads: pl.DataFrame, keys: Sequence[str]) -> Iterator[LoadStatistics]:
    in_order = loads.sort("started_at", "ended_at", nulls_last=True)
    groups = in_order.with_columns(alone=_milliseconds_alone(keys)).group_by(keys).agg(*_aggregates())
    return map(_view, groups.iter_rows(named=True))


def _milliseconds_alone(keys: Sequence[str]) -> pl.Expr:
    """Return how long each load ran that none before it did, in the order of their starts, in its group."""
    before = pl.col("ended_at").cum_max().forward_fill().shift(1).over(keys)
    alone = pl.col("ended_at") - pl.max_horizontal(pl.col("started_at"), before)
    return alone.dt.total_milliseconds().clip(0)


def _aggregates() -> Iterator[pl.Expr]:
    yield pl.len().alias("objects")
    yield pl.col("size").sum().alias("bytes")
    yield pl.col("rows_read", "rows_written", "rows_rejected", "rows_dropped").sum()
    yield (pl.col("alone").sum() / 1000).alias("busy_seconds")
    yield pl.col("event_at").min().alias("first_at")
    yield pl.col("event_at").max().alias("last_at")
    for status in LoadStatus:
        yield (pl.col("status") == status.value).sum().alias(status)
    for name in ("to_outcome", "of_load"):
        yield pl.col(name).mean().alias(f"{name}_mean")
        for quantile, share in _QUANTILES.items():
            yield pl.col(name).quantile(share, "linear").alias(f"{name}_{quantile}")


def _view(row: dict[str, Any]) -> LoadStatistics:
    to_load, successes = (sum(row[status] for status in some) for some in (_TO_LOAD, _SUCCESSES))
    busy = row["busy_seconds"]
    known = {name: row[name] for name in LoadStatistics.model_fields if name in row}
    made = {
        "customer": row.get("customer"),
        "statuses": {status: row[status] for status in LoadStatus if row[status]},
        "success_rate": successes / to_load if to_load else None,
        "seconds_to_outcome": _seconds(row, "to_outcome"),
        "seconds_of_load": _seconds(row, "of_load"),
        "rows_per_second": row["rows_written"] / busy if busy else None,
        "bytes_per_second": row["bytes"] / busy if busy else None,
    }
    return LoadStatistics(**(known | made))


def _seconds(row: dict[str, Any], name: str) -> Seconds | None:
    if row[f"{name}_mean"] is None:
        return None
    return Seconds(**{kind: round(row[f"{name}_{kind}"], 3) for kind in ("mean", *_QUANTILES)})


def _order(statistics: LoadStatistics) -> tuple[float, bool, str]:
    period = statistics.period.timestamp() if statistics.period else 0.0
    return period, statistics.customer is None, statistics.customer or ""
