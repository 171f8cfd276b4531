"""Declared layouts of dates and times, as ISO 8601 for whole columns; what is valid is judged there."""

from collections.abc import Sequence

import polars as pl

from customer_ingestapps.time_layouts import MONTHS, Layout


def iso(text: pl.Series, layouts: Sequence[Layout], *, midnight: str = "") -> pl.Series:
    """Give texts of the first layout that fits in ISO 8601, and none where none fits.

    `midnight` stands behind a date of a layout without a time.
    """
    if not layouts:
        return text
    return pl.select(pl.coalesce([_iso(text, layout, midnight) for layout in layouts])).to_series()


def _iso(text: pl.Series, layout: Layout, midnight: str) -> pl.Series:
    fields = text.str.extract_groups(layout.pattern).struct.unnest()
    parts = [_date(layout)] if layout.has_date else []
    if layout.has_date and layout.has_time:
        parts.append(pl.lit("T"))
    parts += _time(layout) if layout.has_time else [pl.lit(midnight)]
    return fields.select(pl.concat_str(parts)).to_series()


def _date(layout: Layout) -> pl.Expr:
    month = pl.col("month").str.zfill(2) if "month" in layout.fields else _month_number()
    return pl.concat_str(pl.col("year"), month, pl.col("day").str.zfill(2), separator="-")


def _month_number() -> pl.Expr:
    numbers = {name: f"{number:02}" for number, name in enumerate(MONTHS, start=1)}
    return pl.col("month_name").str.to_lowercase().replace_strict(numbers, default=None)


def _time(layout: Layout) -> list[pl.Expr]:
    second = pl.col("second") if "second" in layout.fields else pl.lit("00")
    parts = [pl.concat_str(_hour(layout), pl.col("minute"), second, separator=":")]
    if "fraction" in layout.fields:
        parts.append(pl.concat_str(pl.lit("."), pl.col("fraction")))
    if "zone" in layout.fields:
        parts.append(pl.col("zone").str.replace("^([+-][0-9]{2}):?([0-9]{2})$", "$1:$2"))
    return parts


def _hour(layout: Layout) -> pl.Expr:
    if "hour" in layout.fields:
        return pl.col("hour").str.zfill(2)
    of_12 = pl.col("hour_of_12").cast(pl.Int64) % 12
    half = pl.when(pl.col("half").str.to_lowercase() == "pm").then(12).otherwise(0)
    return (of_12 + half).cast(pl.String).str.zfill(2)
