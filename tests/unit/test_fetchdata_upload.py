import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from bucket_policies.api import GrantedFile
from fetchdata.errors import FileError
from fetchdata.files import list_files
from fetchdata.progress import Watcher
from fetchdata.upload import Shipment, Uploader

Handler = Callable[[httpx.Request], httpx.Response]


def shipments(folder: Path, *names: str, expires_in: timedelta = timedelta(hours=1)) -> list[Shipment]:
    for name in names:
        (folder / name).write_bytes(b"id\n1\n")
    return [
        Shipment(
            file,
            GrantedFile(
                name=file.name,
                key=file.name,
                url=f"http://store.test:9000/staging-customer-1/{file.name}?X-Amz-Signature=secret",
                headers={"x-amz-meta-upload-id": "u1", "x-amz-checksum-sha256": "c1"},
                expires_at=datetime.now(UTC) + expires_in,
            ),
        )
        for file in list_files(folder).files
    ]


async def no_time(_: float) -> None:
    pass


def uploader(handler: Handler, *, patience_seconds: float = 0) -> Uploader:
    transport = httpx.MockTransport(handler)
    return Uploader(Watcher(), transport=transport, patience_seconds=patience_seconds, sleep=no_time)


def refusing(status: int, code: str, message: str) -> Handler:
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return lambda _: httpx.Response(status, text=xml)


def only(failures: list[FileError | None]) -> FileError:
    (failure,) = failures
    assert failure is not None
    return failure


def test_a_file_is_put_with_the_grants_headers_and_its_exact_length(tmp_path: Path) -> None:
    requests = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    assert uploader(handler).put_all(shipments(tmp_path, "a.csv")) == [None]
    (request,) = requests
    assert (request.method, request.content) == ("PUT", b"id\n1\n")
    assert request.headers["Content-Length"] == "5"
    assert "Transfer-Encoding" not in request.headers
    assert request.headers["x-amz-meta-upload-id"] == "u1"
    assert request.headers["x-amz-checksum-sha256"] == "c1"


def test_an_empty_file_is_put(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    lengths = []

    def handler(request: httpx.Request) -> httpx.Response:
        lengths.append(request.headers["Content-Length"])
        return httpx.Response(200)

    assert uploader(handler).put_all(shipments(tmp_path)) == [None]
    assert lengths == ["0"]


def test_a_passing_fault_is_retried_under_the_same_upload_id(tmp_path: Path) -> None:
    upload_ids = []

    def handler(request: httpx.Request) -> httpx.Response:
        upload_ids.append(request.headers["x-amz-meta-upload-id"])
        if len(upload_ids) == 1:
            raise httpx.ConnectError("Connection refused")
        return httpx.Response(503 if len(upload_ids) == 2 else 200)

    assert uploader(handler, patience_seconds=60).put_all(shipments(tmp_path, "a.csv")) == [None]
    assert upload_ids == ["u1", "u1", "u1"]


def test_the_stores_own_quota_is_a_passing_fault(tmp_path: Path) -> None:
    over_quota = "<Error><Code>XMinioAdminBucketQuotaExceeded</Code></Error>"
    answers = iter([httpx.Response(400, text=over_quota), httpx.Response(200)])

    sending = uploader(lambda _: next(answers), patience_seconds=60)

    assert sending.put_all(shipments(tmp_path, "a.csv")) == [None]


def test_one_refused_file_stops_no_other(tmp_path: Path) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403 if "/b.csv" in request.url.path else 200)

    first, second, third = uploader(handler).put_all(shipments(tmp_path, "a.csv", "b.csv", "c.csv"))

    assert (first, third) == (None, None)
    assert str(second) == "the store http://store.test:9000 refuses it: 403 Forbidden"


def test_a_dead_store_is_waited_for_once(tmp_path: Path) -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("Connection refused")

    failures = uploader(handler).put_all(shipments(tmp_path, *(f"{number:02}.csv" for number in range(30))))

    assert {failure.rule for failure in failures if failure} == {"unreachable"}
    assert str(failures[29]) == "the store http://store.test:9000 does not answer: Connection refused"
    assert len(failures) == 30
    assert len(calls) == 8


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDenied", "Request has expired"),
        ("AccessDenied", "Request is not valid yet"),
        (
            "RequestTimeTooSkewed",
            "The difference between the times is too large.",
        ),
    ],
)
def test_a_wrong_clock_is_named(tmp_path: Path, code: str, message: str) -> None:
    failure = only(uploader(refusing(403, code, message)).put_all(shipments(tmp_path, "a.csv")))

    assert failure.rule == "clock"
    assert "this machine's clock says" in str(failure)
    assert "a clock is wrong, here or at the servers" in str(failure)


def test_a_permission_that_ended_says_to_run_again(tmp_path: Path) -> None:
    handler = refusing(403, "AccessDenied", "Request has expired")

    failure = only(uploader(handler).put_all(shipments(tmp_path, "a.csv", expires_in=timedelta(seconds=-1))))

    assert "by this machine's clock; run fetchdata again" in str(failure)


def test_a_refusal_shows_no_signature_and_stays_on_one_line(tmp_path: Path) -> None:
    handler = refusing(403, "SignatureDoesNotMatch", "calculated\nelsewhere")

    failure = only(uploader(handler).put_all(shipments(tmp_path, "a.csv")))

    assert str(failure) == (
        r"the store http://store.test:9000 refuses it: 403 SignatureDoesNotMatch: calculated\nelsewhere"
    )


def test_a_file_that_changed_after_its_checksum_is_not_sent(tmp_path: Path) -> None:
    calls = []
    sent = shipments(tmp_path, "a.csv")
    os.utime(tmp_path / "a.csv", ns=(0, 0))

    failure = only(uploader(lambda request: calls.append(request) or httpx.Response(200)).put_all(sent))

    assert (failure.rule, calls) == ("changed", [])


@pytest.mark.parametrize("code", ["XAmzContentChecksumMismatch", "BadDigest"])
def test_bytes_that_do_not_match_the_checksum_are_a_changed_file(tmp_path: Path, code: str) -> None:
    failure = only(uploader(refusing(400, code, "mismatch")).put_all(shipments(tmp_path, "a.csv")))

    assert failure.rule == "changed"


def test_a_failed_attempt_is_taken_back_from_the_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([503, 200])

    uploader(lambda _: httpx.Response(next(answers)), patience_seconds=60).put_all(
        shipments(tmp_path, "a.csv")
    )

    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "the store http://store.test:9000 cannot take it now: 503 Service Unavailable; trying for up to 60 s",
        "sending: 100 %",
    ]
