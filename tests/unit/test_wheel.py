"""The wheel that customers get: the platform's code, and nothing of any customer."""

import shutil
from pathlib import Path
from zipfile import ZipFile

from release.wheel import CHECKOUT, SOURCES, build

OF_ACME = {
    "bucket_policies/customers/acme.json": "{}",
    "bucket_policies/customers-removed/acme-1.json": "{}",
    "customer_ingestapps/acme/app.toml": "",
    "customer_ingestapps/acme/transform.py": "",
    "customer_ingestapps/acme/sample.csv": "",
    "customer_ingestapps/acme/people/app.toml": "",
    "customer_ingestapps/acme/people/transform.py": "",
}


def test_the_wheel_has_all_modules_and_nothing_of_a_customer(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name)
        else:
            shutil.copy(source, checkout)
    for name, text in OF_ACME.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)

    names = set(ZipFile(build(tmp_path / "dist", checkout)).namelist())

    packages = [checkout / name for name in SOURCES if (checkout / name).is_dir()]
    modules = {
        path.relative_to(checkout).as_posix()
        for package in packages
        for folder in package.rglob("__init__.py")
        for path in folder.parent.glob("*.py")
    }
    typed = {f"{package.name}/py.typed" for package in packages}
    assert "ingest_manager/cassandra/wire.py" in modules
    assert {name for name in names if ".dist-info/" not in name} == modules | typed
