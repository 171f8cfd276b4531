"""The two services that a customer talks to, as functions: the auth service and the status service.

Every answer is checked against a dataclass; every fault of a call leaves as one of this package's errors.
Only a request that no server has begun to carry out is sent again.
"""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TypeVar
from uuid import UUID

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from bucket_policies.api import (
    AppDeclaration,
    AppsAnswer,
    CredentialsAnswer,
    CurrentConstraints,
    ErrorAnswer,
    OfferedFile,
    UploadAnswer,
    UploadRequest,
)
from bucket_policies.rules import escaped
from fetchdata.answers import ShapeError, parse, plain
from fetchdata.errors import (
    AnswerError,
    BusyError,
    LoginError,
    NotThereError,
    TrustError,
    UnreachableError,
)
from fetchdata.trust import distrust

MOST_FILES = 10_000  # of one upload: the status service lists no more at once
TIMEOUT = httpx.Timeout(30, connect=10)
Answer = TypeVar("Answer")
OUTCOMES = frozenset({"loaded", "partly_loaded", "rejected", "failed", "duplicate", "gone"})
STATUSES = ("queued", "loading", "waiting", *sorted(OUTCOMES))


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the status service tells about one object version."""

    load_id: str
    key: str
    upload_id: str | None = None
    status: str
    message: str | None = None
    rows_read: int | None = None
    rows_written: int | None = None
    rows_rejected: int | None = None
    event_at: datetime | None = None

    @property
    def remark(self) -> str:
        """Why not every row is in, or how to see why."""
        hint = f"see: fetchdata rejects {self.load_id}" if self.rows_rejected else ""
        return "; ".join(part for part in (self.message, hint) if part)

    @property
    def is_over(self) -> bool:
        """Whether its status is an outcome."""
        return self.status in OUTCOMES


@dataclass(frozen=True)
class Loads:
    """`GET /loads`."""

    loads: tuple[Load, ...]


class AuthService:
    """Who checks the login, tells the constraints and grants uploads."""

    def __init__(
        self,
        address: str,
        user: str,
        password: str,
        *,
        trust: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        login = httpx.BasicAuth(user, password)
        self._client = httpx.Client(
            base_url=address, auth=login, verify=trust, transport=transport, timeout=TIMEOUT
        )

    def constraints(self) -> CurrentConstraints:
        """Log in, and get what this customer may upload and where its loads are told."""
        return _ask(self._client, self._client.build_request("GET", "/constraints"), CurrentConstraints)

    def offer(self, files: Sequence[OfferedFile]) -> UploadAnswer:
        """Send a manifest; each file is granted or refused, in the same order."""
        request = self._client.build_request(
            "POST", "/uploads", json=plain(UploadRequest(files=tuple(files)))
        )
        answer = _ask(self._client, request, UploadAnswer)
        if [file.name for file in answer.files] != [file.name for file in files]:
            raise AnswerError(f"{origin(request.url)} did not answer for every file in order")
        return answer

    def apps(self) -> tuple[AppDeclaration, ...]:
        """Get the customer's own apps, as they are declared."""
        return _ask(self._client, self._client.build_request("GET", "/app"), AppsAnswer).apps

    def credentials(self) -> CredentialsAnswer:
        """Get temporary credentials with which any S3 tool may put this customer's files."""
        return _ask(self._client, self._client.build_request("POST", "/credentials"), CredentialsAnswer)


class StatusService:
    """Who tells what became of objects; where it is and a token for it come from the auth service."""

    def __init__(
        self,
        auth: AuthService,
        *,
        trust: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._auth = auth
        self._client = httpx.Client(verify=trust, transport=transport, timeout=TIMEOUT)
        self._access: CurrentConstraints | None = None

    def loads(self, **query: str | int) -> tuple[Load, ...]:
        """List the customer's loads by `upload`, `key`, `since`, `status`, at most `limit`."""
        if self._access:
            with suppress(LoginError):  # the token has expired: get another
                return self._loads(self._access, query)
        self._access = self._auth.constraints()
        return self._loads(self._access, query)

    def copy_rejects(self, load_id: UUID, target: IO[bytes]) -> None:
        """Write the rejects of one load to a file.

        Raises:
            NotThereError: there are none, or none any more, or no such load of this customer.
        """
        request = self._request(self._auth.constraints(), f"/loads/{load_id}/rejects")
        with closing(_answered(self._client, request, stream=True)) as response:
            try:
                target.writelines(response.iter_bytes())
            except httpx.RequestError as error:
                raise UnreachableError(f"{origin(request.url)} broke off: {cause(error)}") from error

    def _loads(self, access: CurrentConstraints, query: Mapping[str, str | int]) -> tuple[Load, ...]:
        return _ask(self._client, self._request(access, "/loads", query), Loads).loads

    def _request(
        self, access: CurrentConstraints, path: str, query: Mapping[str, str | int] | None = None
    ) -> httpx.Request:
        url = access.status_url.rstrip("/") + path
        headers = {"Authorization": f"Bearer {access.status_token}"}
        return self._client.build_request("GET", url, params=query, headers=headers)


def origin(url: httpx.URL) -> str:
    """Give a URL's server alone, fit to be shown: a presigned URL's query is a secret."""
    return f"{url.scheme}://{url.netloc.decode()}"


def _ask(client: httpx.Client, request: httpx.Request, answer: type[Answer]) -> Answer:
    try:
        return parse(_answered(client, request).content, answer)
    except ShapeError as error:
        server = origin(request.url)
        raise AnswerError(f"{server} gave an answer that is not ours; is the address right?") from error


@retry(
    retry=retry_if_exception_type(BusyError),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=0.25),
    reraise=True,
)
def _answered(client: httpx.Client, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
    response, server = _send(client, request, stream=stream), origin(request.url)
    if response.is_success:
        return response
    response.read()
    if response.status_code in {401, 403}:
        raise LoginError(f"{server} refuses the login: {_message(response)}")
    if response.status_code in {429, 502, 503, 504}:
        raise BusyError(f"{server} cannot answer now, try again later: {_message(response)}")
    if response.status_code == 404 and stream:  # what is streamed may be gone; a route of ours never is
        raise NotThereError(_message(response))
    raise AnswerError(f"{server} answered {response.status_code}: {_message(response)}")


def _send(client: httpx.Client, request: httpx.Request, *, stream: bool) -> httpx.Response:
    server, advice = origin(request.url), "check the address and the network, then try again"
    try:
        return client.send(request, stream=stream)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        if reason := distrust(error):
            raise TrustError(f"the certificate of {server} {reason}") from error
        raise BusyError(f"cannot reach {server}: {cause(error)}; {advice}") from error
    except httpx.RequestError as error:
        raise UnreachableError(f"{server} does not answer: {cause(error)}; {advice}") from error


def _message(response: httpx.Response) -> str:
    try:
        return escaped(parse(response.content, ErrorAnswer).message)
    except ShapeError:
        return response.reason_phrase or "no reason given"


def cause(error: httpx.RequestError) -> str:
    """Give what went wrong on the way, in one line."""
    return escaped(str(error)) or type(error).__name__
