"""The auth service: customers log in, learn their constraints, and get signed URLs or credentials.

HTTP Basic, to be put behind TLS. The order of a call: login, then its body, then `grants`. Whatever goes
wrong is answered as `{"error": code, "message": …}`; what is wrong with our servers goes to the log alone.
"""

import base64
import binascii
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Protocol, TypeVar

import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import RequestResponseEndpoint

from bucket_policies import credentials, grants, tokens
from bucket_policies.allowances import AllowanceStore
from bucket_policies.api import (
    AppDeclaration,
    AppsAnswer,
    CredentialsAnswer,
    CurrentConstraints,
    ErrorAnswer,
    UploadAnswer,
)
from bucket_policies.app_declarations import read_declarations
from bucket_policies.customers import Customer, CustomerDirectory
from bucket_policies.errors import (
    DocumentError,
    LoginError,
    PolicyError,
    TooManyAttemptsError,
    UnreachableError,
)
from bucket_policies.grant_store import GrantStore, Session
from bucket_policies.logins import Login, Logins
from bucket_policies.manifest import Manifest, NoChoice
from bucket_policies.metrics import CONTENT_TYPE, AuthMetrics
from bucket_policies.settings import AuthSettings
from bucket_policies.timed_calls import timed

LARGEST_BODY_BYTES = 16 * 1024 * 1024
TOKEN_LIFETIME = timedelta(minutes=15)

_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid_request",
    429: "too_many_attempts",
    503: "unavailable",
}
_log = structlog.get_logger(__name__)
_router = APIRouter()
_Model = TypeVar("_Model", bound=BaseModel)


class Store(grants.Store, credentials.Store, Protocol):
    """What the service asks of MinIO."""

    def ping(self) -> None:
        """Ask for any answer."""
        ...


@dataclass
class Service:
    """What the calls share."""

    settings: AuthSettings
    customers: CustomerDirectory
    logins: Logins
    store: Store
    grant_store: GrantStore
    granter: grants.Granter
    lender: credentials.Lender
    metrics: AuthMetrics = field(default_factory=AuthMetrics)
    problems: dict[str, str] = field(default_factory=dict)

    def customer(self, login: Login) -> Customer:
        """Log a customer in."""
        customer_id = self._checked(login)
        customers = self.customers.current()
        self._report(dict(self.customers.problems))
        if customer_id not in customers:
            self.metrics.logged_in("no_document")
            raise HTTPException(403, "there is no constraints document for you yet; ask the admin")
        self.metrics.logged_in("good")
        return customers[customer_id]

    def _checked(self, login: Login) -> str:
        try:
            return self.logins.check(login)
        except (LoginError, TooManyAttemptsError) as error:
            self.metrics.logged_in("wrong" if isinstance(error, LoginError) else "too_many_attempts")
            raise

    def declarations(self, customer: Customer) -> tuple[AppDeclaration, ...]:
        """Give a customer's apps, as far as they can be read; none stops an upload."""
        try:
            return read_declarations(self.settings.apps_folder, customer.id)
        except DocumentError as error:
            _log.error(
                "apps cannot be read",
                action="read_apps",
                customer=customer.id,
                reason=str(error),
                advice="let the service read the folder; until then no file is refused for having no app",
            )
            return ()

    def _report(self, problems: dict[str, str]) -> None:
        if problems != self.problems:
            self.problems = problems
            self.metrics.documents_refused(len(problems))
            for document, problem in problems.items():
                _log.error(
                    "constraints document refused",
                    action="documents",
                    document=document,
                    reason=problem,
                    advice="correct it; the last good one stays in force",
                )

    def token(self, customer: Customer) -> str:
        """Issue a status token."""
        return tokens.issue(customer.id, datetime.now(UTC) + TOKEN_LIFETIME, self.settings.seal_key)


def create_app(settings: AuthSettings, *, store: Store, session: Session, demo: bool = False) -> FastAPI:
    """Build the service.

    Raises:
        DocumentError: the users document cannot be used.
    """
    grant_store = GrantStore(session)
    app = FastAPI(title="auth service", openapi_url=None, redirect_slashes=False)
    app.state.service = Service(
        settings=settings,
        customers=CustomerDirectory(settings.customers_folder),
        logins=Logins(settings.users_document, demo=demo),
        store=store,
        grant_store=grant_store,
        granter=grants.Granter(
            store,
            grant_store,
            seal_key=settings.seal_key,
            url_lifetime_seconds=settings.url_lifetime_seconds,
        ),
        lender=credentials.Lender(store, AllowanceStore(session), settings),
    )
    app.include_router(_router)
    for error in (StarletteHTTPException, PolicyError, Exception):
        app.add_exception_handler(error, _on_error)
    app.middleware("http")(_observe)
    return app


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


OurService = Annotated[Service, Depends(_service)]


def _customer(request: Request, service: OurService) -> Customer:
    address = request.client.host if request.client else ""
    customer = service.customer(parse_login(request.headers.get("authorization", ""), address))
    request.state.customer = customer.id
    return customer


ItsCustomer = Annotated[Customer, Depends(_customer)]


async def _body(request: Request, _: ItsCustomer) -> bytes:
    """Read the body, once the login is known to be good."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY_BYTES:
            raise HTTPException(413, f"a body has at most {LARGEST_BODY_BYTES} bytes")
    return bytes(body)


@_router.get("/constraints")
def constraints(service: OurService, customer: ItsCustomer) -> CurrentConstraints:
    """Tell a customer its constraints, what is used of its quota, and where to ask for its loads."""
    return CurrentConstraints(
        **customer.constraints.model_dump(),
        used_bytes=service.granter.used_bytes(customer),
        status_url=service.settings.status_url,
        status_token=service.token(customer),
    )


@_router.get("/app")
def app_declarations(service: OurService, customer: ItsCustomer) -> AppsAnswer:
    """Give a customer its own apps' declarations, to check files by before it sends them."""
    return AppsAnswer(apps=read_declarations(service.settings.apps_folder, customer.id))


@_router.post("/uploads")
def uploads(
    service: OurService, customer: ItsCustomer, body: Annotated[bytes, Depends(_body)]
) -> UploadAnswer:
    """Judge a manifest and grant what may be put."""
    upload_id = str(uuid.uuid4())
    offered = _parsed(Manifest, body).offered()
    apps = service.declarations(customer)
    answers = service.granter.grant(customer, upload_id, offered, apps=apps)
    service.metrics.answered(customer.id, offered, answers)
    return UploadAnswer(upload_id=upload_id, status_token=service.token(customer), files=answers)


@_router.post("/credentials")
def temporary_credentials(
    service: OurService, customer: ItsCustomer, body: Annotated[bytes, Depends(_body)]
) -> CredentialsAnswer:
    """Lend credentials for any S3 tool."""
    _parsed(NoChoice, body or b"{}")
    try:
        answer = service.lender.lend(customer)
    except DocumentError as error:
        raise HTTPException(403, str(error)) from error
    service.metrics.lent(customer.id)
    return answer


@_router.get("/healthz")
def health(service: OurService) -> dict[str, str]:
    """Answer ok as long as MinIO and Cassandra answer."""
    service.store.ping()
    service.grant_store.ping()
    return {"status": "ok"}


@_router.get("/metrics")
def metrics(service: OurService) -> Response:
    """Give the metrics in Prometheus's format."""
    return Response(service.metrics.catalogue.text(), media_type=CONTENT_TYPE)


def parse_login(header: str, address: str) -> Login:
    """Read an HTTP Basic header.

    Raises:
        LoginError: it is missing or malformed.
    """
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise LoginError("log in with user and password (HTTP Basic)")
    return Login(user, password, address)


def _parsed(kind: type[_Model], body: bytes) -> _Model:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in detail["loc"]) or "body"
        raise HTTPException(422, f"{where}: {detail['msg']}") from error


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = ErrorAnswer(error=_CODES.get(status, "failed"), message=message)
    return JSONResponse(asdict(body), status, headers)


def _on_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, StarletteHTTPException):
        return _answer(error.status_code, error.detail, dict(error.headers or {}))
    if isinstance(error, LoginError):
        challenge = {"WWW-Authenticate": 'Basic realm="uploads", charset="UTF-8"'}
        return _answer(401, str(error), challenge)
    if isinstance(error, TooManyAttemptsError):
        return _answer(429, str(error), {"Retry-After": str(error.retry_after_seconds)})
    if not isinstance(error, PolicyError):
        _log.error(
            "unexpected error",
            action="call",
            path=request.url.path,
            exc_info=error,
            advice="a fault of ours: report it with this line",
        )
        return _answer(500, "something went wrong here; it has been logged")
    advice = "see whether MinIO and Cassandra run and let the service's users in"
    _log.error("call failed", action="call", path=request.url.path, reason=str(error), advice=advice)
    server = error.server if isinstance(error, UnreachableError) else "the service"
    return _answer(503, f"{server} does not answer now, try again later", {"Retry-After": "5"})


async def _observe(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response, seconds = await timed(request, call_next, _service(request).metrics)
    _log.info(
        "call",
        action="call",
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        customer=getattr(request.state, "customer", None),
        milliseconds=round(seconds * 1000),
    )
    return response
