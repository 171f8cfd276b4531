"""A small file of 1,000 rows whose arrival can be seen in one query."""

ROWS = 1_000

MARKS_APP = """
[files]
keys = ["marks-*.csv"]
format = "csv"
[table]
name = "marks"
partition_key = ["run"]
clustering_key = ["number"]
[columns]
run = "text"
number = "int"
name = "text"
latitude = "double"
longitude = "double"
price = "int"
available = "boolean"
"""


def marks_file(run: str) -> bytes:
    """Return the file of one run."""
    lines = ["run,number,name,latitude,longitude,price,available"]
    lines += [
        f"{run},{number},Mark {number},{number / 16},{-number / 32},{number},true" for number in range(ROWS)
    ]
    return "\n".join(lines).encode() + b"\n"
