"""The `ingest-manager` command: lists the commands, and turns their faults into exit codes.

Exit codes: 0 done / no difference, 1 something failed or differs, 2 usage or settings, 4 unreachable.
"""

import sys

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableSetting

from bucket_policies import command_line, logs
from bucket_policies.errors import SettingsError
from customer_ingestapps.errors import IngestAppError
from ingest_manager.errors import IngestError, ServerDown

cli = command_line.build(
    "Load customers' objects into Cassandra, and see what became of each.",
    {
        "check": "ingest_manager.commands.check:check",
        "drain": "ingest_manager.commands.drain:drain",
        "history": "ingest_manager.commands.history:history",
        "pause": "ingest_manager.commands.pause:pause",
        "reconcile": "ingest_manager.commands.reconcile:reconcile",
        "rejects": "ingest_manager.commands.rejects:rejects",
        "replay": "ingest_manager.commands.replay:replay",
        "resume": "ingest_manager.commands.resume:resume",
        "stats": "ingest_manager.commands.stats:stats",
        "status": "ingest_manager.commands.status:status",
        "verify": "ingest_manager.commands.verify:verify",
        "setup": "ingest_manager.commands.setup:set_up",
        "run": "ingest_manager.commands.run:run",
        "status-service": "ingest_manager.commands.status_service:serve_status",
        "apps": "ingest_manager.commands.apps:apps",
        "dead-letters": "ingest_manager.commands.dead_letters:commands",
    },
)


def main() -> None:
    """Run the command; every fault is one line and an exit code."""
    logs.configure()
    try:
        sys.exit(command_line.run(cli, "ingest-manager"))
    except ValidationError as error:
        first = error.errors()[0]
        name = "INGEST_MANAGER_" + str(first["loc"][0]).upper() if first["loc"] else "settings"
        where = "; set it in the environment, in a secret file, or run where .local/env is"
        message = first["msg"].removeprefix("Value error, ")
        _fail(f"{name}: {message}{where if first['type'] == 'missing' else ''}", 2)
    except (SettingsError, UnreadableSetting) as error:
        _fail(str(error), 2)
    except UnicodeError:
        _fail("an argument or the output is not UTF-8", 2)
    except ServerDown as error:
        _fail(str(error), 4)
    except (IngestError, IngestAppError) as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename or 'the output'}", 1)


def _fail(message: str, code: int) -> None:
    print(f"ingest-manager: {message}", file=sys.stderr)
    sys.exit(code)
