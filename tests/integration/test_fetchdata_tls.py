"""`fetchdata` and certificates of a private authority: one server plays all three services over TLS."""

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from support.testbed import BIN


class Handler(BaseHTTPRequestHandler):
    """Auth service, status service and store in one."""

    server: "Service"

    def do_GET(self) -> None:
        if self.path.startswith("/loads"):
            self.answer({"loads": [{"load_id": "l1", "key": "a.csv", "status": "loaded"}]})
        else:
            access = {"used_bytes": 0, "status_url": self.server.address, "status_token": "t"}
            self.answer({"formats": [".csv"], "number_files": 3, "data_sizes": 1} | access)

    def do_POST(self) -> None:
        manifest = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        files = [
            {
                "name": file["name"],
                "key": file["name"],
                "url": f"{self.server.store}/{file['name']}",
                "headers": {},
                "expires_at": "2099-01-01T00:00:00Z",
            }
            for file in manifest["files"]
        ]
        self.answer({"upload_id": "u1", "status_token": "t", "files": files})

    def do_PUT(self) -> None:
        self.server.put[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({})

    def answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Service(ThreadingHTTPServer):
    """Serves with a certificate for `name` of an authority."""

    def __init__(self, authority: trustme.CA, name: str = "localhost") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.address = self.store = f"https://localhost:{self.server_port}"
        self.put: dict[str, bytes] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Say nothing of handshakes that a test wants to fail."""


@dataclass(frozen=True)
class Customer:
    """A folder with one file, and the authority's file beside it."""

    folder: Path
    authority: trustme.CA
    service: Service

    def fetchdata(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        access = ["-u", "acme", "-p", "word", "--server", self.service.address]
        done = subprocess.run(
            [BIN / "fetchdata", *arguments, *access],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def customer(tmp_path: Path) -> Iterator[Customer]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "client-input-dir").mkdir()
    (tmp_path / "client-input-dir" / "a.csv").write_bytes(b"id\n1\n")
    with Service(authority) as service:
        yield Customer(tmp_path, authority, service)
        service.shutdown()


def test_a_private_authority_is_believed_for_all_three_services(customer: Customer) -> None:
    code, out, err = customer.fetchdata("push", "--wait", "--json", "--ca", "ca.pem")

    assert (code, json.loads(out)["files"][0]["status"]) == (0, "loaded"), err
    assert customer.service.put == {"/a.csv": b"id\n1\n"}


@pytest.mark.parametrize("variable", ["FETCHDATA_CA", "SSL_CERT_FILE"])
def test_the_authority_may_be_named_in_the_environment(customer: Customer, variable: str) -> None:
    assert customer.fetchdata("history", **{variable: "ca.pem"})[0] == 0


def test_an_unknown_authority_is_one_line_that_says_what_to_do(customer: Customer) -> None:
    address = customer.service.address
    line = f"the certificate of {address} is not trusted: give its CA with --ca or in FETCHDATA_CA"

    assert customer.fetchdata("push") == (4, "", f"fetchdata: {line}\n")


def test_another_authority_than_the_given_one_is_not_trusted(customer: Customer) -> None:
    trustme.CA().cert_pem.write_to_path(customer.folder / "other.pem")

    code, _, err = customer.fetchdata("history", "--ca", "other.pem")

    assert (code, err.count("\n"), "is not trusted: give its CA" in err) == (4, 1, True)


def test_a_certificate_for_another_name_is_not_trusted_and_says_so(customer: Customer) -> None:
    with Service(customer.authority, "elsewhere.test") as elsewhere:
        code, _, err = Customer(customer.folder, customer.authority, elsewhere).fetchdata(
            "history", "--ca", "ca.pem"
        )
        elsewhere.shutdown()

    assert code == 4
    assert err.startswith(
        f"fetchdata: the certificate of {elsewhere.address} is not trusted: Hostname mismatch"
    )


def test_a_store_that_is_not_trusted_is_told_at_its_file_without_trying_again(customer: Customer) -> None:
    with Service(trustme.CA()) as store:
        customer.service.store = store.address
        code, out, err = customer.fetchdata("push", "--json", "--ca", "ca.pem")
        store.shutdown()

    (violation,) = json.loads(out)["files"][0]["violations"]
    assert code == 4
    assert violation["rule"] == "unreachable"
    assert violation["message"] == (
        f"the certificate of {store.address} is not trusted: give its CA with --ca or in FETCHDATA_CA"
    )
    assert "trying for up to" not in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read the CA file 'ca-2.pem': No such file or directory"),
        (b"", "the CA file 'ca-2.pem' holds no certificate in PEM form"),
        (b"no certificate", "the CA file 'ca-2.pem' holds no certificate in PEM form"),
    ],
)
def test_a_file_without_an_authority_is_wrong_usage(
    customer: Customer, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (customer.folder / "ca-2.pem").write_bytes(content)

    assert customer.fetchdata("push", "--ca", "ca-2.pem") == (2, "", f"fetchdata: {reason}\n")
    if content is None:
        _, _, err = customer.fetchdata("push", SSL_CERT_FILE="ca-2.pem")
        assert err == "fetchdata: cannot read SSL_CERT_FILE 'ca-2.pem': No such file or directory\n"
