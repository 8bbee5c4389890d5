"""What both emulated Jiras have in common: people and tokens, projects and their fields, JQL, and the front that logs.

`JiraServer` answers over loopback HTTP, each request written down and breakable as with the emulated GitHub.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from github_front import Call, Front, _Server
from github_wire import Answer, Clock
from werkzeug.formparser import parse_form_data

Row = dict[str, Any]
BOT = "triage-bot"
PEOPLE = (BOT, "former-bot", "octocat", "hubot", "maintainer", "next", "reader")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
WORK = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES", "ASSIGN_ISSUES",
        "ASSIGNABLE_USER", "CLOSE_ISSUES", "RESOLVE_ISSUES")  # fmt: skip
RESOLUTIONS = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce")
MOST = 32_767


class Refusal(Exception):
    """A refusal in Jira's words."""

    def __init__(self, status: int, *said: str, **fields: str) -> None:
        super().__init__(*said)
        self.status, self.body = status, {"errorMessages": list(said), "errors": fields}


@dataclass
class Project:
    """A project. `required`: custom fields that a new issue must have, by id; `hidden`: off the create screen;
    `fixed`: off the screen where issues are edited.
    """

    key: str
    issue_types: tuple[str, ...] = ("Bug", "Task")
    priorities: tuple[str, ...] = PRIORITIES
    components: tuple[str, ...] = ("dns", "web")
    required: dict[str, Row] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def fields(self) -> dict[str, Row]:
        """What the screen for new issues has."""

        def one(name: str, required: bool = False, kind: str = "string", **more: Any) -> Row:
            return {"name": name, "required": required, "hasDefaultValue": False, "schema": {"type": kind}, **more}

        named = [{"id": str(i), "name": name} for i, name in enumerate(self.components)]
        ranked = [{"id": str(i), "name": name} for i, name in enumerate(self.priorities)]
        made = {
            "summary": one("Summary", True), "project": one("Project", True), "issuetype": one("Issue Type", True),
            "description": one("Description"), "labels": one("Labels", kind="array"), "duedate": one("Due Date"),
            "priority": one("Priority", allowedValues=ranked), "assignee": one("Assignee", kind="user"),
            "components": one("Components", kind="array", allowedValues=named), **self.required,
        }  # fmt: skip
        return {name: each for name, each in made.items() if name not in self.hidden}


def custom(name: str, kind: str = "option", **more: Any) -> Row:
    """A required field of a project."""
    return {"name": name, "required": True, "hasDefaultValue": False, "schema": {"type": kind}, **more}


@dataclass
class Asked:
    """A request, taken apart."""

    user: str
    method: str
    path: str
    query: dict[str, str]
    body: Any


Handler = Callable[..., Any]


class JiraServer(Front):
    """The front and the rules. A subclass keeps issues, and says how its flavour spells them."""

    version = "2"
    user_key = "name"
    embeds_properties = False

    def __init__(self) -> None:
        self.patience = 10
        self.log: list[Call] = []
        self.troubles: list[str] = []
        self._lock = threading.Lock()
        self._turn = threading.RLock()
        self._faults, self._gates = [], []
        self.clock = Clock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.start()
        self.reset()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def start(self) -> None:
        """Start what is behind."""

    def stop(self) -> None:
        """End all of it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reset(self) -> None:
        """As on the first day."""
        with self._lock:
            self._faults.clear()
            self._gates.clear()
            self.log.clear()
            self.troubles.clear()
        self.clock.shift = 0
        self.tokens: dict[str, str] = {}
        self.projects = {key: Project(key) for key in ("NET", "OPS")}
        self.denied: dict[tuple[str, str], set[str]] = {
            ("reader", "*"): set(WORK) - {"BROWSE_PROJECTS", "ADD_COMMENTS"}
        }
        self.administrators = {BOT}
        self.workflow_resolutions: tuple[str, ...] = RESOLUTIONS
        self.scheme: dict[str, list[str]] = {}
        """Which states a state leads to; empty: all to all."""
        self.frozen: set[str] | None = None
        """The keys that the search index knows, while it lags."""
        self.aliases: dict[str, str] = {}
        self.page_limit = 100
        self.nameless: set[str] = set()
        """Whose changes name nobody any more: they were deleted, or had not signed in."""
        self.hides_changes = 0
        """The status with which the changelog is refused; 0: it is shown."""

    def keep(self) -> Callable[[], None]:
        """See `Front.keep`."""
        held = self.held()

        def back() -> None:
            with self._turn:
                self.bring_back(held)
            with self._lock:
                self._faults.clear()
                self._gates.clear()
                self.log.clear()

        return back

    def shift(self, seconds: float) -> None:
        """Have the server's clock that much ahead."""
        self.clock.shift = seconds

    def token(self, user: str = BOT) -> str:
        """A token that lets a client act as somebody."""
        made = secrets.token_hex(12)
        self.tokens[made] = user
        return made

    def _who(self, token: str) -> Any:
        return None

    def open(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> Any:
        """See `Front.open`; a basic sign-in holds the address before the token."""
        call, struck = super().open(method, path, headers, raw)
        scheme, _, said = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            call.headers["x-user"] = base64.b64decode(said).decode().partition(":")[0]
        return call, struck

    def now(self) -> str:
        """A time as Jira writes it."""
        at = datetime.fromtimestamp(self.clock.now(), UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"

    def freeze(self) -> None:
        """Have the index lag: what is filed from now on is not found by search."""
        self.frozen = set(self.issue_keys())

    def thaw(self) -> None:
        """Have the index catch up."""
        self.frozen = None

    # -- answering ---------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Answer:
        """What the server says to a request."""
        path, _, query = call.path.partition("?")
        user = self.tokens.get(call.token, "")
        if path.endswith("/serverInfo"):
            return Answer(200, {"deploymentType": "Cloud" if self.version == "3" else "Server", "version": "9.12.0"})
        if not user or not self.is_signed_in(call, user):
            return Answer(401, {"errorMessages": ["You are not authenticated."], "errors": {}})
        call.user = user
        asked = {name: ",".join(values) for name, values in parse_qs(query, keep_blank_values=True).items()}
        body = attached(call) if path.endswith("/attachments") else call.body
        with self._turn:
            return self.act(user, call.method, path, asked, body)

    def is_signed_in(self, call: Call, user: str) -> bool:
        """Whether the way of signing in is the flavour's."""
        return call.headers.get("authorization", "").lower().startswith("bearer ")

    def act(self, user: str, method: str, path: str, query: Row | None = None, body: Any = None) -> Answer:
        """Do something as somebody, by the same rules as a client and beside the log."""
        rest = path.removeprefix(f"/rest/api/{self.version}/")
        asked = Asked(user, method, rest, query or {}, body)
        try:
            if rest == path:
                raise Refusal(404, "no such resource")
            for pattern, handler in self.routes():
                if found := re.fullmatch(pattern, f"{method} {rest}"):
                    told = handler(asked, *found.groups())
                    return told if isinstance(told, Answer) else Answer(200, told)
            raise Refusal(404, f"no such resource: {method} {rest}")
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body)

    def do(self, user: str, method: str, rest: str, body: Any = None, **query: str) -> Any:
        """The same for tests: the body, or an assertion that fails."""
        told = self.act(user, method, f"/rest/api/{self.version}/{rest}", query, body)
        assert told.is_good, (told.status, told.body)
        return told.body

    def routes(self) -> Iterator[tuple[str, Handler]]:
        """Pattern of method and path, handler."""
        issue = r"issue/([A-Z][A-Z0-9_]*-\d+|\d+)"
        yield "GET myself", self._myself
        yield r"GET issue/createmeta/(\w+)/issuetypes", self._types
        yield r"GET issue/createmeta/(\w+)/issuetypes/(\w+)", self._meta
        yield "GET user/assignable/search", self._assignable
        yield "GET user/permission/search", self._permitted
        yield "GET mypermissions", self._mypermissions
        yield "GET priority", lambda _: [{"id": str(i), "name": n} for i, n in enumerate(PRIORITIES)]
        yield r"GET project/(\w+)", self._project
        yield r"GET project/(\w+)/statuses", self._statuses
        yield "POST issue/bulk", self._bulk
        yield "POST issue", lambda asked: Answer(201, self._create(asked.user, asked.body))
        yield "GET search(?:/jql)?", self._search
        yield rf"GET {issue}", self._issue
        yield rf"PUT {issue}", self._edit
        yield rf"GET {issue}/properties/(\w+)", self._property
        yield rf"GET {issue}/changelog", self._changelog
        yield rf"GET {issue}/comment", self._comments
        yield rf"POST {issue}/comment", self._comment
        yield rf"PUT {issue}/comment/(\d+)", self._rewrite
        yield rf"POST {issue}/attachments", self._attach
        yield rf"GET {issue}/transitions", self._transitions
        yield rf"POST {issue}/transitions", self._transition

    def may(self, user: str, permission: str, project: str) -> bool:
        """Whether somebody holds a permission there."""
        return not any(permission in self.denied.get((user, p), ()) for p in (project, "*"))

    def need(self, user: str, permission: str, project: str, status: int = 403) -> None:
        """Refuse who may not."""
        if not self.may(user, permission, project):
            raise Refusal(status, f"You do not have the permission {permission} in {project}.")

    def person(self, name: str) -> Row:
        """A user as Jira shows them; Cloud hides addresses."""
        return {self.user_key: name, "displayName": name.title(), "active": True, **self.address(name)}

    def address(self, name: str) -> Row:
        """Their e-mail address, where it is shown."""
        return {"emailAddress": f"{name}@example.com", "key": name}

    def _myself(self, asked: Asked) -> Row:
        return self.person(asked.user)

    def project(self, asked: Asked, key: str, status: int = 404) -> Project:
        """A project that the client may see."""
        if key not in self.projects or not self.may(asked.user, "BROWSE_PROJECTS", key):
            raise Refusal(status, f"No project could be found with key '{key}'.")
        return self.projects[key]

    def _project(self, asked: Asked, key: str) -> Row:
        return {"key": self.project(asked, key).key, "name": key}

    def _statuses(self, asked: Asked, key: str) -> list[Row]:
        project = self.project(asked, key)
        states = [{"name": n, "statusCategory": {"key": c}} for n, c in self.states()]
        return [{"name": name, "statuses": states} for name in project.issue_types]

    def states(self) -> list[tuple[str, str]]:
        """All states, with their categories."""
        return [("To Do", "new"), ("In Progress", "indeterminate"), ("Done", "done")]

    def listed(self, asked: Asked, name: str, rows: list[Row]) -> Row:
        """A page of a list by offset."""
        start, most = int(asked.query.get("startAt") or 0), int(asked.query.get("maxResults") or 50)
        most = min(most, self.page_limit)
        return {name: rows[start : start + most], "startAt": start, "maxResults": most, "total": len(rows)}

    def _types(self, asked: Asked, key: str) -> Row:
        self.project(asked, key)
        self.need(asked.user, "CREATE_ISSUES", key)
        types = [{"id": str(i + 1), "name": n, "subtask": False} for i, n in enumerate(self.projects[key].issue_types)]
        return self.listed(asked, self.meta_types, types)

    def _meta(self, asked: Asked, key: str, type_id: str) -> Row:
        self.project(asked, key)
        fields = [{"fieldId": i, "key": i, **f} for i, f in self.projects[key].fields().items()]
        return self.listed(asked, self.meta_fields, fields)

    meta_types, meta_fields = "values", "values"

    def _found(self, query: Row) -> list[str]:
        wanted = (query.get("username") or query.get("query") or query.get("accountId") or "").lower()
        return [n for n in PEOPLE if wanted in (n, f"{n}@example.com")] if wanted else list(PEOPLE)

    def _assignable(self, asked: Asked) -> list[Row]:
        key = asked.query.get("project") or self.real(asked.query.get("issueKey", "")).rpartition("-")[0]
        self.project(asked, key)
        return [self.person(n) for n in self._found(asked.query) if self.may(n, "ASSIGNABLE_USER", key)]

    def _permitted(self, asked: Asked) -> list[Row]:
        if asked.user not in self.administrators:
            raise Refusal(403, "Only administrators may ask.")
        key = self.real(asked.query["issueKey"]).rpartition("-")[0]
        return [self.person(n) for n in self._found(asked.query) if self.may(n, asked.query["permissions"], key)]

    def _mypermissions(self, asked: Asked) -> Row:
        self.project(asked, asked.query["projectKey"])
        names = asked.query.get("permissions", ",".join(WORK)).split(",")
        held = {n: {"key": n, "havePermission": self.may(asked.user, n, asked.query["projectKey"])} for n in names}
        return {"permissions": held}

    # -- issues ------------------------------------------------------------------------------------------

    def checked(self, user: str, update: Row) -> Project:
        """The project of a new issue that is right; else Jira's refusal, with the fields at fault."""
        fields = update.get("fields") or {}
        key = (fields.get("project") or {}).get("key", "")
        if key not in self.projects or not self.may(user, "CREATE_ISSUES", key):
            raise Refusal(400, project="valid project is required")
        project = self.projects[key]
        faults = {i: f"{f['name']} is required." for i, f in project.fields().items() if f["required"]
                  and not fields.get(i)}  # fmt: skip
        for name, value in fields.items():
            if name not in project.fields():
                faults[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            elif name == "assignee" and value and not self.may(user, "ASSIGN_ISSUES", key):
                faults[name] = "Field 'assignee' cannot be set. You do not have the permission."
            elif name == "priority" and value["name"] not in project.priorities:
                faults[name] = "Priority name is not valid"
            elif name == "components" and any(c["name"] not in project.components for c in value):
                faults[name] = f"Component name '{value[0]['name']}' is not valid"
        faults |= self.faults(fields)
        if faults:
            raise Refusal(400, **faults)
        return project

    def faults(self, fields: Row) -> dict[str, str]:
        """What is wrong with the values that every issue has."""
        faults = {}
        if any(" " in label for label in fields.get("labels") or ()):
            faults["labels"] = "The label contains spaces which is invalid."
        if len(str(fields.get("summary") or "")) > 255 or "\n" in str(fields.get("summary") or ""):
            faults["summary"] = "Summary must be a line of less than 255 characters."
        if self.size(fields.get("description")) > MOST:
            faults["description"] = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
        return faults

    def size(self, body: Any) -> int:
        """What counts against the limit."""
        return len(body or "")

    def _bulk(self, asked: Asked) -> Answer:
        made, errors = [], []
        updates = asked.body["issueUpdates"]
        if len(updates) > 50:
            raise Refusal(400, "Too many issues, at most 50 can be created in bulk.")
        for at, update in enumerate(updates):
            try:
                made.append(self._create(asked.user, update))
            except Refusal as refusal:
                errors.append({"status": refusal.status, "elementErrors": refusal.body, "failedElementNumber": at})
        return Answer(201 if made else 400, {"issues": made, "errors": errors})

    def real(self, key: str) -> str:
        """The key of an issue that was moved."""
        return self.aliases.get(key, key)

    def evaluated(self, asked: Asked, jql: str) -> Callable[[Row], bool]:
        """A JQL query as a test of issues."""
        text, _, order = jql.partition(" ORDER BY ")
        if order not in ("", "key ASC"):
            raise Refusal(400, f"Error in the JQL Query: cannot order by {order}")
        return Jql(self, asked, text).parsed()

    def _matching(self, asked: Asked) -> list[Row]:
        test = self.evaluated(asked, asked.query["jql"])
        keys = [k for k in self.issue_keys(asked.query["jql"]) if self.frozen is None or k in self.frozen]
        visible = [k for k in keys if self.may(asked.user, "BROWSE_PROJECTS", k.rpartition("-")[0])]
        rows = [row for k in visible if test(row := self.row(k))]
        return sorted(rows, key=lambda row: (row["key"].rpartition("-")[0], int(row["key"].rpartition("-")[2])))

    def trimmed(self, row: Row, asked: Asked, default: str = "") -> Row:
        """An issue with the fields and properties that were asked for."""
        names = [n for n in asked.query.get("fields", default).split(",") if n]
        kept = {k: v for k, v in row["fields"].items() if not names or k in names}
        told = {"id": row["id"], "key": row["key"], "self": f"{self.url}/rest/{row['id']}", "fields": kept}
        if "properties" in asked.query:
            wanted = asked.query["properties"].split(",")
            told["properties"] = {k: v for k, v in self.properties(row["key"]).items() if k in wanted}
        return told

    def _issue(self, asked: Asked, key: str) -> Row:
        told = self.trimmed(row := self.visible(asked, key), asked)
        if asked.query.get("expand") == "changelog":
            shown = self._changes(asked, row["key"])
            told["changelog"] = {
                "startAt": 0,
                "maxResults": len(shown),
                "total": len(shown),
                "histories": self.order(shown),
            }
        if asked.query.get("expand") == "editmeta":
            project = self.projects[row["fields"]["project"]["key"]]
            shown = {name: each for name, each in project.fields().items() if name not in project.fixed}
            told["editmeta"] = {"fields": shown}
        return told

    def _changelog(self, asked: Asked, key: str) -> Row:
        """Cloud tells it in pages, the oldest first; Data Center has no such address."""
        if self.version == "2":
            raise Refusal(404, "no such resource")
        return self.listed(asked, "values", self._changes(asked, self.visible(asked, key)["key"]))

    def _changes(self, asked: Asked, key: str) -> list[Row]:
        if self.hides_changes:
            raise Refusal(self.hides_changes, "You do not have the permission to see the changes.")
        told = copy.deepcopy(self.histories(key))
        for history in told:
            if history["author"][self.user_key] in self.nameless:
                del history["author"]
        return told

    def order(self, histories: list[Row]) -> list[Row]:
        """As the changelog stands in an issue."""
        return histories if self.version == "2" else histories[::-1][:100]

    def changed(self, user: str, key: str, **to: tuple[str | None, str | None]) -> None:
        """Note what somebody changed: from and to, by field."""
        items = [
            {"field": name, "fieldtype": "jira", "from": old, "fromString": old, "to": new, "toString": new}
            for name, (old, new) in to.items() if old != new
        ]  # fmt: skip
        if items:
            held = self.histories(key)
            told = {"id": f"{len(held) + 1}", "author": self.person(user), "created": self.now(), "items": items}
            held.append(told)

    def moved(self, user: str, key: str, before: Row) -> None:
        """Note a transition, from what the fields were `before`."""
        now = self.row(key)["fields"]
        self.changed(user, key, **{n: (_named(before.get(n)), _named(now.get(n))) for n in ("resolution", "status")})

    def visible(self, asked: Asked, key: str) -> Row:
        """An issue that the client may see."""
        real = self.real(key)
        if real not in self.issue_keys() or not self.may(asked.user, "BROWSE_PROJECTS", real.rpartition("-")[0]):
            raise Refusal(404, "Issue does not exist or you do not have permission to see it.")
        return self.row(real)

    def _property(self, asked: Asked, key: str, name: str) -> Row:
        held = self.properties(self.visible(asked, key)["key"])
        if name not in held:
            raise Refusal(404, f"The property '{name}' does not exist.")
        return {"key": name, "value": held[name]}

    # A subclass keeps these.

    def held(self) -> Any:
        """All issues, apart from what becomes of them."""
        raise NotImplementedError

    def bring_back(self, held: Any) -> None:
        """Have them again as they were."""
        raise NotImplementedError

    def issue_keys(self, jql: str = "") -> list[str]:
        raise NotImplementedError

    def row(self, key: str) -> Row:
        raise NotImplementedError

    def histories(self, key: str) -> list[Row]:
        raise NotImplementedError

    def properties(self, key: str) -> Row:
        raise NotImplementedError

    def _create(self, user: str, update: Row) -> Row:
        raise NotImplementedError

    def _edit(self, asked: Asked, key: str) -> Answer:
        raise NotImplementedError

    def _search(self, asked: Asked) -> Row:
        raise NotImplementedError

    def _comments(self, asked: Asked, key: str) -> Row:
        raise NotImplementedError

    def _comment(self, asked: Asked, key: str) -> Answer:
        raise NotImplementedError

    def _rewrite(self, asked: Asked, key: str, comment: str) -> Row:
        raise NotImplementedError

    def _attach(self, asked: Asked, key: str) -> list[Row]:
        raise NotImplementedError

    def _transitions(self, asked: Asked, key: str) -> Row:
        raise NotImplementedError

    def _transition(self, asked: Asked, key: str) -> Answer:
        raise NotImplementedError


class Jql:
    """As much of JQL as is sent; everything else is refused, as Jira refuses what it does not understand."""

    _TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|>=|=|[(),]|[A-Za-z]+(?:\(\))?)')

    def __init__(self, server: JiraServer, asked: Asked, text: str) -> None:
        self.server, self.asked, self.tokens = server, asked, []
        at = 0
        while at < len(text.rstrip()):
            found = self._TOKEN.match(text, at)
            if not found:
                raise Refusal(400, f"Error in the JQL Query: {text[at:]!r}")
            self.tokens.append(found[1])
            at = found.end()

    def parsed(self) -> Callable[[Row], bool]:
        test = self._any()
        if self.tokens:
            raise Refusal(400, f"Error in the JQL Query: expecting nothing, got {self.tokens[0]!r}")
        return test

    def _next(self, *wanted: str) -> str:
        got = self.tokens.pop(0) if self.tokens else ""
        if wanted and got not in wanted:
            raise Refusal(400, f"Error in the JQL Query: expecting {wanted}, got {got!r}")
        return got

    def _any(self) -> Callable[[Row], bool]:
        tests = [self._all()]
        while self.tokens[:1] == ["OR"]:
            self._next()
            tests.append(self._all())
        return lambda row: any(test(row) for test in tests)

    def _all(self) -> Callable[[Row], bool]:
        tests = [self._clause()]
        while self.tokens[:1] == ["AND"]:
            self._next()
            tests.append(self._clause())
        return lambda row: all(test(row) for test in tests)

    def _clause(self) -> Callable[[Row], bool]:
        name = self._next()
        if name == "(":
            test = self._any()
            self._next(")")
            return test
        operator = self._next("=", "in", ">=")
        if operator == "in":
            values = [self._value(self._next("(") and self._next())]
            while self._next(",", ")") == ",":
                values.append(self._value(self._next()))
        else:
            values = [self._next()]
        return self._test(name, operator, values)

    @staticmethod
    def _value(token: str) -> str:
        if not token.startswith('"'):
            raise Refusal(400, f"Error in the JQL Query: {token!r} must be quoted")
        return re.sub(r"\\(.)", r"\1", token[1:-1])

    def _test(self, name: str, operator: str, values: list[str]) -> Callable[[Row], bool]:
        if name == "labels":
            wanted = {v if operator == "in" else self._value(v) for v in values}
            return lambda row: bool(wanted & set(row["fields"]["labels"]))
        if name == "project" and operator == "=":
            key = self._value(values[0])
            if key not in self.server.projects or not self.server.may(self.asked.user, "BROWSE_PROJECTS", key):
                raise Refusal(400, f"The value '{key}' does not exist for the field 'project'.")
            return lambda row: bool(row["fields"]["project"]["key"] == key)
        if name == "creator" and values == ["currentUser()"]:
            return lambda row: bool(row["fields"]["creator"][self.server.user_key] == self.asked.user)
        if name == "updated" and operator == ">=":
            minutes = re.fullmatch(r"-(\d+)m", self._value(values[0]))
            if minutes:
                # Jira compares whole minutes.
                least = (self.server.clock.now() // 60 - int(minutes[1])) * 60
                return lambda row: _seconds(row["fields"]["updated"]) >= least
        raise Refusal(400, f"Error in the JQL Query: {name} {operator} {values} is not understood")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("+0000", "+00:00")).timestamp()


def _named(value: Row | None) -> str | None:
    return value["name"] if value else None


def attached(call: Call) -> list[tuple[str, bytes]]:
    """The files of a multipart request; Jira takes none that does not carry its token."""
    if call.headers.get("x-atlassian-token") != "no-check":
        raise AssertionError("XSRF check failed")
    environ = {
        "CONTENT_TYPE": call.headers["content-type"], "CONTENT_LENGTH": str(len(call.raw)), "REQUEST_METHOD": "POST",
        "wsgi.input": io.BytesIO(call.raw),
    }  # fmt: skip
    _, _, files = parse_form_data(environ)
    told = [(str(f.filename), f.read()) for f in files.getlist("file")]
    for file in files.getlist("file"):
        file.close()
    return told


def encoded(body: Any) -> bytes:
    """A body as it goes over the wire."""
    return b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
