"""Calls to Jira's REST API by way of the `jira` package: sign-in, paging, what an answer means.

Data Center: https://docs.atlassian.com/software/jira/docs/api/REST/latest/ (v2, wiki markup).
Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/ (v3, documents).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import jira
import requests
from jira.exceptions import JIRAError

from triagebot.errors import TrackerError
from triagebot.files import JiraSettings
from triagebot.trackers import interface
from triagebot.trackers.interface import Halted
from triagebot.trackers.retry import Caller, Throttled, Unanswered
from triagebot.trackers.transport import plain

PAGE = 100
Flavour = Literal["", "cloud", "data-center"]
Json = Any


class Refused(interface.Refused):
    """Jira answered, and said no. `fields`: what it said of each field; `answer`: all of it, where it is JSON."""

    def __init__(self, place: str, status: int, said: str, remedy: str = "") -> None:
        super().__init__(place, status, said, remedy)
        self.fields: dict[str, str] = {}
        self.answer: dict[str, Any] = {}


@dataclass
class JiraCalls:
    """One connection. Counts what it sends; never repeats a write by itself."""

    name: str
    settings: JiraSettings
    caller: Caller
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    reads: int = 0
    writes: int = 0
    server_time: datetime | None = None
    found_flavour: Flavour = ""
    _client: jira.JIRA | None = field(default=None, repr=False)

    @property
    def flavour(self) -> Flavour:
        """Cloud or Data Center; empty until it is known. Asked once where neither settings nor address tell."""
        host = urlsplit(self.settings.url).hostname or ""
        return self.settings.flavour or ("cloud" if host.endswith(".atlassian.net") else self.found_flavour)

    @property
    def is_cloud(self) -> bool:
        """Whether it is Jira Cloud. Asks where it must."""
        if not self.flavour:
            told = self.caller.read(lambda: self._send("GET", "serverInfo", version="2", signed=False))
            self.found_flavour = "cloud" if told.get("deploymentType") == "Cloud" else "data-center"
        return self.flavour == "cloud"

    def get(self, path: str, **parameters: Any) -> Json:
        """One answer."""
        return self.caller.read(lambda: self._send("GET", path, parameters))

    def pages(self, path: str, items: str, **parameters: Any) -> Iterator[Json]:
        """The items of all pages of a list by offset. Raises before the first item if any page fails."""
        found: list[Json] = []
        while True:
            page = self.get(path, **parameters, startAt=len(found), maxResults=PAGE)
            listed = page.get(items) or page.get("values") or []
            found += listed
            if not listed or len(found) >= int(page.get("total", len(found))):
                return iter(found)

    def search(self, jql: str, fields: str, fresh: list[str]) -> list[Json]:
        """All issues that fit, with their `triagebot` property where the server tells it.

        `fresh`: ids that the index may not know yet; Cloud looks at these in its store.
        """
        if not self.is_cloud:
            return list(self.pages("search", "issues", jql=jql, fields=fields))
        query: dict[str, Any] = {"jql": jql, "fields": fields, "properties": PROPERTY, "maxResults": PAGE}
        query |= {"reconcileIssues": fresh[-50:]} if fresh else {}
        found: list[Json] = []
        while True:
            page = self.get("search/jql", **query)
            found += page.get("issues") or []
            if not page.get("nextPageToken") or page.get("isLast"):
                return found
            query["nextPageToken"] = page["nextPageToken"]

    def write(self, verb: str, path: str, body: Json, found: Callable[[], Json | None] | None = None) -> Json:
        """Send something. `found`: see `Caller.write`; without it, sending it twice does no harm."""
        return self.caller.write(lambda: self._send(verb, path, {}, body), found)

    def attach(self, key: str, name: str, png: bytes) -> None:
        """Attach a picture. One that is sent twice, for its answer was lost, is there twice, and does no harm."""
        self.caller.write(lambda: self._send("POST", f"issue/{key}/attachments", attached=(name, png)))

    def url_of(self, key: str) -> str:
        """Where people see an issue."""
        return f"{self.settings.url.rstrip('/')}/browse/{key}"

    def _send(
        self,
        verb: str,
        path: str,
        parameters: dict[str, Any] | None = None,
        body: Json = None,
        version: str = "",
        signed: bool = True,
        attached: tuple[str, bytes] | None = None,
    ) -> Json:
        client = self._connected() if signed else self._made()
        client._options["rest_api_version"] = version or ("3" if self.is_cloud else "2")
        if verb == "GET":
            self.reads += 1
        else:
            self.writes += 1
        sent: dict[str, Any] = {"params": parameters} if verb == "GET" else {"data": json.dumps(body)}
        if attached:  # https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-attachments/
            file = (attached[0], attached[1], "image/png")
            sent = {"files": {"file": file}, "headers": {"X-Atlassian-Token": "no-check", "Content-Type": None}}
        try:
            response = client._session.request(verb, client._get_url(path), **sent)
        except JIRAError as fault:
            raise self._refusal(path, fault) from fault
        except requests.exceptions.RequestException as fault:
            raise Unanswered(plain(fault)) from fault
        self._note(response.headers)
        return self._decoded(path, response)

    def _decoded(self, path: str, response: requests.Response) -> Json:
        if not response.content:
            return {}
        if "html" in response.headers.get("content-type", ""):
            raise TrackerError(
                f"{self.name}: {path}", "Jira answered with a page, not with data",
                "correct `url`: it is the address before /browse and /rest",
            )  # fmt: skip
        try:
            return json.loads(response.content)
        except ValueError as fault:
            raise Unanswered("Jira's answer ends early") from fault

    def _refusal(self, path: str, fault: JIRAError) -> Exception:
        response = fault.response
        status = int(fault.status_code or 0)
        headers = response.headers if response is not None else {}
        self._note(headers)
        answer = _object(response.text if response is not None else str(fault.text))
        said, fields = message(answer)
        after = headers.get("retry-after", "")
        if status == 429 or (status == 503 and after):
            why = headers.get("ratelimit-reason", "")
            return Throttled(f"Jira asks to wait ({why or status})", float(after) if after.isdigit() else None)
        if status >= 500:
            return Unanswered(f"Jira answered {status}")
        place = f"{self.name}: {path}"
        if status == 401 or headers.get("x-authentication-denied-reason"):
            return Halted(place, f"{status}: {said}", f"renew the token in {self.settings.token_env}")
        refused = Refused(place, status, said)
        refused.fields, refused.answer = fields, answer
        return refused

    def _note(self, headers: Mapping[str, str]) -> None:
        if date := headers.get("date"):
            self.server_time = parsedate_to_datetime(date).astimezone(UTC)

    def now(self) -> datetime:
        """The time by the server's clock."""
        return self.server_time or datetime.fromtimestamp(self.caller.clock.now(), UTC)

    def _made(self, **signed: Any) -> jira.JIRA:
        options = {"check_update": False, "headers": {"User-Agent": "triagebot"}}
        return jira.JIRA(
            server=self.settings.url.rstrip("/"), options=options, max_retries=0, get_server_info=False,
            timeout=self.settings.timeout, logging=False, **signed,
        )  # fmt: skip

    def _connected(self) -> jira.JIRA:
        if self._client is None:
            token = self._secret(self.settings.token_env, "an API token" if self.is_cloud else "an access token")
            if not self.is_cloud:
                self._client = self._made(token_auth=token)
            else:
                user = self.settings.email or self._secret(self.settings.user_env, "the e-mail of the token's owner")
                self._client = self._made(basic_auth=(user, token))
        return self._client

    def _secret(self, variable: str, what: str) -> str:
        value = self.secrets.get(variable, "")
        if not value:
            raise TrackerError(
                self.name, f"the environment variable {variable} is not set", f"put {what} into {variable}"
            )
        return value


PROPERTY = "triagebot"
"""The issue property that holds what a ticket must remember; no screen of Jira shows or edits it."""


def _object(text: str) -> dict[str, Any]:
    """A refusal as Jira words it; one that is no JSON as its first words."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"message": " ".join(text.split())[:200]}


def message(told: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """What Jira says went wrong, in words, and of which fields."""
    fields = {str(k): str(v) for k, v in (told.get("errors") or {}).items()} if _is_map(told.get("errors")) else {}
    said = [str(m) for m in told.get("errorMessages") or ()]
    said += [str(told[name]) for name in ("message", "errorMessage") if told.get(name)]
    said += [f"{name}: {fault}" for name, fault in fields.items()]
    return "; ".join(said) or "no reason given", fields


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def quoted(value: str) -> str:
    """A text as a JQL string. https://support.atlassian.com/jira-software-cloud/docs/use-advanced-search-with-jira-query-language-jql/"""
    if any(ord(c) < 32 for c in value):
        raise TrackerError("JQL", f"{value!r} cannot be asked for", "remove the control characters")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
