"""Who is calling: a login checked against the users document, and how often it may be tried.

A good login is remembered for a minute, under a key of this process alone, so that polling costs no hashing.
Bad ones are counted per user and address and per address, each minute anew.
"""

import hmac
import math
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from bucket_policies.errors import DocumentError, LoginError, TooManyAttemptsError
from bucket_policies.users import PUBLISHED_PASSWORDS, decoy, is_password, read_users

ATTEMPTS_PER_USER = 10
ATTEMPTS_PER_ADDRESS = 50

_WINDOW_SECONDS = 60
_REMEMBERED_SECONDS = 60
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Login:
    """What a caller says of itself, and the address it calls from."""

    user: str
    password: str
    address: str

    @property
    def counted(self) -> dict[tuple[str, ...], int]:
        """What its attempts are counted under, with the limit of each."""
        return {(self.user, self.address): ATTEMPTS_PER_USER, (self.address,): ATTEMPTS_PER_ADDRESS}


class Logins:
    """Checks logins; threads may share it."""

    def __init__(self, document: Path, *, demo: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._document = document
        self._demo = demo
        self._clock = clock
        self._users: Mapping[str, str] = read_users(document)
        self._stamp = self._current_stamp()
        self._key = secrets.token_bytes(32)
        self._remembered: dict[str, tuple[bytes, float]] = {}
        self._failures = _Failures()
        self._hashing = threading.BoundedSemaphore(os.cpu_count() or 1)  # argon2id takes 64 MiB each time

    def check(self, login: Login) -> str:
        """Give the customer whose login it is.

        Raises:
            LoginError: no such user, another password, or a published one of the demo.
            TooManyAttemptsError: too many bad attempts came before it within a minute.
        """
        users = self._current_users()
        stored = users.get(login.user)
        if not (stored and self._is_remembered(login, stored)):
            with self._hashing:
                self._verify(login, stored, decoy(login.user, users))
        if login.password in PUBLISHED_PASSWORDS and not self._demo:
            raise LoginError("this password is published; the admin sets another with bucket-policies passwd")
        return login.user

    def _verify(self, login: Login, stored: str | None, instead: str | None) -> None:
        if stored and self._is_remembered(login, stored):  # by another thread, while this one waited
            return
        self._failures.refuse_if_too_many(login, self._clock())
        against = stored or instead
        is_right = against is not None and is_password(login.password, against)
        if not (stored and is_right):
            self._failures.add(login)
            raise LoginError("wrong user or password")
        self._remembered[login.user] = self._seal(login, stored), self._clock() + _REMEMBERED_SECONDS

    def _current_users(self) -> Mapping[str, str]:
        stamp = self._current_stamp()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._users = read_users(self._document)
            except DocumentError as error:  # the last good one stays in force
                advice = "correct it, or set the passwords again with bucket-policies passwd"
                _log.error("users document refused", action="login", reason=str(error), advice=advice)
        return self._users

    def _current_stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._document.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _seal(self, login: Login, stored: str) -> bytes:
        # With the stored hash in it, a changed password is forgotten at once.
        return hmac.digest(self._key, f"{stored}\0{login.password}".encode(), "sha256")

    def _is_remembered(self, login: Login, stored: str) -> bool:
        seal, end = self._remembered.get(login.user, (b"", 0.0))
        return self._clock() < end and hmac.compare_digest(seal, self._seal(login, stored))


class _Failures:
    """Bad logins of the current minute; a new minute begins at nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window = 0
        self._counts: Counter[tuple[str, ...]] = Counter()

    def refuse_if_too_many(self, login: Login, now: float) -> None:
        window, passed = divmod(now, _WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window, self._counts = int(window), Counter()
            if any(self._counts[what] >= limit for what, limit in login.counted.items()):
                raise TooManyAttemptsError(retry_after_seconds=math.ceil(_WINDOW_SECONDS - passed))

    def add(self, login: Login) -> None:
        with self._lock:
            self._counts.update(login.counted.keys())
