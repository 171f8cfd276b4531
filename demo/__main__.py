"""`python -m demo`: real files of two customers into Cassandra, then everything counted again.

Brings the system up, pushes both folders at once, shows each object's load and compares the tables with the
files. The system stays up. Exit 1 on any difference.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.counts import count_all
from demo.data import DemoError, lay_out
from demo.pushes import Pushed, push_all
from demo.report import counts_table, loads_table
from ingest_manager.cassandra_session import connect
from ingest_manager.errors import IngestError
from ingest_manager.settings import Settings
from servers.instance import Instance

LOOK_AROUND = """The system stays up. To look around:
  {bin}/ingest-manager history --customer customer-2 --limit 5
  {bin}/ingest-manager verify
  {bin}/fetchdata history -u customer-1 -p password-1
  {python} -m demo --check     count again
  {console}  MinIO, {management}  RabbitMQ; logins are in {folder}/env
To stop it:
  {python} -m servers down"""


def demo(
    check: Annotated[bool, typer.Option("--check", help="Only count again; push nothing.")] = False,
    folder: Annotated[Path, typer.Option(help="The folder of the servers' instance.")] = Path(".local"),
) -> None:
    """Push the files of two customers, wait for their rows, compare the tables with the files."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    data = folder / "demo"
    pushes = [] if check else _push(folder, data, console)
    with connect(Settings(_env_file=folder / "env")) as session:
        if pushes:
            console.print(loads_table(session, pushes))
        counts = list(count_all(session, data))
    console.print(counts_table(counts))
    console.print(_look_around(folder), markup=False, highlight=False, soft_wrap=True)
    is_well = all(push.exit_code == 0 for push in pushes) and all(count.is_equal for count in counts)
    raise typer.Exit(0 if is_well else 1)


def _push(folder: Path, data: Path, console: Console) -> list[Pushed]:
    up = subprocess.run([sys.executable, "-m", "servers", "up", "--folder", folder], check=False)
    if up.returncode:
        raise typer.Exit(up.returncode)
    lay_out(data)
    return push_all(data, Instance(folder).environment()["FETCHDATA_SERVER"], console)


def _look_around(folder: Path) -> str:
    environment = Instance(folder).environment()
    return LOOK_AROUND.format(
        bin=Path(sys.executable).parent,
        python=sys.executable,
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
