"""The auth service's calls, with MinIO and Cassandra faked."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import argon2
import httpx
import pytest
import structlog

from bucket_policies import auth_service, tokens
from bucket_policies.api import AppDeclaration
from bucket_policies.app_declarations import read_declarations
from bucket_policies.auth_service import create_app
from bucket_policies.errors import DocumentError, GrantError, StoreError, UnreachableError
from bucket_policies.settings import AuthSettings
from bucket_policies.store import SignedPut, TemporaryKeys

QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TOKEN_KEY = "0123456789abcdef0123456789abcdef"
SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ACME = ("acme", "correct horse")


class FakeStore:
    fault = None
    lent = ()

    def staged(self, bucket):
        self.ping()
        return [("old.csv", 1024)]

    def sign_put(self, new, lifetime_seconds):
        url = f"https://s3.example/{new.bucket}/{new.key}?X-Amz-Signature=secret"
        return SignedPut(url, {"Content-Length": str(new.size), "x-amz-meta-upload-id": new.upload_id})

    def lend_keys(self, name, policy, lifetime_seconds):
        self.ping()
        self.lent = (*self.lent, (name, policy, lifetime_seconds))
        end = datetime.now(UTC) + timedelta(seconds=lifetime_seconds)
        return TemporaryKeys("ACCESS", "secret of keys", "secret of session", end)

    def ping(self):
        if self.fault:
            raise self.fault


class FakeCassandra:
    fault = None

    def __init__(self):
        self.allowances = []
        self.alive = []

    def execute(self, statement, parameters=()):
        if self.fault:
            raise self.fault
        if statement.startswith("INSERT INTO ingest.allowances "):
            self.allowances.append(parameters)
        if "FROM ingest.allowances " in statement:
            return self.alive
        return [{"[applied]": True}] if statement.startswith("UPDATE") else []


class InProcess(httpx.BaseTransport):
    """Calls an application without a socket."""

    def __init__(self, app):
        self.inner = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request):
        return asyncio.run(self.answer(request))

    async def answer(self, request):
        answer = await self.inner.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers").mkdir()
    document = {"formats": [".csv"], "number_files": 2, "data_sizes": 4, "quota_kib": 8}
    (tmp_path / "customers" / "acme.json").write_text(json.dumps(document))
    users = {"acme": QUICK.hash("correct horse"), "globex": QUICK.hash("pässwörd")}
    (tmp_path / "users.json").write_text(json.dumps(users))
    return AuthSettings(
        folder=tmp_path,
        s3_url="http://127.0.0.1:1",
        s3_public_url="http://s3.example",
        granter_access_key="granter",
        granter_secret_key="secret",
        cassandra_hosts="127.0.0.1",
        cassandra_user="granter",
        cassandra_password="secret",
        token_key=TOKEN_KEY,
        status_url="https://status.example",
    )


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def session():
    return FakeCassandra()


@pytest.fixture
def client(settings, store, session):
    app = create_app(settings, store=store, session=session)
    with httpx.Client(transport=InProcess(app), base_url="http://auth.example") as client:
        yield client


def offer(client, *names, size=100, auth=ACME):
    files = [{"name": name, "size": size, "sha256": SHA256} for name in names]
    return client.post("/uploads", json={"files": files}, auth=auth)


def test_constraints_are_the_seeds_keys_with_quota_use_and_where_to_ask(client):
    answer = client.get("/constraints", auth=ACME)

    assert answer.status_code == 200
    token = answer.json().pop("status_token")
    assert answer.json() == {
        "formats": [".csv"],
        "number_files": 2,
        "data_sizes": 4,
        "quota_kib": 8,
        "expanded_kib": 400,
        "replay_days": 14,
        "after_load": "archive",
        "max_rejects": None,
        "used_bytes": 1024,
        "status_url": "https://status.example",
        "status_token": token,
    }
    now = datetime.now(UTC)
    assert tokens.verify(token, TOKEN_KEY.encode(), now + timedelta(minutes=14)) == "acme"


@pytest.fixture
def apps(tmp_path):
    folder = tmp_path / "apps"
    for app in ("acme/orders", "acme/people", "globex"):
        (folder / app).mkdir(parents=True)
        (folder / app / "app.toml").write_text(f"# {app}\n")
    (folder / "acme" / "people" / "transform.py").write_text("SECRET = 1\n")
    (folder / "acme" / "orders" / "sample.csv").write_text("id\n")
    return folder


def test_customer_gets_the_declarations_of_its_own_apps_and_no_code(settings, store, session, apps):
    app = create_app(settings.model_copy(update={"apps_folder": apps}), store=store, session=session)
    with httpx.Client(transport=InProcess(app), base_url="http://auth.example") as client:
        answer = client.get("/app", auth=ACME)

    assert answer.json() == {
        "apps": [
            {"name": "orders", "toml": "# acme/orders\n", "has_transform": False},
            {"name": "people", "toml": "# acme/people\n", "has_transform": True},
        ]
    }


def test_a_program_counts_as_code_too(apps):
    (apps / "globex" / "app.toml").write_text('[files]\n[transform]  # ours\nkind = "program"\n')
    assert [app.has_transform for app in read_declarations(apps, "globex")] == [True]


def test_single_app_of_a_customer_is_named_like_it(apps):
    assert read_declarations(apps, "globex") == (
        AppDeclaration(name="globex", toml="# globex\n", has_transform=False),
    )
    assert read_declarations(apps, "initech") == ()


@pytest.mark.parametrize("customer_id", ["..", "../apps/acme", "acme/orders", "", ".", "/etc"])
def test_what_is_no_customer_has_no_declarations(apps, customer_id):
    with pytest.raises(DocumentError, match="cannot be a customer"):
        read_declarations(apps, customer_id)


def test_declaration_that_cannot_be_read_is_told_to_the_log_alone(settings, store, session, apps):
    (apps / "acme" / "orders" / "app.toml").write_bytes(b"\xff")
    app = create_app(settings.model_copy(update={"apps_folder": apps}), store=store, session=session)
    with httpx.Client(transport=InProcess(app), base_url="http://auth.example") as client:
        answer = client.get("/app", auth=ACME)

    assert answer.status_code == 503
    assert "apps" not in answer.text


def test_apps_are_given_after_a_login_only(client):
    assert client.get("/app").status_code == 401
    assert client.get("/app", auth=("acme", "wrong")).status_code == 401


@pytest.fixture
def one_app(settings, store, session, tmp_path):
    """A service that knows one app of acme."""
    folder = tmp_path / "apps" / "acme"
    folder.mkdir(parents=True)
    (folder / "app.toml").write_text('[files]\nkeys = ["in/*.csv"]\ncsv_keys = ["back/*.csv"]\n')
    settings = settings.model_copy(update={"apps_folder": tmp_path / "apps"})
    with httpx.Client(
        transport=InProcess(create_app(settings, store=store, session=session)),
        base_url="http://auth.example",
    ) as client:
        yield client


def test_file_that_no_app_takes_is_refused_before_it_is_sent(one_app):
    granted, refused = offer(one_app, "in/A.CSV", "out/b\n.csv").json()["files"]
    assert granted["key"] == "in/A.CSV"
    assert refused["violations"] == [
        {
            "rule": "no_app",
            "value": "out/b\\n.csv",
            "limit": "in/*.csv, back/*.csv",
            "message": "no ingest app takes 'out/b\\n.csv'; names that are taken: in/*.csv, back/*.csv",
        }
    ]


def test_file_that_breaks_a_rule_anyhow_is_not_told_of_apps(one_app):
    [refused] = offer(one_app, "b.pdf").json()["files"]
    assert [violation["rule"] for violation in refused["violations"]] == ["format"]


@pytest.mark.parametrize("toml", [b"\xff", b"[files", b"files = 1\n", b"[files]\nkeys = 5\n", b""])
def test_apps_that_cannot_be_read_stop_no_upload(one_app, tmp_path, toml):
    (tmp_path / "apps" / "acme" / "app.toml").write_bytes(toml)
    [granted] = offer(one_app, "b.csv").json()["files"]
    assert granted["key"] == "b.csv"


def test_upload_is_answered_file_by_file_in_order(client):
    answer = offer(client, "in/a.csv", "b.pdf")

    assert answer.status_code == 200
    body = answer.json()
    granted, refused = body["files"]
    assert set(body) == {"upload_id", "status_token", "files"}
    assert set(granted) == {"name", "key", "url", "headers", "expires_at"}
    assert (granted["name"], granted["key"]) == ("in/a.csv", "in/a.csv")
    assert granted["headers"] == {"Content-Length": "100", "x-amz-meta-upload-id": body["upload_id"]}
    assert datetime.fromisoformat(granted["expires_at"]) > datetime.now(UTC) + timedelta(minutes=59)
    assert refused == {
        "name": "b.pdf",
        "violations": [
            {
                "rule": "format",
                "value": "b.pdf",
                "limit": ".csv",
                "message": "'b.pdf' does not end in .csv",
            }
        ],
    }


def test_each_upload_has_an_id_of_its_own(client):
    assert offer(client, "a.csv").json()["upload_id"] != offer(client, "a.csv").json()["upload_id"]


def borrow(client, auth=ACME, **request):
    return client.post("/credentials", auth=auth, **request)


def test_credentials_say_where_and_what_may_be_put_with_them(client, store):
    answer = borrow(client)

    assert answer.status_code == 200
    end = answer.json().pop("expires_at")
    assert answer.json() == {
        "access_key_id": "ACCESS",
        "secret_access_key": "secret of keys",
        "session_token": "secret of session",
        "expires_at": end,
        "endpoint_url": "http://s3.example",
        "region": "us-east-1",
        "bucket": "staging-acme",
        "formats": [".csv"],
        "number_files": 2,
    }
    [(name, policy, lifetime_seconds)] = store.lent
    assert (name, lifetime_seconds) == ("acme", 3600)
    assert "arn:aws:s3:::staging-acme/*.csv" in policy
    assert datetime.fromisoformat(end) > datetime.now(UTC) + timedelta(minutes=59)


def test_credentials_come_with_an_allowance_of_their_lifetime(client, session):
    end = datetime.fromisoformat(borrow(client).json()["expires_at"])

    [(customer, expires_at, _, issued_at, number_files, _)] = session.allowances
    assert (customer, expires_at, number_files) == ("acme", end, 2)
    assert timedelta(minutes=59) < expires_at - issued_at < timedelta(minutes=61)


def test_credentials_never_leave_without_an_allowance(client, session, store):
    store.fault = UnreachableError("MinIO", "refused")
    assert borrow(client).status_code == 503
    assert session.allowances == []

    store.fault, session.fault = None, UnreachableError("Cassandra", "refused")
    assert "ACCESS" not in borrow(client).text


@pytest.mark.parametrize("request_body", [{}, {"content": b""}, {"json": {}}])
def test_credentials_need_no_body(client, request_body):
    assert borrow(client, **request_body).status_code == 200


@pytest.mark.parametrize("body", [b'{"bucket": "staging-globex"}', b"[]", b"{"])
def test_credentials_of_ones_own_choice_are_422(client, body):
    answer = borrow(client, content=body)

    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")


def test_credentials_need_the_login(client, store):
    assert borrow(client, auth=("acme", "wrong")).status_code == 401
    assert store.lent == ()


def test_document_with_too_many_endings_for_credentials_is_403_and_says_so(client, settings, store):
    document = json.loads((settings.customers_folder / "acme.json").read_text())
    document["formats"] = [f".ending{number}" for number in range(40)]
    (settings.customers_folder / "acme.json").write_text(json.dumps(document))

    answer = borrow(client)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert "40 endings" in answer.json()["message"]
    assert store.lent == ()


def test_customer_with_a_thousand_valid_credentials_is_told_to_wait(client, session, store):
    now = datetime.now(UTC).replace(tzinfo=None)
    row = {"allowance_id": 1, "number_files": 2, "kept_seconds": 9, "issued_at": now - timedelta(minutes=1)}
    session.alive = [row | {"expires_at": now + timedelta(seconds=60)}] * 1000

    answer = borrow(client)

    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_attempts")
    assert answer.json()["message"].startswith("1000 temporary credentials are valid at once, try again in ")
    assert 50 < int(answer.headers["retry-after"]) <= 61
    assert store.lent == ()


def test_edited_document_is_in_force_at_the_next_call(client, settings):
    document = settings.customers_folder / "acme.json"
    assert offer(client, "a.pdf").json()["files"][0]["violations"]

    document.write_text(document.read_text().replace(".csv", ".pdf"))

    assert "url" in offer(client, "a.pdf").json()["files"][0]


@pytest.mark.parametrize("auth", [("acme", "wrong"), ("nobody", "correct horse"), ("", ""), None])
def test_wrong_login_is_401(client, auth):
    answer = client.get("/constraints", auth=auth)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="uploads", charset="UTF-8"'
    assert answer.json()["error"] == "unauthorized"


def test_wrong_password_and_unknown_user_get_the_same_answer(client):
    answers = [client.get("/constraints", auth=auth) for auth in (("acme", "wrong"), ("nobody", "wrong"))]

    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Basic YWNtZQ==", "Bearer YWNtZTp4", "Basic /w==", "Basic " + "A" * 10_000],
)
def test_malformed_login_is_401(client, header):
    assert client.get("/constraints", headers={"Authorization": header}).status_code == 401


def test_login_is_read_as_utf8_and_up_to_the_first_colon(client):
    encoded = base64.b64encode("globex:pässwörd".encode()).decode()

    answer = client.get("/constraints", headers={"Authorization": f"basic {encoded}"})

    assert answer.status_code == 403
    assert answer.json() == {
        "error": "forbidden",
        "message": "there is no constraints document for you yet; ask the admin",
    }


def test_login_comes_before_the_body(client):
    assert client.post("/uploads", content=b"{", auth=("acme", "wrong")).status_code == 401


def test_too_many_bad_logins_are_429(client):
    for _ in range(10):
        client.get("/constraints", auth=("acme", "wrong"))

    answer = client.get("/constraints", auth=ACME)

    assert answer.status_code == 429
    assert answer.json()["error"] == "too_many_attempts"
    assert 0 < int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/constraints/", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("POST", "/constraints", 405, "method_not_allowed"),
        ("GET", "/uploads", 405, "method_not_allowed"),
    ],
)
def test_unknown_route_and_method(client, method, path, status, code):
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["error"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body: Invalid JSON"),
        (b"\xff", "body: Invalid JSON"),
        (b"[]", "body: Input should be an object"),
        (b"{}", "files: Field required"),
        (b'{"files": []}', "files: "),
        (b'{"files": [], "more": 1}', "files: "),
        (
            b'{"files": [{"name": "a.csv", "size": -1, "sha256": "%s"}]}',
            "files.0.size: Input should be greater",
        ),
        (
            b'{"files": [{"name": "a.csv", "size": "1", "sha256": "%s"}]}',
            "files.0.size: Input should be a valid",
        ),
        (b'{"files": [{"name": "", "size": 1, "sha256": "%s"}]}', "files.0.name: "),
        (b'{"files": [{"name": "\\ud800", "size": 1, "sha256": "%s"}]}', "body: Invalid JSON"),
        (b'{"files": [{"name": "a.csv", "size": 1, "sha256": "x"}]}', "files.0.sha256: String should match"),
        (b'{"files": [{"name": "a.csv", "size": 1}]}', "files.0.sha256: Field required"),
    ],
)
def test_bad_body_is_422_with_the_field(client, body, message):
    answer = client.post("/uploads", content=body.replace(b"%s", SHA256.encode()), auth=ACME)

    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["message"].startswith(message)


def test_body_that_is_too_large_is_413(client, monkeypatch):
    monkeypatch.setattr(auth_service, "LARGEST_BODY_BYTES", 100)

    answer = client.post("/uploads", content=b" " * 101, auth=ACME)

    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (UnreachableError("MinIO", "http://10.0.0.1:9000"), "MinIO does not answer now, try again later"),
        (StoreError("MinIO refused", "AccessDenied"), "the service does not answer now, try again later"),
    ],
)
def test_minio_out_of_order_is_503(client, store, fault, message):
    store.fault = fault

    for answer in (client.get("/constraints", auth=ACME), offer(client, "a.csv"), client.get("/healthz")):
        assert answer.status_code == 503
        assert answer.json() == {"error": "unavailable", "message": message}


def test_cassandra_out_of_order_is_503(client, session):
    session.fault = UnreachableError("Cassandra", "10.0.0.2")

    for answer in (client.get("/constraints", auth=ACME), offer(client, "a.csv"), client.get("/healthz")):
        assert answer.status_code == 503
        assert answer.json()["message"] == "Cassandra does not answer now, try again later"


def test_contended_grants_are_503(client, session):
    session.fault = GrantError("too many uploads of acme begin at once")

    assert offer(client, "a.csv").status_code == 503


def test_health_is_ok_without_a_login(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_fault_of_ours_is_500_without_its_details(client, store):
    store.fault = RuntimeError("secret detail")

    with structlog.testing.capture_logs() as lines:
        answer = client.get("/healthz")

    assert answer.status_code == 500
    assert lines[0]["event"] == "unexpected error"
    assert answer.json() == {"error": "failed", "message": "something went wrong here; it has been logged"}


def test_metrics_count_calls_and_verdicts(client):
    offer(client, "a.csv", "b.pdf", "c.csv", "d.csv")
    client.get("/nowhere")

    text = client.get("/metrics").text

    assert 'auth_service_granted_files_total{customer="acme"} 2.0' in text
    assert 'auth_service_refused_files_total{customer="acme",rule="format"} 1.0' in text
    assert 'auth_service_refused_files_total{customer="acme",rule="too_many_files"} 1.0' in text
    assert 'auth_service_logins_total{result="good"} 1.0' in text
    assert 'auth_service_request_seconds_count{route="/uploads",status="200"} 1.0' in text
    assert 'auth_service_request_seconds_count{route="none",status="404"} 1.0' in text


def test_log_holds_no_secret_and_one_line_a_call(client, settings, store):
    (settings.customers_folder / "bad.json").write_text("{")
    store.fault = UnreachableError("MinIO", "refused")
    with structlog.testing.capture_logs() as lines:
        offer(client, "a\n.csv")
        store.fault = None
        borrow(client)
        client.get("/constraints", auth=("acme", "wrong secret"))

    assert [(line["event"], line.get("status")) for line in lines] == [
        ("constraints document refused", None),
        ("call failed", None),
        ("call", 503),
        ("call", 200),
        ("call", 401),
    ]
    for secret in (
        "correct horse",
        "wrong secret",
        TOKEN_KEY,
        "Signature",
        "secret of keys",
        "secret of session",
    ):
        assert secret not in str(lines)
