"""Departures from New York City: the day of a departure is in the files as year, month and day."""

import polars as pl


def transform(frame: pl.DataFrame) -> pl.DataFrame:
    """Build the day."""
    month, day = pl.col("month").str.zfill(2), pl.col("day").str.zfill(2)
    return frame.with_columns(departure_date=pl.concat_str("year", month, day, separator="-"))
