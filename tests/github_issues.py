"""Issues, labels and assignees as GitHub has them, on top of what the emulator does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import github_checks as checks
from github_rules import ADMIN_RIGHTS, LEVELS, PERSON, Doing, Repository, Row, Rules, route
from github_wire import Answer, Request, invalid, refuse

PRIVILEGED = ("labels", "assignees", "assignee", "milestone", "type")
"""What only those with push access can set; dropped in silence otherwise."""


class Issues:
    """What is done with issues. `install` puts it in place."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def install(self) -> None:
        """Have the rules answer with what is here."""
        issue = "/issues/*"
        self.rules.install(
            route("GET", "", self.repository),
            route("GET", "/collaborators/*/permission", self.permission),
            route("GET", "/assignees/*", self.assignee),
            route("GET", "/assignees", self.all_assignees),
            route("GET", "/issues", self.listed),
            route("POST", "/issues", self.create),
            route("GET", issue, self.get),
            route("PATCH", issue, self.edit),
            route("GET", f"{issue}/events", self.events),
            route("GET", f"{issue}/timeline", self.events),
            route("PUT", f"{issue}/lock", self.lock),
            route("DELETE", f"{issue}/lock", self.needs("write")),
            route("POST", f"{issue}/labels", self.set_labels),
            route("PUT", f"{issue}/labels", self.set_labels),
            route("DELETE", f"{issue}/labels/**", self.remove_label),
            route("DELETE", f"{issue}/labels", self.needs("triage")),
            route("POST", f"{issue}/assignees", self.assign),
            route("DELETE", f"{issue}/assignees", self.assign),
            route("POST", "/labels", self.define_label),
            route("GET", "/labels/**", self.label("read")),
            route("PATCH", "/labels/**", self.define_label),
            route("DELETE", "/labels/**", self.label("write")),
        )

    def needs(self, level: str) -> Doing:
        """As the emulator does, for those who may."""
        return lambda request, repo: self.rules.forward(request) if repo.allows(level) else refuse(403, ADMIN_RIGHTS)

    # Repositories and people

    def repository(self, request: Request, repo: Repository) -> Answer:
        """The repository, with what the asking one may do there."""
        told = self.rules.forward(request)
        names = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
        allowed = {name: repo.allows(level) for name, level in names.items()}
        if not told.is_good:
            return told
        owner = told.body["owner"]
        owner |= {name: f"{owner['url']}/{name.removesuffix('_url')}" for name in PERSON if name not in owner}
        since = told.body["pushed_at"] or told.body["created_at"]
        counts = {"network_count": 0, "subscribers_count": 0, "pushed_at": since}
        return replace(told, body=told.body | counts | {"permissions": allowed, "owner": owner})

    def permission(self, request: Request, repo: Repository) -> Answer:
        """What somebody may do."""
        if not repo.allows("write"):
            return refuse(403, "Must have push access to view collaborator permission.")
        user = self.rules.person(repo.parts[0])
        if user is None:
            return refuse(404, f"{repo.parts[0]} is not a user")
        level = self.rules.level_of(repo.parts[0], repo.row)
        coarse = {"maintain": "write", "triage": "read"}.get(level, level)
        allowed = {name: LEVELS.index(level) >= at for at, name in enumerate(("pull", "triage", "push"), 1)}
        allowed |= {"maintain": level in ("maintain", "admin"), "admin": level == "admin"}
        return Answer(
            200, {"permission": coarse, "role_name": level, "user": user | {"role_name": level, "permissions": allowed}}
        )

    def assignee(self, request: Request, repo: Repository) -> Answer:
        """Can somebody be assigned?"""
        return Answer(204) if self._can_be_assigned(repo.parts[0], repo) else refuse(404, "Not Found")

    def all_assignees(self, request: Request, repo: Repository) -> Answer:
        """Everybody who can be assigned."""
        users = self.rules.look(repo.name.split("/")[0], "/users").body
        logins = [user["login"] for user in users if self._can_be_assigned(user["login"], repo)]
        return Answer(200, [self.rules.person(login) for login in logins])

    def _can_be_assigned(self, login: str, repo: Repository) -> bool:
        return self.rules.level_of(login, repo.row) in LEVELS[LEVELS.index("write") :]

    # Issues

    def listed(self, request: Request, repo: Repository) -> Answer:
        """A page of issues."""
        if request.query.get("state", "open") not in {"open", "closed", "all"}:
            return invalid(checks.fault("state", "invalid"))
        changed = {"since": checks.since(request.query["since"])} if request.query.get("since") else {}
        if wanted := request.query.get("labels"):
            changed["labels"] = ",".join(self._known(wanted.split(","), repo))
        told = self.rules.forward(request, **changed)
        return replace(told, body=[self._shaped(row, listed=True) for row in told.body]) if told.is_good else told

    def get(self, request: Request, repo: Repository) -> Answer:
        """One issue."""
        return self._one(self.rules.forward(request))

    def create(self, request: Request, repo: Repository) -> Answer:
        """A new issue."""
        body: Row = dict(request.body or {})
        if refused := checks.issue(body, is_new=True):
            return refused
        return self._write(request, repo, body, may_set=repo.allows("triage"))

    def edit(self, request: Request, repo: Repository) -> Answer:
        """Changes of an issue."""
        body: Row = dict(request.body or {})
        before = self.rules.look(repo.name.split("/")[0], request.path)
        if not before.is_good:
            return refuse(404, "Not Found")
        if not repo.allows("triage") and before.body["user"]["login"] != request.who.login:
            return refuse(403, ADMIN_RIGHTS)
        if refused := checks.issue(body, is_new=False):
            return refused
        if "state" not in body:
            body.pop("state_reason", None)
        return self._write(request, repo, body, may_set=repo.allows("triage"))

    def _write(self, request: Request, repo: Repository, body: Row, *, may_set: bool) -> Answer:
        body = {name: value for name, value in body.items() if may_set or name not in PRIVILEGED}
        kind = checks.unwrapped(body.pop("type", ...), "value")
        if kind not in (..., None, *checks.TYPES) and repo.row["owner"]["type"] == "Organization":
            return invalid(checks.fault("type", "invalid", value=kind))
        refused = self._names(body, repo)
        if refused:
            return refused
        as_duplicate = body.get("state") == "closed" and body.get("state_reason") == "duplicate"
        other = body.pop("duplicate_issue_id", None)
        told = self.rules.forward(request, body | ({"state_reason": "not_planned"} if as_duplicate else {}))
        if told.is_good:
            self._remember(told.body["id"], repo, kind, body, other if as_duplicate else ...)
        return self._one(told)

    def _names(self, body: Row, repo: Repository) -> Answer | None:
        """Put labels and assignees as the emulator takes them, or refuse them."""
        if "labels" in body:
            given = [checks.unwrapped(label, "name") for label in body["labels"]]
            if refused := checks.labels(given):
                return refused
            body["labels"] = self._known(given, repo)
        one = body.pop("assignee", ...)
        if one is not ... and not body.get("assignees"):
            body["assignees"] = [one] if one else []
        if "assignees" in body:
            logins = list(dict.fromkeys(checks.unwrapped(each, "login") for each in body["assignees"]))
            wrong = [login for login in logins if not self._can_be_assigned(login, repo)]
            if wrong and not self.rules.drops_unassignable:
                return invalid(*(checks.fault("assignees", "invalid", value=login) for login in wrong))
            body["assignees"] = [login for login in logins if login not in wrong]
        return None

    def _remember(self, issue: int, repo: Repository, kind: Any, body: Row, other: Any) -> None:
        rules = self.rules
        if kind is not ... and repo.row["owner"]["type"] == "Organization":
            rules.types.pop(issue, None)
            rules.types |= {issue: kind} if kind else {}
        if other is not ...:
            rules.duplicates[issue] = other
        elif "state" in body:
            rules.duplicates.pop(issue, None)

    def _one(self, told: Answer) -> Answer:
        return replace(told, body=self._shaped(told.body)) if told.is_good else told

    def _shaped(self, row: Row, *, listed: bool = False) -> Row:
        """An issue with what the emulator does not know of it."""
        rules, key = self.rules, row["id"]
        shaped = row | {"type": _type(rules.types.get(key)), "reactions": rules.summary("issues", row)}
        if key in rules.duplicates:
            shaped["state_reason"] = "duplicate"
        if key in rules.locked_without_reason:
            shaped["active_lock_reason"] = None
        if key in rules.pulls:
            url = row["url"].replace("/issues/", "/pulls/")
            shaped["pull_request"] = {"url": url, "html_url": row["html_url"].replace("/issues/", "/pull/")}
        if listed and not rules.lists_closed_by:
            shaped.pop("closed_by")
        return shaped

    def events(self, request: Request, repo: Repository) -> Answer:
        """What happened to an issue; to be filed or edited is no event."""
        told = self.rules.forward(request)
        if not told.is_good:
            return told
        rows = [row for row in told.body if row["event"] not in {"opened", "edited"}]
        return replace(told, body=[{name: row[name] for name in row if _is_told(name, row)} for row in rows])

    def lock(self, request: Request, repo: Repository) -> Answer:
        """Close a conversation."""
        reason = (request.body or {}).get("lock_reason")
        if not repo.allows("write"):
            return refuse(403, ADMIN_RIGHTS)
        if reason not in checks.LOCK_REASONS:
            return invalid(checks.fault("lock_reason", "invalid", value=reason))
        told = self.rules.forward(request, {"lock_reason": reason} if reason else {})
        if told.is_good:
            row = self.rules.look(repo.name.split("/")[0], request.path.removesuffix("/lock")).body
            (self.rules.locked_without_reason.discard if reason else self.rules.locked_without_reason.add)(row["id"])
        return told

    # Labels and assignees

    def _known(self, names: Any, repo: Repository) -> Any:
        """The labels as the repository spells them: GitHub does not tell their case apart."""
        there = self._labels(repo)
        spelt = {name.lower(): name for name in there}
        return list(dict.fromkeys(spelt.get(name.strip().lower(), name.strip()) for name in names))

    def _labels(self, repo: Repository) -> Any:
        names: list[str] = []
        owner = repo.name.split("/")[0]
        for page in range(1, 100):
            keeper = self.rules.keeper(owner)
            told = self.rules.upstream.ask(keeper, "GET", f"{repo.path}/labels?per_page=100&page={page}")
            names += [row["name"] for row in told.body]
            if "Link" not in told.headers or 'rel="next"' not in told.headers["Link"]:
                break
        return names

    def set_labels(self, request: Request, repo: Repository) -> Answer:
        """Add labels, or set them."""
        if not repo.allows("triage"):
            return refuse(403, ADMIN_RIGHTS)
        body = request.body
        given = body if isinstance(body, list) else (body or {}).get("labels", [])
        names = [checks.unwrapped(label, "name") for label in given]
        return checks.labels(names) or self.rules.forward(request, {"labels": self._known(names, repo)})

    def remove_label(self, request: Request, repo: Repository) -> Answer:
        """One label less."""
        if not repo.allows("triage"):
            return refuse(403, ADMIN_RIGHTS)
        told = self.rules.forward(self._by_spelling(request, repo))
        return refuse(404, "Label does not exist") if told.status == 404 else told

    def label(self, level: str) -> Doing:
        """A label by its name, which may hold slashes."""
        return lambda request, repo: self.needs(level)(self._by_spelling(request, repo), repo)

    def _by_spelling(self, request: Request, repo: Repository) -> Request:
        before = repo.rest.partition("/labels/")[0]
        name = self._known([repo.parts[-1]], repo)[0]
        return replace(request, path=f"{repo.path}{before}/labels/{checks.segment(name)}")

    def define_label(self, request: Request, repo: Repository) -> Answer:
        """A label of the repository, new or changed."""
        if not repo.allows("write"):
            return refuse(403, ADMIN_RIGHTS)
        taken = [name for name in self._labels(repo) if not repo.parts or name.lower() != repo.parts[0].lower()]
        body: Row = dict(request.body or {})
        if repo.parts:
            body = {"new_name": body.pop("name", repo.parts[0])} | body
            request = self._by_spelling(request, repo)
        return checks.label(body, taken) or self.rules.forward(request, body)

    def assign(self, request: Request, repo: Repository) -> Answer:
        """Add or remove assignees; those who cannot be assigned are passed over."""
        given = (request.body or {}).get("assignees", [])
        logins = [login for login in given if repo.allows("triage") and self._can_be_assigned(login, repo)]
        there = self.rules.look(repo.name.split("/")[0], request.path.removesuffix("/assignees"))
        if not there.is_good:
            return refuse(404, "Not Found")
        room = checks.ASSIGNEES - len(there.body["assignees"])
        told = self._one(self.rules.forward(request, {"assignees": logins[:room]}))
        return replace(told, status=201) if told.is_good and request.method == "POST" else told


def _is_told(name: str, event: Row) -> bool:
    return event[name] is not None or name in {"actor", "commit_id", "commit_url"}


def _type(name: str | None) -> Row | None:
    if name is None:
        return None
    number = checks.TYPES.index(name) + 1
    told = {"id": number, "node_id": f"IT_{number}", "name": name, "description": None, "color": "gray"}
    at = "2026-01-01T00:00:00Z"
    return told | {"created_at": at, "updated_at": at, "is_enabled": True}
