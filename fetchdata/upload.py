"""Putting granted files into the store: a few at a time, streamed from disk, retried while a fault may pass.

The grant's headers hold length and checksum under its signature, so the store itself refuses other bytes. A
retried PUT uses the same grant, and so the same upload id.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from bucket_policies.api import GrantedFile
from bucket_policies.rules import escaped
from fetchdata.api import cause, origin
from fetchdata.errors import FileError
from fetchdata.files import BLOCK_BYTES, SourceFile, changed
from fetchdata.progress import Advance, Watcher
from fetchdata.trust import distrust

PARALLEL_PUTS = 8
PATIENCE_SECONDS = 150  # the store's own quota may refuse a granted file for two minutes
TIMEOUT = httpx.Timeout(60, connect=10, pool=None)

_CLOCK = re.compile(r"RequestTimeTooSkewed|Request has expired|not valid yet|ExpiredToken")
_CHANGED = re.compile(r"XAmzContentChecksumMismatch|XAmzContentSHA256Mismatch|BadDigest")
_PASSING = re.compile(r"SlowDown|RequestTimeout|XMinioAdminBucketQuotaExceeded|XMinioServerNotInitialized")


class _PassingError(FileError):
    """The store may take the file in a moment."""


@dataclass(frozen=True)
class Shipment:
    """A file and the permission to put it."""

    file: SourceFile
    grant: GrantedFile


class Uploader:
    """Puts files; remembers when the store was found dead, so that each further file does not wait again."""

    def __init__(
        self,
        watcher: Watcher,
        *,
        trust: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._watcher = watcher
        self._trust = trust
        self._transport = transport
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._dead: FileError | None = None
        self._has_warned = False

    def put_all(self, shipments: Sequence[Shipment]) -> list[FileError | None]:
        """Put every file; give what went wrong with each, in order."""
        return asyncio.run(self._put_all(shipments))

    async def _put_all(self, shipments: Sequence[Shipment]) -> list[FileError | None]:
        slots = asyncio.Semaphore(PARALLEL_PUTS)
        total_bytes = sum(shipment.file.size for shipment in shipments)
        with self._watcher.stage("sending", total_bytes) as advance:
            async with httpx.AsyncClient(
                verify=self._trust, transport=self._transport, timeout=TIMEOUT
            ) as client:

                async def put(shipment: Shipment) -> FileError | None:
                    async with slots:
                        return await self._put(client, shipment, advance)

                return await asyncio.gather(*map(put, shipments))

    async def _put(self, client: httpx.AsyncClient, shipment: Shipment, advance: Advance) -> FileError | None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_delay(self._patience_seconds),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            before_sleep=self._warn,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            if self._dead:
                raise self._dead
            await attempts(_put_once, client, shipment, advance)
        except FileError as error:
            if error.rule == "unreachable":
                self._dead = error
            return error
        return None

    def _warn(self, state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        if not self._has_warned:
            self._watcher.notice(f"{error}; trying for up to {self._patience_seconds:.0f} s")
        self._has_warned = True


@dataclass
class _Meter:
    """Counts what one attempt has sent, to take it back from the progress when the attempt fails."""

    advance: Advance
    sent_bytes: int = 0

    def count(self, amount: int) -> None:
        self.sent_bytes += amount
        self.advance(amount)


async def _put_once(client: httpx.AsyncClient, shipment: Shipment, advance: Advance) -> None:
    meter = _Meter(advance)
    headers = httpx.Headers(shipment.grant.headers)
    headers["Content-Length"] = str(shipment.file.size)
    try:
        async with aclosing(_blocks(shipment.file, meter)) as blocks:
            response = await client.put(shipment.grant.url, headers=headers, content=blocks)
        if not response.is_success:
            raise _refusal(response, shipment.grant)
    except (httpx.RequestError, FileError) as error:
        advance(-meter.sent_bytes)
        raise error if isinstance(error, FileError) else _unreachable(error, shipment.grant) from error


async def _blocks(file: SourceFile, meter: _Meter) -> AsyncGenerator[bytes, None]:
    with file.open() as source:
        while block := await asyncio.to_thread(source.read, BLOCK_BYTES):
            meter.count(len(block))
            if meter.sent_bytes > file.size:
                raise changed()
            yield block
        if meter.sent_bytes < file.size:
            raise changed()


def _unreachable(error: httpx.RequestError, grant: GrantedFile) -> FileError:
    if reason := distrust(error):
        return FileError("unreachable", f"the certificate of {_address(grant)} {reason}")
    return _PassingError("unreachable", f"the store {_address(grant)} does not answer: {cause(error)}")


def _refusal(response: httpx.Response, grant: GrantedFile) -> FileError:
    code, message = (_element(response.text, name) for name in ("Code", "Message"))
    reason = escaped(f"{response.status_code} {code or response.reason_phrase}: {message}".removesuffix(": "))
    if _CLOCK.search(reason):
        return FileError("clock", _clock_advice(message or code, grant))
    if _CHANGED.search(reason):
        return changed()
    if response.status_code >= 500 or response.status_code == 429 or _PASSING.search(reason):
        return _PassingError("upload", f"the store {_address(grant)} cannot take it now: {reason}")
    return FileError("upload", f"the store {_address(grant)} refuses it: {reason}")


def _clock_advice(message: str, grant: GrantedFile) -> str:
    now = datetime.now(UTC)
    if now >= grant.expires_at:
        ended = f"{grant.expires_at:%H:%M:%S} UTC by this machine's clock"
        return f"its permission ended at {ended}; run fetchdata again"
    return (
        f"the store says '{escaped(message)}', yet its permission holds to {grant.expires_at:%H:%M:%S} UTC "
        f"and this machine's clock says {now:%H:%M:%S} UTC: a clock is wrong, here or at the servers"
    )


def _element(xml: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", xml)
    return found[1] if found else ""


def _address(grant: GrantedFile) -> str:
    return origin(httpx.URL(grant.url))
