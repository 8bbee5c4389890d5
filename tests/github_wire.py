"""What goes to and fro between a client, the front and the emulated GitHub."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

DOCS = "https://docs.github.com/rest"
RESET_AFTER = 3600


@dataclass(frozen=True)
class Answer:
    """An answer. `body`: what is sent as JSON; None: nothing is."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Did the server do as asked?"""
        return self.status < 300

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


def refuse(status: int, message: str, *errors: dict[str, Any], **headers: str) -> Answer:
    """A refusal in GitHub's words. `headers`: with underscores for hyphens."""
    body: dict[str, Any] = {"message": message} | ({"errors": list(errors)} if errors else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body | {"documentation_url": DOCS, "status": str(status)}, named)


def invalid(*errors: dict[str, Any]) -> Answer:
    """A refusal that names the fields at fault."""
    return refuse(422, "Validation Failed", *errors)


@dataclass
class Identity:
    """Who a token stands for, and what is left of its calls.

    `backend`: the token of the emulator. `permissions`: an installation's; `repositories`: those that it reaches.
    """

    login: str = ""
    backend: str = ""
    kind: str = "user"
    account: str = ""
    permissions: dict[str, str] = field(default_factory=dict)
    repositories: tuple[int, ...] = ()
    expires: float = 0
    limit: int = 5000
    used: int = 0
    reset: float = 0

    @property
    def is_installation(self) -> bool:
        """Is it an app rather than a person?"""
        return self.kind == "installation"

    def count(self, now: float) -> bool:
        """Take one call off; False: none is left."""
        if now >= self.reset:
            self.used, self.reset = 0, now + RESET_AFTER
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def limits(self) -> dict[str, str]:
        """The headers that tell what is left."""
        told = {"limit": self.limit, "remaining": self.limit - self.used, "reset": int(self.reset), "used": self.used}
        return {f"x-ratelimit-{name}": str(value) for name, value in told.items()} | {"x-ratelimit-resource": "core"}


@dataclass(frozen=True)
class Request:
    """What is asked, by whom. `body`: decoded; `is_broken`: it is no JSON."""

    who: Identity
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    is_broken: bool = False

    @property
    def is_read(self) -> bool:
        """Does it change nothing?"""
        return self.method in ("GET", "HEAD")

    @property
    def target(self) -> str:
        """Path and query."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")


class Upstream:
    """Connections to the emulator, kept open and shared by the threads of the front."""

    def __init__(self, port: int, host: str) -> None:
        """`host`: what the emulator is told that it was called by; its links are built of it."""
        self._port, self._host = port, host
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._calls = 0

    def ask(self, backend: str, method: str, target: str, body: Any = None) -> Answer:
        """One request. The emulator counts 4,999 calls per token text: the text changes before that."""
        with self._lock:
            self._calls += 1
            suffix = "" if backend.startswith("eyJ") else f"~{self._calls // 4000}"
            connection = self._idle.pop() if self._idle else http.client.HTTPConnection("127.0.0.1", self._port)
        headers = {"Host": self._host, "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {backend}{suffix}"} if backend else {}
        sent = None if method in ("GET", "HEAD") else json.dumps({} if body is None else body).encode()
        connection.request(method, quote(target, safe="/?&=%:+,~@"), sent, headers)
        response = connection.getresponse()
        read = response.read()
        with self._lock:
            self._idle.append(connection)
        kept = {"Link": response.headers["Link"]} if response.headers["Link"] else {}
        return Answer(response.status, json.loads(read) if read else None, kept)

    def close(self) -> None:
        """Close what is open."""
        for connection in self._idle:
            connection.close()


class Clock:
    """The server's clock: the machine's, shifted."""

    shift = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.shift
