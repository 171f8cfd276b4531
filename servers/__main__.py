"""The command `python -m servers install | up | down | status`, and `secrets | roles` for compose.yaml."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from servers import containers
from servers.cache import exclusive
from servers.capacity import HEAP_MIB
from servers.errors import ServersError
from servers.installation import install_missing
from servers.instance import Instance

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

Folder = Annotated[Path, typer.Option(help="Where the instance keeps its data, logs and passwords.")]
HeapMib = Annotated[int, typer.Option(help="Memory of Cassandra's heap, MiB.", envvar="CASSANDRA_HEAP_MIB")]
ServersOnly = Annotated[bool, typer.Option("--servers-only", help="Without our own services.")]
LOCAL = Path(".local")


@app.command()
def install() -> None:
    """Install what the servers and their tests need and the machine lacks, once."""
    install_missing(console, with_tools=True)


@app.command()
def up(folder: Folder = LOCAL, heap_mib: HeapMib = HEAP_MIB, servers_only: ServersOnly = False) -> None:
    """Start everything that does not run yet and wait until it can be used."""
    install_missing(console)
    instance = Instance(folder, heap_mib=heap_mib)
    with exclusive(folder / "lock"), console.status("Starting …"):
        if servers_only:
            instance.start()
        else:
            instance.start_everything()
    console.print(overview(instance))
    of_folder = "" if folder == LOCAL else f" --folder {folder}"
    hint = f"Addresses and passwords: {folder / 'env'}. To stop: python -m servers down{of_folder}"
    console.print(hint, markup=False, soft_wrap=True)


@app.command()
def down(folder: Folder = LOCAL) -> None:
    """Stop everything in an orderly way; the data stays."""
    instance = Instance(folder)
    with exclusive(folder / "lock"), console.status("Stopping …"):
        instance.stop()


@app.command()
def status(folder: Folder = LOCAL) -> None:
    """Show what runs; exit 1 when something does not."""
    instance = Instance(folder)
    console.print(overview(instance))
    raise typer.Exit(0 if len(instance.pids()) == len(instance.daemons) else 1)


@app.command()
def secrets(
    folder: Annotated[Path, typer.Argument(help="Where compose.yaml looks.")] = containers.FOLDER,
) -> None:
    """Write the secrets and configuration that compose.yaml mounts; passwords that are there stay."""
    containers.write_files(folder)
    console.print(f"written: {folder}", markup=False, soft_wrap=True)


@app.command()
def roles(
    host: Annotated[str, typer.Option(help="Where Cassandra is.")],
    port: Annotated[int, typer.Option(help="Its port.")] = containers.CQL_PORT,
    folder: Annotated[Path, typer.Option(help="Where the secret files are.")] = containers.MOUNTED,
) -> None:
    """Make the roles of a Cassandra in a container, once it answers."""
    containers.make_roles(host, folder, port=port)


def overview(instance: Instance) -> Table:
    """Show every process with its pid, address and log."""
    table = Table("process", "pid", "address", caption=f"Logs: {instance.folder / 'log'}")
    for daemon in instance.daemons:
        table.add_row(daemon.name, str(daemon.pid or "-"), daemon.address)
    return table


def main() -> None:
    """Run the command; a fault is one line and exit code 2."""
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)  # it reports every failed attempt to connect
    try:
        app()
    except ServersError as error:
        Console(stderr=True).print(
            f"servers: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
