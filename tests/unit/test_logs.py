"""Log lines: their form, and what they never hold."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SECRET = "row-or-secret"
SCRIPT = """
import logging, sys, structlog
from structlog.contextvars import bind_contextvars
from bucket_policies import logs
logs.configure({log_format!r}, {level!r}, libraries=logging.WARNING)
log = structlog.get_logger()
{lines}
"""


def lines_of(lines: str, log_format: str = "json", level: str = "info") -> list[str]:
    """Run code in a process of its own; return what it wrote to standard error."""
    script = SCRIPT.format(log_format=log_format, level=level, lines=lines)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def line_of(lines: str, **how: str) -> dict[str, Any]:
    [line] = lines_of(lines, **how)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_is_one_json_object_with_its_level_time_and_context() -> None:
    line = line_of("bind_contextvars(load_id='7'); log.info('a load ended', action='load', key='a\\n.csv')")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "a load ended",
        "action": "load",
        "key": "a\n.csv",
        "load_id": "7",
        "level": "info",
    }


def test_automatic_is_json_where_nobody_reads_along() -> None:
    assert line_of("log.info('x', action='y')", log_format="auto")["event"] == "x"


def test_readable_lines_show_a_customers_text_without_obeying_it() -> None:
    [line] = lines_of("log.info('x', key='\x1b[2J\\nroot')", log_format="console")
    assert "\x1b[2J" not in line
    assert repr("\x1b[2J\nroot") in line


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_tells_types_and_places_and_no_message(log_format: str) -> None:
    code = f"""
try:
    try:
        row = {SECRET!r}[:]
        int(row)
    except ValueError as cause:
        raise RuntimeError(row) from cause
except RuntimeError:
    log.exception('fault', action='load')
"""
    written = "\n".join(lines_of(code, log_format=log_format))
    assert SECRET not in written
    assert "builtins.ValueError" in written
    assert "builtins.RuntimeError" in written
    assert "line 11, in <module>" in written


def test_a_librarys_line_takes_the_same_way() -> None:
    line = line_of("bind_contextvars(load_id='7'); logging.getLogger('pika.x').error('lost %s', 'it')")
    shown = {name: line[name] for name in ("event", "level", "logger", "action", "load_id")}
    assert shown == {
        "event": "lost it", "level": "error", "logger": "pika.x", "action": "library", "load_id": "7",
    }  # fmt: skip


def test_a_librarys_fault_has_no_message_either() -> None:
    code = f"""
try:
    raise OSError({SECRET!r}[:])
except OSError:
    logging.getLogger("cassandra.cluster").warning("no connection", exc_info=True)
"""
    line = line_of(code)
    assert SECRET not in json.dumps(line)
    assert "builtins.OSError" in line["exception"]


@pytest.mark.parametrize(
    "library", ["botocore.auth", "urllib3.connectionpool", "pika.callback", "cassandra.io"]
)
def test_libraries_tell_nothing_of_what_they_send_whatever_our_own_level(library: str) -> None:
    code = f"logging.getLogger({library!r}).debug({SECRET!r}); log.debug('ours', action='x')"
    assert line_of(code, level="debug")["event"] == "ours"


@pytest.mark.parametrize("library", ["cassandra.protocol", "urllib3.connectionpool"])
def test_warnings_that_quote_statements_or_tell_of_every_retry_are_not_written(library: str) -> None:
    code = f"logging.getLogger({library!r}).warning({SECRET!r}); log.info('ours', action='x')"
    assert line_of(code)["event"] == "ours"


def test_lines_below_the_level_are_not_written() -> None:
    assert line_of("log.info('low'); log.warning('high')", level="warning")["event"] == "high"


def calls() -> list[tuple[str, ast.Call]]:
    """Return every call of a logger in our packages."""
    found = []
    for package in ("bucket_policies", "ingest_manager"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id in ("log", "_log"):
                        found.append((f"{path.name}:{node.lineno}", node))
    return found


def names_of(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


def test_every_line_says_which_action_it_is_about() -> None:
    assert [where for where, call in calls() if "action" not in names_of(call)] == []


def test_every_error_says_what_to_do() -> None:
    serious = ("error", "critical", "exception")
    found = [(where, call) for where, call in calls() if call.func.attr in serious]  # type: ignore[attr-defined]
    assert len(found) > 5
    assert [where for where, call in found if "advice" not in names_of(call)] == []


def test_no_line_is_put_together_from_values() -> None:
    assert [where for where, call in calls() if not isinstance(call.args[0], ast.Constant)] == []
