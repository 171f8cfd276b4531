"""What `replay --wait` says when its waiting is interrupted."""

from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
import typer
from support import fakes
from support.fakes import FakeLedger, FakePublisher

from bucket_policies import command_line
from ingest_manager.commands import ordering
from ingest_manager.operations.replay import Plan, PlannedLoad, Replayer
from ingest_manager.settings import Settings


class Publisher(FakePublisher):
    """Keeps orders, and can be closed."""

    def close(self) -> None:
        """Nothing here."""


def interrupted(*_: Any, **__: Any) -> NoReturn:
    raise KeyboardInterrupt


def replay_of(*customers: str) -> Plan:
    return Plan([PlannedLoad(fakes.event(f"{name}.csv"), name, "loaded", 1, 0) for name in customers])


@pytest.mark.parametrize(
    ("customers", "shows"),
    [
        (("acme", "acme"), "ingest-manager history --customer acme"),
        (("acme", "bolt"), "ingest-manager history"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_interrupted_waiting_says_that_the_replays_go_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    customers: tuple[str, ...],
    shows: str,
    as_json: bool,
) -> None:
    publisher = Publisher()
    monkeypatch.setattr(ordering, "Publisher", lambda _: publisher)
    monkeypatch.setattr(ordering, "wait_for", interrupted)
    plan = replay_of(*customers)
    settings = Settings.model_construct(amqp_url=SimpleNamespace(get_secret_value=lambda: ""))  # type: ignore[arg-type]
    replayer = Replayer(cast("Any", FakeLedger()), cast("Any", None), cast("Any", None), set(customers))
    manner = ordering.Manner(dry_run=False, rate=None, yes=True, as_json=as_json, wait_seconds=60)
    app = typer.Typer()

    @app.command()
    def replay() -> None:
        ordering.Ordering(settings, replayer, manner, plan).carry_out()

    monkeypatch.setattr("sys.argv", ["ingest-manager"])
    assert command_line.run(app, "ingest-manager") == 130
    told = f"the waiting was interrupted, the loads of replay {plan.id} go on; `{shows}` shows what"
    assert capsys.readouterr().err == f"ingest-manager: {told} becomes of them\n"
    assert len(publisher.messages) == 2
