"""The list of apps: each on a line of its own, the broken ones with all that is wrong."""

from pathlib import Path

import pytest

from bucket_policies.constraints import Constraints
from bucket_policies.customers import Customer
from customer_ingestapps.errors import ContractError
from customer_ingestapps.registry import Registry
from ingest_manager.apps.app_list import list_apps
from ingest_manager.commands.app_display import print_apps

ACME = Customer("acme", Constraints(formats=(".csv",), number_files=1, data_sizes=1))
APP = """
[files]
keys = ["{name}*.csv"]
format = "csv"
[table]
name = "{name}"
partition_key = ["id"]
[columns]
id = "int"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("fruit", "nuts", "oils"):
        (tmp_path / "acme" / name).mkdir(parents=True)
        (tmp_path / "acme" / name / "app.toml").write_text(APP.format(name=name))
    return tmp_path / "acme"


def problems(folder: Path) -> dict[str | None, str | None]:
    return {view.app: view.problem for view in list_apps(Registry(folder.parent), [ACME])}


def test_sound_apps_have_no_problem(folder: Path) -> None:
    assert problems(folder) == {"fruit": None, "nuts": None, "oils": None}


def test_broken_apps_hide_no_sound_one_and_say_all_their_faults(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nuts, oils = folder / "nuts" / "app.toml", folder / "oils" / "app.toml"
    nuts.write_text(APP.format(name="nuts").replace('["id"]', '"id"').replace('"csv"', '"xls"'))
    oils.write_text("[files")
    formats = "it takes 'csv', 'jsonl', 'json' or 'parquet'"
    faults = [
        f'{nuts}: [files] format: "xls" is not allowed: {formats}',
        f'{nuts}: [table] partition_key: "id" is not allowed: it takes a list of texts; write ["id"]',
    ]

    found = list(list_apps(Registry(folder.parent), [ACME]))

    assert [(view.app, view.table) for view in found] == [("fruit", "fruit"), ("nuts", None), ("oils", None)]
    refused = "sound, but not taken up: a customer's apps are refused as a whole, until mended: nuts, oils"
    assert [found[0].problem, found[1].problem] == [refused, "\n".join(faults)]
    assert (found[2].problem or "").startswith(f"{oils}: is no TOML: ")
    with pytest.raises(ContractError) as raised:  # for loading, they are refused as a whole
        Registry(folder.parent).apps("acme")
    assert str(raised.value).splitlines() == [*faults, found[2].problem]

    print_apps(found)
    lines = capsys.readouterr().out.splitlines()
    assert [name for line in lines for name in line.split()[:1] if name.startswith("acme/")] == [
        "acme/fruit",
        "acme/nuts",
        "acme/oils",
    ]


def test_what_is_between_two_apps_is_told_of_both_and_once_for_loading(folder: Path) -> None:
    (folder / "nuts" / "app.toml").write_text(APP.format(name="fruit"))
    (folder / "oils" / "transform.py").write_text("")

    found = problems(folder)

    assert found["fruit"] == found["nuts"]
    both = f"{folder}/fruit/app.toml and {folder}/nuts/app.toml: "
    assert [line.startswith(both) for line in (found["fruit"] or "").splitlines()] == [True, True]
    assert (found["oils"] or "").startswith(f"{folder}/oils/transform.py: is run only where")
    with pytest.raises(ContractError) as raised:
        Registry(folder.parent).apps("acme")
    assert len(str(raised.value).splitlines()) == 3


def test_customer_without_apps_says_so(tmp_path: Path) -> None:
    assert problems(tmp_path / "acme") == {None: "has no app: every object will be rejected"}
