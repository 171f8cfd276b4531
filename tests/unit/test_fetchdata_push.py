import json
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import pytest

from bucket_policies.constraints import Constraints
from fetchdata.api import AuthService, StatusService
from fetchdata.errors import LoginError
from fetchdata.files import SourceFile
from fetchdata.progress import Watcher
from fetchdata.push import Push, judge
from fetchdata.report import Report
from fetchdata.upload import Uploader
from fetchdata.waiting import Waiting

ACME = Constraints(formats=(".csv",), number_files=3, data_sizes=1)


@dataclass
class Platform:
    """Auth service, store and status service in one."""

    refused: dict[str, str] = field(default_factory=dict)
    broken_puts: set[str] = field(default_factory=set)
    loads: list[list[dict[str, object]]] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    manifest: list[dict[str, object]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "PUT":
            return httpx.Response(403 if request.url.path in self.broken_puts else 200)
        answer: dict[str, Callable[[httpx.Request], object]] = {
            "/constraints": self.constraints,
            "/uploads": self.uploads,
            "/loads": lambda _: {"loads": self.loads.pop(0)},
        }
        return httpx.Response(200, json=answer[request.url.path](request))

    def constraints(self, _: httpx.Request) -> object:
        access = {"used_bytes": 0, "status_url": "http://status.test", "status_token": "t"}
        return ACME.model_dump() | access

    def uploads(self, request: httpx.Request) -> object:
        self.manifest = json.loads(request.content)["files"]
        return {
            "upload_id": "u1",
            "status_token": "t",
            "files": [self.answer(str(file["name"])) for file in self.manifest],
        }

    def answer(self, name: str) -> object:
        if name in self.refused:
            violation = {"rule": self.refused[name], "value": 9, "limit": 8, "message": "over it"}
            return {"name": name, "violations": [violation]}
        return {
            "name": name,
            "key": name,
            "url": f"http://store.test/{name}",
            "headers": {},
            "expires_at": "2099-01-01T00:00:00Z",
        }

    def push(self, folder: Path) -> Report:
        transport = httpx.MockTransport(self)
        uploader = Uploader(Watcher(), transport=transport, patience_seconds=0)
        return Push(self.auth(), uploader, Watcher()).run(folder)

    def wait(self, report: Report, *, timeout_seconds: float = 60) -> Report:
        status = StatusService(self.auth(), transport=httpx.MockTransport(self))
        return Waiting(status, Watcher(), timeout_seconds, sleep=lambda _: None).complete(report)

    def auth(self) -> AuthService:
        transport = httpx.MockTransport(self)
        return AuthService("http://auth.test", "acme", "word", transport=transport)

    @property
    def put_paths(self) -> list[str]:
        return sorted(request.url.path for request in self.requests if request.method == "PUT")


def load(key: str, status: str, **figures: object) -> dict[str, object]:
    return {"load_id": f"load of {key}", "key": key, "status": status, **figures}


def fill(folder: Path, *names: str, content: bytes = b"id\n1\n") -> None:
    for name in names:
        (folder / name).write_bytes(content)


def statuses(report: Report) -> dict[str, str]:
    return {outcome.file.name: outcome.status for outcome in report.outcomes}


def source(name: str, size: int = 5) -> SourceFile:
    return SourceFile(Path("dir") / name, unicodedata.normalize("NFC", name), size, 0)


def rules(*files: SourceFile) -> list[list[str]]:
    return [[violation.rule for violation in outcome.violations] for outcome in judge(files, ACME)]


def test_good_files_are_sent_and_bad_ones_reported_with_all_that_is_wrong(tmp_path: Path) -> None:
    platform = Platform()
    fill(tmp_path, "a.csv", "c.csv")
    fill(tmp_path, "b.pdf", content=b"x" * 1025)

    report = platform.push(tmp_path)

    assert statuses(report) == {"a.csv": "sent", "b.pdf": "refused", "c.csv": "sent"}
    assert [asdict(violation) for violation in report.outcomes[1].violations] == [
        {
            "rule": "format",
            "value": "b.pdf",
            "limit": ".csv",
            "message": "'b.pdf' does not end in .csv",
        },
        {
            "rule": "size",
            "value": 1025,
            "limit": 1024,
            "message": "1025 bytes, the largest file allowed has 1024 bytes (1 KiB)",
        },
    ]
    assert [file["name"] for file in platform.manifest] == ["a.csv", "c.csv"]
    assert platform.put_paths == ["/a.csv", "/c.csv"]
    assert report.exit_code == 1


def test_all_files_sent_is_exit_0(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv", "b.csv")

    report = Platform().push(tmp_path)

    assert (report.upload_id, report.exit_code) == ("u1", 0)


def test_an_empty_folder_is_told_and_nothing_is_sent(tmp_path: Path) -> None:
    platform = Platform()

    report = platform.push(tmp_path)

    assert (report.upload_id, report.outcomes, report.exit_code) == (None, (), 0)
    assert report.summary() == "no files"
    assert [request.url.path for request in platform.requests] == ["/constraints"]


def test_a_folder_of_bad_files_only_asks_for_no_grant(tmp_path: Path) -> None:
    platform = Platform()
    fill(tmp_path, "a.pdf", "b.pdf")

    assert platform.push(tmp_path).exit_code == 1
    assert [request.url.path for request in platform.requests] == ["/constraints"]


def test_a_refused_login_sends_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")
    transport = httpx.MockTransport(lambda _: httpx.Response(401))
    auth = AuthService("http://auth.test", "acme", "word", transport=transport)

    with pytest.raises(LoginError):
        Push(auth, Uploader(Watcher()), Watcher()).run(tmp_path)


def test_what_the_auth_service_refuses_is_reported_and_stops_no_other(tmp_path: Path) -> None:
    platform = Platform(refused={"a.csv": "quota"})
    fill(tmp_path, "a.csv", "b.csv")

    report = platform.push(tmp_path)

    assert statuses(report) == {"a.csv": "refused", "b.csv": "sent"}
    assert report.outcomes[0].remarks == ["quota: over it"]
    assert report.exit_code == 1


def test_a_file_that_the_store_refuses_is_not_accepted(tmp_path: Path) -> None:
    platform = Platform(broken_puts={"/a.csv"})
    fill(tmp_path, "a.csv", "b.csv")

    report = platform.push(tmp_path)

    assert statuses(report) == {"a.csv": "not sent", "b.csv": "sent"}
    assert report.document()["files"][0]["violations"] == [  # type: ignore[index]
        {
            "rule": "upload",
            "value": "",
            "limit": "",
            "message": "the store http://store.test refuses it: 403 Forbidden",
        }
    ]
    assert report.exit_code == 1


def test_files_beyond_the_number_are_refused_in_name_order_and_bad_ones_do_not_count() -> None:
    files = [source(name) for name in ("a.csv", "b.pdf", "c.csv", "d.csv", "e.csv", "f.csv")]

    outcomes = judge(files, ACME)

    assert [[violation.rule for violation in outcome.violations] for outcome in outcomes] == [
        [],
        ["format"],
        [],
        [],
        ["too_many_files"],
        ["too_many_files"],
    ]
    assert outcomes[4].violations[0].message == "5 files, an upload may have 3; send the rest in another one"


def test_names_that_fold_to_one_are_both_refused_and_shown_by_their_codes() -> None:
    outcomes = judge([source("e\u0301.csv"), source("\u00e9.csv"), source("f.csv")], ACME)

    assert [outcome.may_be_sent for outcome in outcomes] == [False, False, True]
    assert [outcome.violations[0].message for outcome in outcomes[:2]] == [
        r"'dir/e\u0301.csv' would be stored under the same name as another file; rename one",
        r"'dir/\xe9.csv' would be stored under the same name as another file; rename one",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("in/ok.csv", []),
        ("in/UPPER.CSV", []),
        ("in//dbl.csv", ["name"]),
        ("../up.csv", ["name"]),
        ("in/./dot.csv", ["name"]),
        ("in/NUL\0.csv", ["name"]),
        (f"in/{'k' * 300}.csv", ["name"]),
        ("/lead.csv", []),
        ("in\\back.csv", []),
        ("in/nl\n.csv", []),
        ("\u00e9.csv", []),
        ("e\u0301.csv", []),
        ("undecodable\udcff.csv", ["name"]),
    ],
)
def test_what_the_store_would_refuse_is_refused_here(name: str, expected: list[str]) -> None:
    """Case C21: five of these names are refused by MinIO, the last one by JSON."""
    assert rules(source(name)) == [expected]


def test_the_json_document_has_every_key_for_every_file(tmp_path: Path) -> None:
    platform = Platform(
        loads=[[load("a.csv", "partly_loaded", rows_read=3, rows_written=2, rows_rejected=1)]]
    )
    fill(tmp_path, "a.csv")
    fill(tmp_path, "b.pdf", content=b"")

    report = platform.wait(platform.push(tmp_path))

    assert json.loads(json.dumps(report.document())) == {
        "upload_id": "u1",
        "files": [
            {
                "name": "a.csv",
                "key": "a.csv",
                "size": 5,
                "sha256": "7cde7fb64fd82bd152710cf238e017b9ab46c0592483edc067ba4f6c75fac108",
                "accepted": True,
                "violations": [],
                "load_id": "load of a.csv",
                "status": "partly_loaded",
                "rows_read": 3,
                "rows_written": 2,
                "rows_rejected": 1,
            },
            {
                "name": "b.pdf",
                "key": None,
                "size": 0,
                "sha256": None,
                "accepted": False,
                "violations": [
                    {
                        "rule": "format",
                        "value": "b.pdf",
                        "limit": ".csv",
                        "message": "'b.pdf' does not end in .csv",
                    }
                ],
                "load_id": None,
                "status": None,
                "rows_read": None,
                "rows_written": None,
                "rows_rejected": None,
            },
        ],
    }


def test_waiting_ends_when_every_accepted_file_has_an_outcome(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv", "b.csv")
    platform = Platform(
        loads=[
            [],
            [load("a.csv", "loading")],
            [load("a.csv", "loaded"), load("b.csv", "waiting")],
            [load("a.csv", "loaded"), load("b.csv", "loaded")],
        ]
    )

    report = platform.wait(platform.push(tmp_path))

    assert statuses(report) == {"a.csv": "loaded", "b.csv": "loaded"}
    assert (platform.loads, report.exit_code) == ([], 0)


@pytest.mark.parametrize("status", ["partly_loaded", "rejected", "failed", "gone"])
def test_a_load_that_is_not_whole_is_exit_1(tmp_path: Path, status: str) -> None:
    fill(tmp_path, "a.csv")
    platform = Platform(loads=[[load("a.csv", status, message="line 3: a quote never closes")]])

    report = platform.wait(platform.push(tmp_path))

    assert report.exit_code == 1
    assert report.outcomes[0].remarks == ["line 3: a quote never closes"]


def test_the_second_version_of_a_retried_put_is_no_outcome(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")
    loaded, duplicate = load("a.csv", "loaded"), load("a.csv", "duplicate")
    platform = Platform(loads=[[duplicate], [loaded, duplicate]])

    report = platform.wait(platform.push(tmp_path))

    assert statuses(report) == {"a.csv": "loaded"}


def test_waiting_too_long_is_exit_5_and_tells_how_far_it_came(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")
    platform = Platform(loads=[[load("a.csv", "loading", rows_read=0)]])

    report = platform.wait(platform.push(tmp_path), timeout_seconds=0)

    assert (statuses(report), report.exit_code) == ({"a.csv": "loading"}, 5)


def test_a_status_service_that_is_away_is_told_once_and_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, "a.csv")
    platform = Platform(loads=[[load("a.csv", "loaded")]])
    report = platform.push(tmp_path)
    answers = iter([404, 404])

    def handler(request: httpx.Request) -> httpx.Response:
        status = next(answers, 200)
        return httpx.Response(status) if status != 200 else platform(request)

    status = StatusService(platform.auth(), transport=httpx.MockTransport(handler))
    waited = Waiting(status, Watcher(), 60, sleep=lambda _: None).complete(report)

    assert waited.exit_code == 0
    assert capsys.readouterr().err.count("http://status.test answered 404: Not Found; still waiting") == 1


def test_an_unreachable_store_is_exit_4(tmp_path: Path) -> None:
    fill(tmp_path, "a.csv")

    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    uploader = Uploader(Watcher(), transport=httpx.MockTransport(handler), patience_seconds=0)
    report = Push(Platform().auth(), uploader, Watcher()).run(tmp_path)

    assert (statuses(report), report.exit_code) == ({"a.csv": "not sent"}, 4)
