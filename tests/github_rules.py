"""GitHub as the emulator has it, plus what it lacks: who may do what, refusals, redirects, reactions, types.

All that the emulator can keep is kept there; `Rules` holds only what it has no place for.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

import github_checks as checks
from github_wire import Answer, Clock, Identity, Request, Upstream, invalid, refuse

LEVELS = ("none", "read", "triage", "write", "maintain", "admin")
FROM_EMULATOR = {"pull": "read", "push": "write"}
ADMIN_RIGHTS = "Must have admin rights to Repository."
BY_INTEGRATION = "Resource not accessible by integration"
REPOSITORY = re.compile(r"/repos/([^/]+)/([^/]+)(/.*)?")
KEEPERS = {"acme": "maintainer"}
"""Who may do everything in an organisation; a user may in his own repositories."""

Row = dict[str, Any]
Doing = Callable[[Request, "Repository"], Answer]
Route = tuple[str, re.Pattern[str], Doing]


def route(method: str, path: str, doing: Doing) -> Route:
    """What answers `method` on a path within a repository; `*`: a segment, `**`: all that follows."""
    rule = re.sub(r"\*\*?", lambda star: "(.+)" if star[0] == "**" else "([^/]+)", path)
    return method, re.compile(rule), doing


class Repository:
    """A repository as one identity sees it, in one request."""

    def __init__(self, row: Row, level: str, rest: str) -> None:
        self.row, self.level, self.rest = row, level, rest
        self.id: int = row["id"]
        self.name: str = row["full_name"]
        self.parts: tuple[str, ...] = ()
        """What stood for the `*` of the route."""

    def allows(self, level: str) -> bool:
        """May as much be done as with `level`?"""
        return LEVELS.index(self.level) >= LEVELS.index(level)

    @property
    def path(self) -> str:
        """Its path in the API."""
        return f"/repos/{self.name}"


class Rules:
    """The answer to a request, whatever the network does to it. `front` delivers it."""

    lists_closed_by = False
    """GitHub's lists do not say who closed an issue."""
    drops_unassignable = False
    """GitHub refuses people who cannot be assigned (422); here it can be had to drop them instead."""

    def __init__(self, upstream: Upstream, clock: Clock, base: str) -> None:
        self.upstream, self.clock, self.base = upstream, clock, base
        self._routes: list[Route] = []
        self.reset()

    def follow(self, old: int, new: int) -> None:
        """An issue has another id after its transfer."""
        if old in self.types:
            self.types[new] = self.types.pop(old)
        if old in self.duplicates:
            self.duplicates[new] = self.duplicates.pop(old)

    def install(self, *routes: Route) -> None:
        """Add what is done in repositories; the first that fits is taken."""
        self._routes += routes

    def reset(self) -> None:
        """Forget all."""
        self.renamed: dict[str, int] = {}
        self.gone: dict[tuple[int, int], str] = {}
        """(repository, number): where the issue is now; empty: deleted."""
        self.types: dict[int, str] = {}
        self.duplicates: dict[int, int | None] = {}
        self.pulls: set[int] = set()
        self.locked_without_reason: set[int] = set()
        self.reactions: dict[tuple[str, int], list[Row]] = {}
        self.lists_closed_by = self.drops_unassignable = False

    def kept(self) -> dict[str, Any]:
        """A copy of what the emulator has no place for."""
        names = ("renamed", "gone", "types", "duplicates", "pulls", "locked_without_reason", "reactions")
        return {name: copy.deepcopy(getattr(self, name)) for name in names}

    def bring_back(self, kept: Mapping[str, Any]) -> None:
        """Hold what was kept again."""
        for name, value in kept.items():
            setattr(self, name, copy.deepcopy(value))

    def answer(self, request: Request) -> Answer:
        """Do as asked, if it is allowed."""
        if request.is_broken:
            return refuse(400, "Problems parsing JSON")
        request = self._by_name(request)
        if found := REPOSITORY.fullmatch(request.path):
            owner, name, rest = found.groups()
            return self._in_repository(request, f"{unquote(owner)}/{unquote(name)}", rest or "")
        if request.path == "/user" and request.who.is_installation:
            return refuse(403, BY_INTEGRATION)
        if request.path == "/user" and not request.who.login:
            return refuse(401, "Requires authentication")
        if request.path.endswith("/access_tokens") and request.body and not request.body.get("permissions", True):
            # PyGithub sends none as an empty object, which GitHub takes for all that were granted.
            return self.forward(request, {name: value for name, value in request.body.items() if name != "permissions"})
        return self.forward(request)

    def forward(self, request: Request, body: Any = None, **query: str) -> Answer:
        """The emulator's answer in GitHub's shape. `body`, `query`: other than what was asked."""
        request = replace(request, query=request.query | query, body=request.body if body is None else body)
        told = self.upstream.ask(request.who.backend, request.method, request.target, request.body)
        if told.status == 403 and request.who.is_installation:
            return refuse(403, BY_INTEGRATION)
        if not told.is_good:
            return self._refusal(told)
        return replace(told, body=checks.in_seconds(told.body))

    def _refusal(self, told: Answer) -> Answer:
        message = (told.body or {}).get("message", "")
        if told.status == 422:
            return invalid({"resource": "Issue", "code": "invalid", "message": message})
        return refuse(told.status, ADMIN_RIGHTS if told.status == 403 else message)

    def look(self, owner: str, path: str) -> Answer:
        """What the one who may do everything in the repositories of `owner` sees there."""
        return self.upstream.ask(self.keeper(owner), "GET", path)

    def keeper(self, owner: str) -> str:
        """The token of the one who may do everything in the repositories of `owner`."""
        return f"user:{KEEPERS.get(owner.lower(), owner)}"

    def _by_name(self, request: Request) -> Request:
        found = re.fullmatch(r"/repositories/(\d+)(/.*)?", request.path)
        if not found:
            return request
        for owner in (*KEEPERS, request.who.login, *self.owners):
            row = self.look(owner, f"/repositories/{found[1]}")
            if row.is_good:
                return replace(request, path=f"/repos/{row.body['full_name']}{found[2] or ''}")
        return request

    owners: tuple[str, ...] = ()
    """People who own repositories."""

    def _in_repository(self, request: Request, name: str, rest: str) -> Answer:
        owner = name.split("/", maxsplit=1)[0]
        row = self.look(owner, f"/repos/{name}")
        if not row.is_good:
            return self._renamed(request, name, rest) or refuse(404, "Not Found")
        repository = Repository(row.body, self.level(request.who, row.body), rest)
        if repository.level == "none" and request.who.kind != "app":
            return refuse(404, "Not Found")
        request = replace(request, path=repository.path + rest)
        if refused := self._unreachable(request, repository):
            return refused
        for method, path, doing in self._routes:
            if method == request.method and (found := path.fullmatch(rest)):
                repository.parts = tuple(unquote(part) for part in found.groups())
                return doing(request, repository)
        return self.forward(request)

    def _renamed(self, request: Request, name: str, rest: str) -> Answer | None:
        if name.lower() not in self.renamed:
            return None
        to = f"{self.base}/repositories/{self.renamed[name.lower()]}{rest}"
        query = request.target[len(request.path) :]
        status, message = (301, "Moved Permanently") if request.is_read else (307, "Temporary Redirect")
        return self._redirect(status, message, to + query)

    def _redirect(self, status: int, message: str, to: str) -> Answer:
        told = refuse(status, message, Location=to)
        return replace(told, body={"message": message, "url": to, "documentation_url": told.body["documentation_url"]})

    def _unreachable(self, request: Request, repository: Repository) -> Answer | None:
        """Why nothing can be done there."""
        return self._missing(repository) or self._read_only(request, repository)

    def _missing(self, repository: Repository) -> Answer | None:
        """No issues, or an issue that is gone."""
        if repository.rest.startswith("/issues") and not repository.row["has_issues"]:
            return refuse(410, "Issues are disabled for this repo")
        if found := re.match(r"/issues/(\d+)(?=/|$)(.*)", repository.rest):
            to = self.gone.get((repository.id, int(found[1])))
            if to == "":
                return refuse(410, "This issue was deleted")
            if to is not None:
                return self._redirect(301, "Moved Permanently", self.base + to + found[2])
        return None

    def _read_only(self, request: Request, repository: Repository) -> Answer | None:
        """A write by nobody, or to an archived repository, or of nonsense."""
        if not request.is_read and not request.who.login:
            return refuse(401, "Requires authentication")
        if not request.is_read and repository.row["archived"] and repository.rest.startswith(("/issues", "/labels")):
            return refuse(403, "Repository was archived so is read-only.")
        if not isinstance(request.body, dict | list | None):
            return refuse(400, "Body should be a JSON object")
        return None

    def level(self, who: Identity, row: Row) -> str:
        """What somebody may do in a repository."""
        public = "none" if row["private"] else "read"
        if who.is_installation:
            reaches = who.account.lower() == row["owner"]["login"].lower()
            reaches = reaches and (not who.repositories or row["id"] in who.repositories)
            granted = who.permissions.get("issues", "") if reaches else ""
            return {"write": "write", "read": "read"}.get(granted, "read" if reaches else public)
        if who.kind == "app" or not who.login:
            return public
        return self.level_of(who.login, row)

    def level_of(self, login: str, row: Row) -> str:
        """What a person may do in a repository; `none` also where there is no such person."""
        told = self.look(row["owner"]["login"], f"/repos/{row['full_name']}/collaborators/{login}/permission")
        if told.is_good:
            permission: str = told.body["permission"]
            return FROM_EMULATOR.get(permission, permission)
        return "none" if row["private"] else "read"

    def summary(self, on: str, row: Row) -> Row:
        """How many reactions of each kind an issue or a comment has."""
        given = [reaction["content"] for reaction in self.reactions.get((on, row["id"]), [])]
        counted: Row = {content: given.count(content) for content in checks.REACTIONS}
        return {"url": f"{row['url']}/reactions", "total_count": len(given), **counted}

    def person(self, login: str) -> Row | None:
        """A user as told in answers."""
        told = self.upstream.ask("", "GET", f"/users/{quote(login)}")
        full: Row = told.body if told.is_good else {}
        return {name: full[name] for name in PERSON if name in full} or None


PERSON = (
    "login", "id", "node_id", "avatar_url", "gravatar_id", "url", "html_url", "followers_url", "following_url",
    "gists_url", "starred_url", "subscriptions_url", "organizations_url", "repos_url", "events_url",
    "received_events_url", "type", "site_admin",
)  # fmt: skip
