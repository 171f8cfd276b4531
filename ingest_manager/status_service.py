"""The status service: a customer's own history and rejects, from the ledger. Reads only.

Whoever shows a status token from the auth service sees that customer's loads and nobody else's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, BeforeValidator
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import RequestResponseEndpoint

from bucket_policies import tokens
from bucket_policies.errors import TokenError
from bucket_policies.metrics import CONTENT_TYPE, WebMetrics
from bucket_policies.timed_calls import timed
from customer_ingestapps.media_types import ENDINGS
from ingest_manager.errors import IngestError, ObjectGone
from ingest_manager.ledger.history import LoadQuery, LoadView, find_loads
from ingest_manager.ledger.ledger import Ledger
from ingest_manager.ledger.loads import Load, LoadStatus
from ingest_manager.objects.object_store import ObjectStore
from ingest_manager.operations.rejects import rejects_of

MOST_LOADS = 10_000
METRICS_PREFIX = "status_service"
_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 422: "invalid_request"}


class ErrorAnswer(BaseModel):
    """What every fault is answered with: a code for programs and a message for people."""

    error: str
    message: str


_router = APIRouter(responses={code: {"model": ErrorAnswer} for code in (401, 404, 422, 503)})


class LoadsAnswer(BaseModel):
    """The loads that matched, newest object first."""

    loads: list[LoadView]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the service reads from, and the key that seals the tokens."""

    ledger: Ledger
    store: ObjectStore
    token_key: bytes


def create_app(sources: Sources) -> FastAPI:
    """Build the service."""
    app = FastAPI(title="status service", docs_url=None, redoc_url=None)
    app.state.sources = sources
    app.include_router(_router)
    app.add_exception_handler(StarletteHTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(IngestError, _on_fault)
    _measure(app)
    return app


def _sources(request: Request) -> Sources:
    sources: Sources = request.app.state.sources
    return sources


FromSources = Annotated[Sources, Depends(_sources)]


def _customer(
    sources: FromSources,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str:
    if shown is None:
        raise HTTPException(401, "show a status token of the auth service as a bearer token")
    try:
        return tokens.verify(shown.credentials, sources.token_key, datetime.now(UTC))
    except TokenError as error:
        raise HTTPException(401, str(error)) from error


OfCustomer = Annotated[str, Depends(_customer)]


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is outside the calendar in UTC") from error


Instant = Annotated[datetime, BeforeValidator(_instant)]


@_router.get("/loads")
def list_loads(
    sources: FromSources,
    customer: OfCustomer,
    upload: str | None = None,
    key: str | None = None,
    since: Instant | None = None,
    status: LoadStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LOADS)] = 100,
) -> LoadsAnswer:
    """Return the customer's newest loads that match."""
    query = LoadQuery(customer=customer, upload_id=upload, key=key, status=status, since=since, limit=limit)
    return LoadsAnswer(loads=[LoadView.of(load) for load in find_loads(sources.ledger, query)])


@_router.get("/loads/{load_id}")
def show_load(sources: FromSources, load_id: UUID, customer: OfCustomer) -> LoadView:
    """Return one load."""
    return LoadView.of(_own_load(sources.ledger, load_id, customer))


@_router.get(
    "/loads/{load_id}/rejects",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {media_type: {} for media_type in ENDINGS},
            "description": "The rejects, in the format of the file; those of Parquet are CSV.",
        }
    },
)
def show_rejects(sources: FromSources, load_id: UUID, customer: OfCustomer) -> StreamingResponse:
    """Return the rejects file of one load."""
    try:
        found = rejects_of(load_id, _own_load(sources.ledger, load_id, customer), sources.store)
    except ObjectGone as error:
        raise HTTPException(404, str(error)) from error
    name = f"{load_id}{ENDINGS.get(found.media_type, '')}"
    headers = {  # no charset: it is in the file's own encoding
        "Content-Type": found.media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(found.blocks, headers=headers)


@_router.get("/healthz")
def health(sources: FromSources) -> dict[str, str]:
    """Answer ok as long as the ledger answers."""
    sources.ledger.ping()
    return {"status": "ok"}


def _own_load(ledger: Ledger, load_id: UUID, customer: str) -> Load:
    load = ledger.find(load_id)
    if load is None or load.customer != customer:
        raise HTTPException(404, f"there is no load {load_id}")
    return load


def _measure(app: FastAPI) -> None:
    metrics = WebMetrics(METRICS_PREFIX)

    @app.middleware("http")
    async def count(request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer, _ = await timed(request, call_next, metrics)
        return answer

    @app.get("/metrics", response_class=PlainTextResponse)
    def show_metrics() -> Response:
        return Response(metrics.catalogue.text(), media_type=CONTENT_TYPE)


def _on_http(_: Request, error: Exception) -> JSONResponse:
    status_code = getattr(error, "status_code", 500)
    answer = _error(status_code, _CODES.get(status_code, "error"), str(getattr(error, "detail", "")))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
    return _error(422, _CODES[422], f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")


def _on_fault(_: Request, __: Exception) -> JSONResponse:
    return _error(503, "unavailable", "the ledger or the store cannot be reached, try again shortly")


def _error(status_code: int, code: str, message: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status_code == 401 else None
    answer = ErrorAnswer(error=code, message=message)
    return JSONResponse(answer.model_dump(), status_code, headers=headers)
