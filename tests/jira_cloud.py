"""A stateful Jira Cloud for tests: REST v3 with documents, search by token, an index that can lag."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import requests
import responses
from github_front import CUT, HANG, RESET, TRUNCATED
from github_wire import Answer
from jira_rules import Asked, JiraServer, Refusal, Row, encoded

SITE = "https://acme.atlassian.net"


class Cloud(JiraServer):
    """The server. `tokens_of_pages`: how a page names the next."""

    version = "3"
    user_key = "accountId"
    meta_types, meta_fields = "issueTypes", "fields"

    def reset(self) -> None:
        super().reset()
        self.issues: dict[str, Row] = {}
        self._numbers: dict[str, int] = {}
        self._last = 10_000

    @contextmanager
    def at_its_site(self) -> Iterator[str]:
        """The same server at the address of a Cloud site, for clients in this process."""
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            mock.add_passthru("http://127.0.0.1")
            for method in ("GET", "POST", "PUT", "DELETE"):
                mock.add_callback(method, _anything(), callback=self._mocked)
            yield SITE

    def _mocked(self, request: Any) -> Any:
        parts = urlsplit(request.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        raw = request.body.encode() if isinstance(request.body, str) else request.body or b""
        call, faults = self.open(request.method, path, {k.lower(): v for k, v in request.headers.items()}, raw)
        for fault in faults:
            told = self.attempt(call) if fault.moment == "after" else None
            call.fault = f"{fault.kind if isinstance(fault.kind, str) else 'status'} {fault.moment}"
            if isinstance(fault.kind, Answer):
                return fault.kind.status, fault.kind.headers, encoded(fault.kind.body)
            if fault.kind == TRUNCATED and told:
                return told.status, {}, encoded(told.body)[:-2]
            raise {HANG: requests.exceptions.ReadTimeout, RESET: requests.exceptions.ConnectionError,
                   CUT: requests.exceptions.ConnectionError}[fault.kind](fault.kind)  # fmt: skip
        told = self.attempt(call)
        call.status, call.answer = told.status, told.body
        from email.utils import formatdate

        date = {"Date": formatdate(self.clock.now(), usegmt=True), "Content-Type": "application/json"}
        return told.status, date | told.headers, encoded(told.body)

    def is_signed_in(self, call: Any, user: str) -> bool:
        return bool(call.headers.get("x-user") == f"{user}@example.com")

    def address(self, name: str) -> Row:
        return {"accountType": "atlassian"}

    def size(self, body: Any) -> int:
        return len(json.dumps(body, ensure_ascii=False, separators=(",", ":"))) if body else 0

    def faults(self, fields: Row) -> dict[str, str]:
        body = fields.get("description")
        wrong = body is not None and not (isinstance(body, dict) and body.get("type") == "doc" and is_document(body))
        bad = {"description": "Operation value must be an Atlassian Document"} if wrong else {}
        return super().faults(fields) | bad

    # -- issues ------------------------------------------------------------------------------------------

    def issue_keys(self, jql: str = "") -> list[str]:
        return list(self.issues)

    def row(self, key: str) -> Row:
        issue = self.issues[key]
        comments = issue["comments"]
        shown = [{k: v for k, v in c.items() if k != "properties"} for c in comments[:20]]
        links = [
            {
                **link,
                "outwardIssue": {"key": link["to"], "fields": {"status": self.issues[link["to"]]["fields"]["status"]}},
            }
            for link in issue["links"]
            if link["to"] in self.issues
        ]
        fields = {**issue["fields"], "comment": {"comments": shown, "total": len(comments)}, "issuelinks": links}
        return copy.deepcopy({"id": issue["id"], "key": key, "fields": fields})

    def properties(self, key: str) -> Row:
        held: Row = self.issues[key]["properties"]
        return held

    def histories(self, key: str) -> list[Row]:
        held: list[Row] = self.issues[key]["history"]
        return held

    def _create(self, user: str, update: Row) -> Row:
        project = self.checked(user, update).key
        self._numbers[project] = self._numbers.get(project, 0) + 1
        self._last += 1
        key, now, fields = f"{project}-{self._numbers[project]}", self.now(), update["fields"]
        held = {
            "labels": [], "priority": {"name": "Medium"}, "duedate": None, "assignee": None, "description": None,
            "resolution": None, "resolutiondate": None, "components": [], **fields,
            "status": self._status("To Do"), "creator": self.person(user), "created": now, "updated": now,
        }  # fmt: skip
        self._settle(held)
        properties = {p["key"]: p["value"] for p in update.get("properties") or ()}
        self.issues[key] = {
            "id": str(self._last), "fields": held, "properties": properties, "comments": [], "links": [], "history": [],
        }  # fmt: skip
        return {"id": str(self._last), "key": key, "self": f"{self.url}/rest/api/3/issue/{self._last}"}

    def _settle(self, held: Row) -> None:
        if isinstance(held.get("assignee"), dict):
            held["assignee"] = self.person(held["assignee"]["accountId"])

    def _status(self, name: str) -> Row:
        return {"name": name, "statusCategory": {"key": dict(self.states())[name]}}

    def _edit(self, asked: Asked, key: str) -> Answer:
        issue = self.issues[self.visible(asked, key)["key"]]
        self.need(asked.user, "EDIT_ISSUES", key.rpartition("-")[0])
        fields = asked.body.get("fields") or {}
        if faults := self.faults(fields):
            raise Refusal(400, **faults)
        issue["fields"] |= copy.deepcopy(fields)
        self.changed(asked.user, self.real(key), **dict.fromkeys(fields, ("before", "after")))
        self._settle(issue["fields"])
        issue["properties"] |= {p["key"]: p["value"] for p in asked.body.get("properties") or ()}
        if fields:
            issue["fields"]["updated"] = self.now()
        return Answer(204)

    def _search(self, asked: Asked) -> Row:
        start, most = int(asked.query.get("nextPageToken") or 0), int(asked.query.get("maxResults") or 50)
        rows = self._matching(asked)
        fresh = [i for i in asked.query.get("reconcileIssues", "").split(",") if i]
        if len(fresh) > 50:
            raise Refusal(400, "reconcileIssues takes 50 ids at most")
        if fresh and self.frozen is not None:
            test = self.evaluated(asked, asked.query["jql"])
            late = [k for k, i in self.issues.items() if i["id"] in fresh and k not in self.frozen]
            rows += [row for k in late if test(row := self.row(k))]
        page = rows[start : start + min(most, self.page_limit)]
        end = start + len(page)
        told = [self.trimmed(row, asked, default="id") for row in page]
        if not asked.query.get("fields"):
            told = [{"id": row["id"]} for row in page]
        return {"issues": told, "isLast": end >= len(rows)} | ({"nextPageToken": str(end)} if end < len(rows) else {})

    def _comments(self, asked: Asked, key: str) -> Row:
        held = self.issues[self.visible(asked, key)["key"]]["comments"]
        shows = "properties" in asked.query.get("expand", "")
        rows = [c if shows else {k: v for k, v in c.items() if k != "properties"} for c in held]
        return self.listed(asked, "comments", copy.deepcopy(rows))

    def _comment(self, asked: Asked, key: str) -> Answer:
        issue = self.issues[self.visible(asked, key)["key"]]
        self.need(asked.user, "ADD_COMMENTS", key.rpartition("-")[0])
        if not is_document(asked.body["body"]):
            raise Refusal(400, comment="Comment body is not valid!")
        self._last += 1
        now = self.now()
        made = {
            "id": str(self._last), "author": self.person(asked.user), "body": asked.body["body"], "created": now,
            "updated": now, "properties": asked.body.get("properties") or [],
        }  # fmt: skip
        issue["comments"].append(made)
        issue["fields"]["updated"] = now
        return Answer(201, made)

    def _rewrite(self, asked: Asked, key: str, comment: str) -> Row:
        issue = self.issues[self.visible(asked, key)["key"]]
        held = next((c for c in issue["comments"] if c["id"] == comment), None)
        if held is None:
            raise Refusal(404, "Can not find a comment for the id.")
        if held["author"] != self.person(asked.user):
            raise Refusal(400, "You do not have the permission to edit this comment.")
        if not is_document(asked.body["body"]):
            raise Refusal(400, comment="Comment body is not valid!")
        held |= {"body": asked.body["body"], "updated": self.now()}
        held |= {"properties": asked.body["properties"]} if asked.body.get("properties") else {}
        issue["fields"]["updated"] = self.now()
        return copy.deepcopy(held)

    def _attach(self, asked: Asked, key: str) -> list[Row]:
        issue = self.issues[self.visible(asked, key)["key"]]
        self.need(asked.user, "CREATE_ATTACHMENTS", key.rpartition("-")[0])
        made = []
        for name, data in asked.body:
            self._last += 1
            held = issue["fields"].setdefault("attachment", [])
            held.append({"id": str(self._last), "filename": name, "size": len(data), "author": self.person(asked.user)})
            made.append(held[-1])
        issue["fields"]["updated"] = self.now()
        return copy.deepcopy(made)

    def _transitions(self, asked: Asked, key: str) -> Row:
        issue = self.issues[self.visible(asked, key)["key"]]
        now = issue["fields"]["status"]["name"]
        offered = []
        if self.may(asked.user, "TRANSITION_ISSUES", key.rpartition("-")[0]):
            for at, (name, category) in enumerate(self.states()):
                if name != now and name in self.scheme.get(now, [name]):
                    shown = self._screen(category) if "fields" in asked.query.get("expand", "") else {}
                    to = {"name": name, "statusCategory": {"key": category}}
                    offered.append({"id": str(11 + 10 * at), "name": name, "to": to, **shown})
        return {"transitions": offered}

    def _screen(self, category: str) -> Row:
        if category != "done" or not self.workflow_resolutions:
            return {"fields": {}}
        values = [{"name": n} for n in self.workflow_resolutions]
        shown = {"name": "Resolution", "required": True, "hasDefaultValue": False, "allowedValues": values}
        return {"fields": {"resolution": shown}}

    def _transition(self, asked: Asked, key: str) -> Answer:
        offered = {t["id"]: t for t in self._transitions(asked, key)["transitions"]}
        wanted = offered.get(str(asked.body["transition"]["id"]))
        if wanted is None:
            raise Refusal(400, "It seems that you have tried to perform a workflow operation that is not valid.")
        fields = self.issues[self.real(key)]["fields"]
        given = (asked.body.get("fields") or {}).get("resolution")
        category = wanted["to"]["statusCategory"]["key"]
        if category == "done" and self.workflow_resolutions and not given:
            raise Refusal(400, resolution="Resolution is required.")
        before = dict(fields)
        fields |= {"status": wanted["to"], "updated": self.now()}
        closed = category == "done"
        fields["resolution"] = (given or {"name": "Done"}) if closed else None
        fields["resolutiondate"] = self.now() if closed else None
        self.moved(asked.user, self.real(key), before)
        return Answer(204)

    # -- by hand -----------------------------------------------------------------------------------------

    def held(self) -> Any:
        return copy.deepcopy((self.issues, self._numbers, self._last, self.aliases))

    def bring_back(self, held: Any) -> None:
        self.issues, self._numbers, self._last, self.aliases = copy.deepcopy(held)

    def set_property(self, key: str, name: str, value: Any) -> None:
        """Write a property; None removes it."""
        self.issues[key]["properties"].pop(name, None)
        if value is not None:
            self.issues[key]["properties"][name] = value

    def link(self, key: str, other: str) -> None:
        """Say that an issue duplicates another."""
        kind = {"name": "Duplicate", "inward": "is duplicated by", "outward": "duplicates"}
        self.issues[key]["links"].append({"type": kind, "to": other})
        self.issues[key]["fields"]["updated"] = self.now()

    def delete(self, key: str) -> None:
        """Delete an issue."""
        del self.issues[key]

    def move(self, key: str, project: str) -> str:
        """Move an issue to another project; its key there."""
        self._numbers[project] = self._numbers.get(project, 0) + 1
        new = f"{project}-{self._numbers[project]}"
        self.issues[new] = self.issues.pop(key)
        self.issues[new]["fields"] |= {"project": {"key": project}, "updated": self.now()}
        self.aliases = {k: new if v == key else v for k, v in self.aliases.items()} | {key: new}
        return new


@functools.cache
def _schema() -> Any:
    """Atlassian's own description of documents."""
    described = json.loads((Path(__file__).parent / "fixtures" / "adf-schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft4Validator(described)


def is_document(body: Any) -> bool:
    """Whether a body is a document as Atlassian describes it, without a text that says nothing."""
    return bool(_schema().is_valid(body))


def _anything() -> Any:
    import re

    return re.compile(rf"{SITE}/.*")
