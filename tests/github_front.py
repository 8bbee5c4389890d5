"""The front before the emulated GitHub: it knows tokens and limits, writes each call down, and breaks on demand."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import select
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl

from github_checks import parsed_time
from github_comments import Comments
from github_emulator import REPOSITORIES, Emulator
from github_issues import Issues
from github_rules import Rules
from github_wire import Answer, Clock, Identity, Request, Upstream, refuse

RESET, HANG, TRUNCATED, CUT = "reset", "hang", "truncated", "cut"
Kind = Answer | Literal["reset", "hang", "truncated", "cut"]
"""What breaks: an answer of ours, a connection reset, silence until the client gives up, JSON that ends early, a
connection that ends early."""
Moment = Literal["before", "after"]

SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def secondary_limit(retry_after: int | None = None, status: int = 403) -> Answer:
    """Too much at a time; GitHub may or may not say how long to wait."""
    told = {} if retry_after is None else {"retry_after": str(retry_after)}
    return refuse(status, SECONDARY, **told)


def failing(status: int = 502, message: str = "Server Error", **headers: str) -> Answer:
    """Any other refusal."""
    return refuse(status, message, **headers)


@dataclass
class Call:
    """One request of a client. `status` 0: no answer of it was delivered. `at`: by the server's clock."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    token: str
    raw: bytes
    at: float
    user: str = ""
    status: int = 0
    answer: Any = None
    fault: str = ""

    @property
    def is_read(self) -> bool:
        """Does it change nothing?"""
        return self.method in ("GET", "HEAD")

    @property
    def body(self) -> Any:
        """What was sent, decoded; None where it is no JSON."""
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


@dataclass
class Fault:
    """Something that goes wrong on the n-th of the calls that fit, and on the following up to `times`."""

    kind: Kind
    method: str
    path: str
    nth: int
    times: int
    moment: Moment
    seen: int = 0
    hits: int = 0

    def strikes(self, call: Call) -> bool:
        """Does it go wrong with this call?"""
        if not (re.fullmatch(self.method, call.method) and re.search(self.path, call.path)):
            return False
        self.seen += 1
        struck = self.nth <= self.seen < self.nth + self.times
        self.hits += struck
        return struck


Gate = Callable[[Moment, Call], bool | None]
"""Called before a request is carried out and before its answer is delivered; False: the connection ends there."""


@dataclass
class Front:
    """The front. `url` is what clients are given; `patience`: how long a silent one waits for the client to go."""

    folder: Path
    patience: float = 10
    log: list[Call] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[str, Identity] = {}
        self._faults: list[Fault] = []
        self._gates: list[Gate] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.clock = Clock()
        self.emulator = Emulator(self.url, self.folder)
        self._upstream = Upstream(self.emulator.port, self.url.removeprefix("http://"))
        self.rules = Rules(self._upstream, self.clock, self.url)
        self.rules.owners = tuple(name.split("/")[0] for name in REPOSITORIES)
        Comments(self.rules).install()
        Issues(self.rules).install()
        self._anonymous = Identity(limit=60)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        """End all of it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._upstream.close()
        self.emulator.stop()

    def reset(self) -> None:
        """As on the first day. Tokens that were given out no longer work."""
        self.emulator.order("reset")
        self.rules.reset()
        self.clock.shift = 0
        with self._lock:
            self._tokens.clear()
            self._faults.clear()
            self._gates.clear()
            self.log.clear()
            self.troubles.clear()
            self._anonymous = Identity(limit=60)

    def keep(self) -> Callable[[], None]:
        """Keep what stands on the server; calling what is returned brings it back, in a few milliseconds.

        What was brought back has an empty log, no faults and no gates; tokens and the clock go on.
        """
        number = self.emulator.order("keep")["number"]
        held = self.rules.kept()

        def back() -> None:
            self.emulator.order("back", number=number)
            self.rules.bring_back(held)
            with self._lock:
                self._faults.clear()
                self._gates.clear()
                self.log.clear()

        return back

    def shift(self, seconds: float) -> None:
        """Have the server's clock that much ahead of the machine's."""
        self.emulator.order("shift", seconds=seconds)
        self.clock.shift = seconds

    # Tokens

    def admit(self, identity: Identity, prefix: str = "ghp_") -> str:
        """A new token for somebody."""
        token = prefix + secrets.token_hex(18)
        with self._lock:
            self._tokens[token] = replace(identity, backend=identity.backend or token)
        return token

    def identity(self, token: str) -> Identity:
        """Whose token it is."""
        return self._tokens[token]

    def leave(self, token: str, remaining: int, reset_in: float = 3600) -> None:
        """Let that many calls be left of a token's limit."""
        who = self._tokens[token]
        who.used, who.reset = who.limit - remaining, self.clock.now() + reset_in

    def _who(self, token: str) -> Identity | None:
        if not token:
            return self._anonymous
        if token.startswith("eyJ"):
            return Identity(backend=token, kind="app")
        who = self._tokens.get(token)
        expired = who is not None and 0 < who.expires < self.clock.now()
        return None if expired else who

    def _learn(self, path: str, told: Answer) -> None:
        """Know the token that an app has just been given."""
        installation = re.fullmatch(r"/app/installations/(\d+)/access_tokens", path)
        if installation and told.is_good:
            given = told.body
            reached = tuple(repository["id"] for repository in given.get("repositories", []))
            identity = Identity(
                "triagebot-app[bot]", given["token"], "installation", "acme", given["permissions"], reached,
                expires=parsed_time(given["expires_at"]),
            )  # fmt: skip
            with self._lock:
                self._tokens[given["token"]] = identity

    # Faults and gates

    def fault(
        self, kind: Kind, method: str = ".*", path: str = "", nth: int = 1, times: int = 1, *, after: bool = False
    ) -> Fault:
        """Have calls go wrong: `method` and `path` (with the query) are regular expressions.

        `after`: the server acts, and only its answer is lost.
        """
        made = Fault(kind, method, path, nth, times, "after" if after else "before")
        with self._lock:
            self._faults.append(made)
        return made

    def gate(self, gate: Gate) -> None:
        """Have something called around each request."""
        self._gates.append(gate)

    def drop(self, gate: Gate) -> None:
        """Have it called no more."""
        self._gates.remove(gate)

    def kill_at(self, point: int, kill: Callable[[], object]) -> None:
        """Kill the client: before the (point // 2)-th request is carried out where even, just after it where odd."""

        def gate(moment: Moment, call: Call) -> bool:
            here = 2 * call.number + (moment == "after")
            if here == point:
                kill()
            return here < point

        self.gate(gate)

    # Calls

    def reads(self, since: int = 0) -> list[Call]:
        """The calls from the `since`-th on that change nothing."""
        return [call for call in self.log[since:] if call.is_read]

    def writes(self, since: int = 0) -> list[Call]:
        """The calls from the `since`-th on that may change something."""
        return [call for call in self.log[since:] if not call.is_read]

    def open(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> tuple[Call, list[Fault]]:
        """Write a request down; what will go wrong with it."""
        token = _token(headers.get("authorization", ""))
        with self._lock:
            call = Call(len(self.log), method, path, headers, token, raw, self.clock.now())
            self.log.append(call)
            struck = [fault for fault in self._faults if fault.strikes(call)]
        return call, struck

    def passes(self, moment: Moment, call: Call) -> bool:
        """Ask the gates."""
        said = [gate(moment, call) for gate in self._gates]
        return False not in said

    def attempt(self, call: Call) -> Answer:
        """Carry a request out; a mistake of ours is kept for the test to fail by, for clients would only try again."""
        try:
            return self.answer(call)
        except Exception:
            self.troubles.append(f"{call.method} {call.path}: {traceback.format_exc()}")
            return refuse(500, "the front is broken")

    def answer(self, call: Call) -> Answer:
        """What the server says to a request."""
        who = self._who(call.token)
        if who is None:
            return refuse(401, "Bad credentials")
        call.user = who.login
        path, _, query = call.path.partition("?")
        if path == "/rate_limit":
            return _with(_rate_limit(who), who.limits())
        with self._lock:
            left = who.count(self.clock.now())
        if not left:
            return _with(refuse(403, f"API rate limit exceeded for {who.login or 'anonymous'}."), who.limits())
        is_broken = bool(call.raw) and call.body is None
        told = self.rules.answer(Request(who, call.method, path, dict(parse_qsl(query)), call.body, is_broken))
        self._learn(path, told)
        told = _with(told, who.limits())
        if call.method != "GET" or not told.is_good:
            return told
        tag = f'W/"{hashlib.sha256(told.encoded()).hexdigest()}"'
        if call.headers.get("if-none-match") != tag:
            return _with(told, {"ETag": tag})
        who.used -= 1
        return Answer(304, None, who.limits() | {"ETag": tag})


def _with(told: Answer, headers: dict[str, str]) -> Answer:
    return replace(told, headers=told.headers | headers)


def _token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(token).decode().partition(":")[2]
    return token.strip()


def _rate_limit(who: Identity) -> Answer:
    core = {name.removeprefix("x-ratelimit-"): value for name, value in who.limits().items()}
    rate = {name: int(core[name]) for name in ("limit", "remaining", "reset", "used")}
    return Answer(200, {"resources": {"core": rate, "search": rate | {"limit": 30, "remaining": 30}}, "rate": rate})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, front: Front) -> None:
        self.front = front
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *said: Any) -> None:
        """The log of the front is enough."""

    def _serve(self) -> None:
        front = self.server.front
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call, faults = front.open(self.command, self.path, headers, raw)
        if not front.passes("before", call):
            return self._end(call)
        for fault in (f for f in faults if f.moment == "before"):
            return self._break(call, fault, Answer(200, {"message": "a text that ends early"}))
        told = front.attempt(call)
        if not front.passes("after", call):
            return self._end(call)
        for fault in (f for f in faults if f.moment == "after"):
            return self._break(call, fault, told)
        return self._send(call, told, told.encoded())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _send(self, call: Call, told: Answer, sent: bytes, length: int | None = None) -> None:
        call.status, call.answer = told.status, told.body
        now = self.server.front.clock.now()
        headers = {
            "Date": formatdate(now, usegmt=True),
            "Content-Length": str(len(sent) if length is None else length),
            "Content-Type": "application/json; charset=utf-8",
            "X-GitHub-Request-Id": f"{call.number:08X}",
            **told.headers,
        }
        lines = [f"HTTP/1.1 {told.status} {self.responses.get(told.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode() + (b"" if self.command == "HEAD" else sent))

    def _break(self, call: Call, fault: Fault, told: Answer) -> None:
        kind = fault.kind
        call.fault = f"{'status' if isinstance(kind, Answer) else kind} {fault.moment}"
        if isinstance(kind, Answer):
            who = self.server.front._who(call.token)
            limits = who.limits() if who else {}
            return self._send(call, _with(kind, limits | kind.headers), kind.encoded())
        half = told.encoded()[: len(told.encoded()) // 2]
        if kind == TRUNCATED:
            self._send(call, told, half)
        elif kind == CUT:
            self._send(call, told, half, len(told.encoded()))
            self._end(call)
        elif kind == HANG:
            select.select([self.connection], [], [], self.server.front.patience)
            self._end(call)
        else:
            # Closed with this set, a connection is reset instead of ended.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
            self.close_connection = True
        return None

    def _end(self, call: Call) -> None:
        self.close_connection = True
