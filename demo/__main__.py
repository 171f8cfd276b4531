"""`python -m demo`: real files of two customers into Cassandra, then everything counted again.

Brings the system up, pushes both folders at once, shows each object's load and compares the tables with the
files. The system stays up. Exit 1 on any difference.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.counts import count_all
from demo.data import DemoError, lay_out
from demo.pushes import has_pushed, push_all
from demo.report import counts_table, loads_table
from ingest_manager.cassandra.cassandra_session import CassandraSession, connect
from ingest_manager.errors import IngestError
from ingest_manager.settings import Settings
from servers.instance import Instance

LOOK_AROUND = """The system stays up. To look around:
  {bin}/ingest-manager history --customer customer-2 --limit 5
  {bin}/ingest-manager verify
  {bin}/fetchdata history -u customer-1 -p password-1
  {bin}/python -m demo --check     count again
  {console}  MinIO, {management}  RabbitMQ; logins are in {folder}/env
To stop it:
  make down"""


def demo(
    check: Annotated[bool, typer.Option("--check", help="Only count again; push nothing.")] = False,
    folder: Annotated[Path, typer.Option(help="The folder of the servers' instance.")] = Path(".local"),
) -> None:
    """Push the files of two customers, wait for their rows, compare the tables with the files."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    data = folder / "demo"
    if not check:
        _bring_up(folder)
        lay_out(data)
    elif not data.exists():
        raise DemoError(f"nothing was pushed from {data} yet; first run: make demo")
    with connect(Settings(_env_file=folder / "env")) as session:
        is_well = check or _push(session, folder, data, console)
        is_well = _compare(session, data, console) and is_well
    console.print(_look_around(folder), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if is_well else 1)


def _bring_up(folder: Path) -> None:
    up = subprocess.run([sys.executable, "-m", "servers", "up", "--folder", folder], check=False)
    if up.returncode:
        raise typer.Exit(up.returncode)


def _push(session: CassandraSession, folder: Path, data: Path, console: Console) -> bool:
    # A push would put back what somebody deleted by hand since the last one: look before it.
    changed = [count for count in count_all(session, data) if not count.is_equal] if has_pushed(data) else []
    if changed:
        console.print("Changed since the last push:", counts_table(changed))
    pushes = push_all(data, Instance(folder).environment()["FETCHDATA_SERVER"], console)
    console.print(loads_table(session, pushes))
    return not changed and all(push.exit_code == 0 for push in pushes)


def _compare(session: CassandraSession, data: Path, console: Console) -> bool:
    counts = list(count_all(session, data))
    console.print(counts_table(counts))
    return all(count.is_equal for count in counts)


def _look_around(folder: Path) -> str:
    environment = Instance(folder).environment()
    return LOOK_AROUND.format(
        bin=os.path.relpath(Path(sys.executable).parent),
        console=environment["MINIO_CONSOLE_URL"],
        management=environment["RABBITMQ_MANAGEMENT_URL"],
        folder=folder,
    )


def main() -> None:
    """Run the demo; a fault is one line and exit code 1."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(demo)
    try:
        app()
    except (DemoError, IngestError) as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
