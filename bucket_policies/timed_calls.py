"""Times the calls of a web service, those that end in a fault of ours as well."""

import time

from fastapi import Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from bucket_policies.metrics import WebMetrics


async def timed(
    request: Request, call_next: RequestResponseEndpoint, metrics: WebMetrics
) -> tuple[Response, float]:
    """Return the answer and the seconds that it took, and count both."""
    begin = time.monotonic()
    status = 500
    try:
        response = await call_next(request)
        status = response.status_code
    finally:
        seconds = time.monotonic() - begin
        metrics.called(getattr(request.scope.get("route"), "path", "none"), status, seconds)
    return response, seconds
