import base64
import io
import json
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from bucket_policies.api import AppDeclaration, GrantedFile, OfferedFile, RefusedFile
from fetchdata.api import AuthService, StatusService
from fetchdata.errors import AnswerError, FetchdataError, LoginError, NotThereError, UnreachableError

Handler = Callable[[httpx.Request], httpx.Response]
CONSTRAINTS = {
    "formats": [".csv"],
    "number_files": 10,
    "data_sizes": 4096,
    "used_bytes": 0,
    "status_url": "http://status.test:8081",
    "status_token": "token-1",
}
LOAD = UUID("5b0f4a9c-4a55-5a3e-9c9f-0e3f6d1c7a10")
OFFERED = OfferedFile(name="a.csv", size=5, sha256="0" * 64)


def auth_service(handler: Handler) -> AuthService:
    transport = httpx.MockTransport(handler)
    return AuthService("http://auth.test", "customer-1", "secret-word", transport=transport)


def answering(status: int, body: object = None, **kwargs: object) -> Handler:
    return lambda _: httpx.Response(status, json=body)


def test_the_constraints_are_read_and_the_login_is_sent() -> None:
    requests = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=CONSTRAINTS | {"of_a_newer_service": 1})

    constraints = auth_service(handler).constraints()

    assert (constraints.formats, constraints.number_files, constraints.data_sizes) == ((".csv",), 10, 4096)
    assert str(requests[0].url) == "http://auth.test/constraints"
    credentials = requests[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"customer-1:secret-word"


def test_a_manifest_is_granted_or_refused_file_by_file() -> None:
    grant = {
        "name": "a.csv",
        "key": "a.csv",
        "url": "http://store.test/staging-customer-1/a.csv?X-Amz-Signature=s",
        "headers": {"x-amz-meta-upload-id": "u1"},
        "expires_at": "2026-01-31T12:00:00Z",
    }
    violation = {"rule": "quota", "value": 9, "limit": 8, "message": "over quota"}
    bodies = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        files = [grant, {"name": "b.csv", "violations": [violation]}]
        return httpx.Response(200, json={"upload_id": "u1", "status_token": "t", "files": files})

    answer = auth_service(handler).offer([OFFERED, OfferedFile(name="b.csv", size=9, sha256="1" * 64)])

    assert bodies[0]["files"][0] == {"name": "a.csv", "size": 5, "sha256": "0" * 64}
    assert [type(file) for file in answer.files] == [GrantedFile, RefusedFile]


def rejects_of(handler: Handler) -> bytes:
    transport = httpx.MockTransport(handler)
    target = io.BytesIO()
    StatusService(auth_service(answering(200, CONSTRAINTS)), transport=transport).copy_rejects(LOAD, target)
    return target.getvalue()


def test_rejects_of_a_load_come_as_they_were_stored() -> None:
    requests = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=b"id;name\n1;caf\xe9\n")

    assert rejects_of(handler) == b"id;name\n1;caf\xe9\n"
    assert str(requests[0].url) == f"http://status.test:8081/loads/{LOAD}/rejects"
    assert requests[0].headers["Authorization"] == "Bearer token-1"


def test_rejects_that_are_not_there_are_one_line_of_the_service() -> None:
    message = f"load {LOAD} is loaded and has no rejected rows"

    with pytest.raises(NotThereError, match=f"^{message}$") as caught:
        rejects_of(answering(404, {"error": "not_found", "message": message}))
    assert caught.value.exit_code == 1


def test_the_customers_own_apps_are_read() -> None:
    app = {"name": "orders", "toml": "[files]", "has_transform": True}

    assert auth_service(answering(200, {"apps": [app]})).apps() == (AppDeclaration(**app),)


def test_an_answer_for_other_files_is_refused() -> None:
    service = auth_service(answering(200, {"upload_id": "u1", "status_token": "t", "files": []}))

    with pytest.raises(AnswerError, match="did not answer for every file"):
        service.offer([OFFERED])


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            answering(401, {"error": "unauthorized", "message": "wrong user or password"}),
            LoginError,
            "http://auth.test refuses the login: wrong user or password",
        ),
        (
            answering(422, {"error": "invalid_request", "message": "files: too long\nby far"}),
            AnswerError,
            r"http://auth.test answered 422: files: too long\nby far",
        ),
        (answering(404), AnswerError, "http://auth.test answered 404: Not Found"),
        (answering(302), AnswerError, "http://auth.test answered 302: Found"),
        (
            answering(200, ["anything"]),
            AnswerError,
            "http://auth.test gave an answer that is not ours; is the address right?",
        ),
        (
            answering(503, {"error": "unavailable", "message": "Cassandra does not answer"}),
            UnreachableError,
            "http://auth.test cannot answer now, try again later: Cassandra does not answer",
        ),
    ],
)
def test_each_bad_answer_is_one_clear_line(
    handler: Handler, kind: type[FetchdataError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        auth_service(handler).constraints()
    assert str(caught.value) == message


def test_a_server_that_is_away_for_a_moment_is_asked_again() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) < 3:
            raise httpx.ConnectError("Connection refused")
        return httpx.Response(200, json=CONSTRAINTS)

    assert auth_service(handler).constraints().number_files == 10


def test_an_unreachable_server_is_named_with_what_to_do() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    with pytest.raises(UnreachableError) as caught:
        auth_service(handler).constraints()
    assert str(caught.value) == (
        "cannot reach http://auth.test: Name or service not known; "
        "check the address and the network, then try again"
    )


def test_a_request_that_may_have_been_carried_out_is_not_sent_again() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ReadTimeout("timed out")

    with pytest.raises(UnreachableError, match=r"http://auth\.test does not answer: timed out"):
        auth_service(handler).offer([OFFERED])
    assert len(calls) == 1


def test_an_expired_status_token_is_renewed_at_the_auth_service() -> None:
    tokens = iter(["token-1", "token-2"])
    auth = auth_service(lambda _: httpx.Response(200, json=CONSTRAINTS | {"status_token": next(tokens)}))
    valid = {"Bearer token-1"}

    def status_handler(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] not in valid:
            return httpx.Response(401, json={"error": "unauthorized", "message": "the token has expired"})
        assert str(request.url) == "http://status.test:8081/loads?upload=u1"
        load = {"load_id": "l1", "key": "a.csv", "status": "loaded", "rows_read": 3, "of_a_newer_service": 1}
        return httpx.Response(200, json={"loads": [load]})

    status = StatusService(auth, transport=httpx.MockTransport(status_handler))
    assert [load.rows_read for load in status.loads(upload="u1")] == [3]
    valid.clear()
    valid.add("Bearer token-2")
    assert [load.rows_read for load in status.loads(upload="u1")] == [3]
