"""Calls to GitHub's REST API by way of PyGithub: authentication, paging, what an answer means.

https://docs.github.com/en/rest, https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import github
import jwt.exceptions
import requests
from github import Auth, GithubException, GithubIntegration

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.trackers.interface import Halted, Refused
from triagebot.trackers.retry import Caller, Throttled, Unanswered
from triagebot.trackers.transport import plain

API = "https://api.github.com"
ACTIONS_BOT = "github-actions[bot]"
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_SLOW_DOWN = re.compile(r"secondary rate limit|abuse detection|rate limit exceeded", re.IGNORECASE)
_REMEDIES = {
    403: "see what the token may do there",
    404: "correct `repo`, or let the token's owner see it",
    410: "turn issues on there, or correct `repo`",
}
_SIGNING_IN = (GithubException, ValueError, jwt.exceptions.PyJWTError)
Json = Any

logging.getLogger("github").setLevel(logging.WARNING)  # the library tells of each redirect on stderr


@dataclass
class Calls:
    """One connection. Counts what it sends; never repeats a write by itself."""

    name: str
    settings: GithubSettings
    caller: Caller
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    endpoint: str = API
    reads: int = 0
    writes: int = 0
    remaining: int | None = None
    resets_at: float | None = None
    server_time: datetime | None = None
    first_at: datetime | None = None
    _requester: Any = field(default=None, repr=False)

    def get(self, path: str, **parameters: Any) -> Json:
        """One answer."""
        return self.caller.read(lambda: self._send("GET", path, parameters)[1])

    def pages(self, path: str, **parameters: Any) -> Iterator[Json]:
        """The items of all pages. Raises before the first item if any page fails: half a list is none."""
        found: list[Json] = []
        query: dict[str, Any] = {**parameters, "per_page": 100}
        while True:
            at = dict(query)
            headers, page = self.caller.read(lambda: self._send("GET", path, at))  # noqa: B023 - called at once
            if not isinstance(page, list):
                raise TrackerError(f"{self.name}: {path}", "GitHub answered with something else than a list")
            if not found:
                self.first_at = self.server_time
            found += page
            following = _NEXT.search(headers.get("link", ""))
            if not following:
                return iter(found)
            query = dict(parse_qsl(urlsplit(following[1]).query))

    def write(self, verb: str, path: str, body: Json, found: Callable[[], Json | None] | None = None) -> Json:
        """Send something. `found`: see `Caller.write`; without it, sending it twice does no harm."""
        return self.caller.write(lambda: self._send(verb, path, {}, body)[1], found)

    def login(self) -> str:
        """Who we are. `GITHUB_TOKEN` may not ask, and is the bot of Actions."""
        if self.settings.app:
            return self.caller.read(self._app_login)
        try:
            return str(self.get("/user")["login"])
        except Refused as refusal:
            if refusal.status == 403:
                return ACTIONS_BOT
            raise

    def _send(self, verb: str, path: str, parameters: dict[str, Any], body: Json = None) -> tuple[dict[str, str], Json]:
        try:
            requester = self._connected()
            if verb == "GET":
                self.reads += 1
            else:
                self.writes += 1
            status, headers, text = requester.requestJson(verb, path, parameters, None, body)
        except requests.exceptions.RequestException as fault:
            raise Unanswered(f"{plain(fault)} at {verb} {self._base()}{path}") from fault
        except _SIGNING_IN as fault:  # the token of an installation is fetched on the way
            raise self._signed_out(fault) from fault
        except RuntimeError as fault:
            said = str(fault).partition(", ")[0]  # the rest is advice for who calls the library
            raise TrackerError(f"{self.name}: {path}", said, "correct `url` in triagebot.yaml") from fault
        self._note(headers)
        return headers, self._answer(verb, path, status, headers, text)

    def _answer(self, verb: str, path: str, status: int, headers: dict[str, str], text: str) -> Json:
        to = f"to {verb} {self._base()}{path}"
        if status >= 500:
            raise Unanswered(f"GitHub answered {status} {to}")
        if status >= 400:
            raise self._refusal(path, status, headers, text)
        if status >= 300:
            there = headers.get("location") or "an unnamed place"
            raise Refused(f"{self.name}: {path}", status, f"redirected to {there}", "correct `repo` or `url`")
        if status == 204:
            return None
        try:
            return json.loads(text)
        except ValueError as fault:
            raise Unanswered(f"what came as answer {to} is not, or not all of, JSON") from fault

    def _refusal(self, path: str, status: int, headers: dict[str, str], text: str) -> Exception:
        said = _message(text)
        after = headers.get("retry-after", "")
        if status == 429 or (status == 403 and (after or self.remaining == 0 or _SLOW_DOWN.search(said))):
            return Throttled(f"GitHub asks to wait ({status})", self._asked(after))
        place = f"{self.name}: {path}"
        if status == 401:
            return Halted(place, f"401: {said}", f"renew the token in {self._variable()}")
        return Refused(place, status, said, _REMEDIES.get(status, ""))

    def _signed_out(self, fault: Exception) -> Exception:
        """Why a GitHub App gets no token."""
        if not isinstance(fault, GithubException):
            return Halted(self.name, f"{self._variable()} holds no private key", "put the PEM file's text in")
        status, headers = int(fault.status), {name.lower(): value for name, value in (fault.headers or {}).items()}
        text = json.dumps(fault.data)
        said = f"the GitHub App cannot sign in: {status}: {_message(text)}"
        if status >= 500:
            return Unanswered(said)
        told = self._refusal("/app", status, headers, text)
        return told if isinstance(told, Throttled) else Halted(self.name, said, f"check `app` and {self._variable()}")

    def _base(self) -> str:
        return self.settings.url.rstrip("/") or self.endpoint

    def _asked(self, after: str) -> float | None:
        if after.isdigit():
            return float(after)
        if self.remaining == 0 and self.resets_at:
            return max(1.0, self.resets_at - self._now() + 1)
        return None

    def _note(self, headers: dict[str, str]) -> None:
        """Quota and time, by the server's clock."""
        if (left := headers.get("x-ratelimit-remaining", "")).isdigit():
            self.remaining = int(left)
        if (reset := headers.get("x-ratelimit-reset", "")).isdigit():
            self.resets_at = float(reset)
        if date := headers.get("date"):
            self.server_time = parsedate_to_datetime(date).astimezone(UTC)

    def _now(self) -> float:
        return self.server_time.timestamp() if self.server_time else self.caller.clock.now()

    def _connected(self) -> Any:
        if self._requester is None:
            client = github.Github(
                auth=self._auth(), base_url=self._base(), retry=None,
                timeout=int(self.settings.timeout) or 1, seconds_between_requests=None, seconds_between_writes=None,
                user_agent="triagebot",
            )  # fmt: skip
            self._requester = client.requester
        return self._requester

    def _auth(self) -> Auth.Auth:
        app = self.settings.app
        if not app:
            return Auth.Token(self._secret(self.settings.token_env))
        installation = app.installation
        if installation is None:
            owner, repo = self.settings.repo.split("/")
            installation = self._integration().get_repo_installation(owner, repo).id
        return Auth.AppAuth(app.id, self._secret(app.key_env)).get_installation_auth(installation)

    def _app_login(self) -> str:
        try:
            return f"{self._integration().get_app().slug}[bot]"
        except requests.exceptions.RequestException as fault:
            raise Unanswered(f"{plain(fault)} at GET {self._base()}/app") from fault
        except _SIGNING_IN as fault:
            raise self._signed_out(fault) from fault

    def _integration(self) -> GithubIntegration:
        app = self.settings.app
        if app is None:
            raise TrackerError(self.name, "is no GitHub App")
        return GithubIntegration(
            auth=Auth.AppAuth(app.id, self._secret(app.key_env)),
            base_url=self._base(), retry=None, timeout=int(self.settings.timeout) or 1,
            seconds_between_requests=None, seconds_between_writes=None,
        )  # fmt: skip

    def _variable(self) -> str:
        return self.settings.app.key_env if self.settings.app else self.settings.token_env

    def _secret(self, variable: str) -> str:
        value = self.secrets.get(variable, "")
        if not value:
            raise Halted(
                self.name, f"the environment variable {variable} is not set", f"set {variable}, or name another one"
            )
        return value


def _message(text: str) -> str:
    """What GitHub says went wrong, with the fields it names."""
    try:
        told = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:200]
    if not isinstance(told, dict):
        return str(told)[:200]
    faults = [
        " ".join(str(e[k]) for k in ("resource", "field", "code", "message") if e.get(k))
        if isinstance(e, dict)
        else str(e)
        for e in told.get("errors") or []
    ]
    said = str(told.get("message", "no reason given"))
    return f"{said} ({'; '.join(faults)})" if faults else said
