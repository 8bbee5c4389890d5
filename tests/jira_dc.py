"""Jira Data Center for tests: `jira820` behind our front, which adds what it lacks.

The emulator files, edits, searches, comments on and transitions the issues. Ours: sign-in, several projects,
permissions, bulk, properties, metadata of new issues, exact times, moves, a lagging index.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Any

import requests
import uvicorn
from github_wire import Answer
from jira820 import make_app
from jira820.config import Config
from jira820.store import Store
from jira_rules import PEOPLE, PRIORITIES, Asked, JiraServer, Refusal, Row

_DONE = ["resolution", "comment?"]


class ManyProjects(Store):
    """The emulator's store, with projects that have no issue yet."""

    served: tuple[str, ...] = ()

    def project_keys(self) -> set[str]:
        return {*super().project_keys(), *self.served}


class DataCenter(JiraServer):
    """The server."""

    def start(self) -> None:
        self._serving: Any = None
        self._session = requests.Session()

    def reset(self) -> None:
        super().reset()
        config = Config()
        config.project_key = "NONE"
        config.priorities = [(name, str(i + 1)) for i, name in enumerate(PRIORITIES)]
        config.transition_screens = {"Done": _DONE}
        config.modules, config.components_extra = ["dns", "web"], ["theirs"]
        self.store = ManyProjects(config, seed=False)
        self.store.users = {name: {"name": name, "displayName": name.title()} for name in PEOPLE}
        self.store.served = tuple(self.projects)
        self._more: dict[str, Row] = {}
        self._ids = 10_000
        if self._serving is None:
            self._app = make_app(self.store)
            self._serving = _serve(self._app)
        self._app.state.store = self.store

    def stop(self) -> None:
        super().stop()
        server, thread, _ = self._serving
        server.should_exit = True
        thread.join()
        self._session.close()

    def _ask(self, method: str, rest: str, body: Any = None, **query: Any) -> Any:
        """The emulator's answer."""
        self.store.workflow.RESOLUTIONS = [(str(i), n) for i, n in enumerate(self.workflow_resolutions)]
        self.store.config.transition_screens = {"Done": _DONE if self.workflow_resolutions else []}
        self.store.workflow.scheme = {k: list(v) for k, v in self.scheme.items()}
        self.store.served = tuple(self.projects)
        told = self._session.request(
            method, f"{self._serving[2]}/rest/api/2/{rest}", params=query, json=body, timeout=10
        )
        if told.status_code >= 400:
            held = told.json()
            raise Refusal(told.status_code, *held.get("errorMessages", ()), **held.get("errors", {}))
        return told.json() if told.content else None

    def states(self) -> list[tuple[str, str]]:
        names = {"todo": "new", "inprogress": "indeterminate", "done": "done"}
        return [(name, names[category]) for name, category, _ in self.store.config.statuses]

    # -- issues ------------------------------------------------------------------------------------------

    def issue_keys(self, jql: str = "") -> list[str]:
        if not jql:
            return list(self.store.issues)
        return [i["key"] for i in self._ask("GET", "search", jql=jql, maxResults=100_000, fields="key")["issues"]]

    def row(self, key: str) -> Row:
        told: Row = self._ask("GET", f"issue/{key}")
        more = self._more[key]
        comments = [self._commented(key, c) for c in self._raw_comments(key)]
        for comment in comments:
            comment.pop("properties")
        told["id"] = more["id"]
        told["fields"] |= {
            **more["fields"], "comment": {"comments": comments, "total": len(comments)},
            "project": {"key": key.rpartition("-")[0]},
        }  # fmt: skip
        return told

    def _raw_comments(self, key: str) -> list[Row]:
        held = self._ask("GET", f"issue/{key}/comment", maxResults=100_000)["comments"]
        return sorted(held, key=lambda c: int(c["id"]))

    def _commented(self, key: str, comment: Row) -> Row:
        return {**comment, **self._more[key]["comments"][comment["id"]]}

    def properties(self, key: str) -> Row:
        held: Row = self._more[key]["properties"]
        return held

    def histories(self, key: str) -> list[Row]:
        held: list[Row] = self._more[key]["history"]
        return held

    def trimmed(self, row: Row, asked: Asked, default: str = "") -> Row:
        told = super().trimmed(row, asked, default)
        if asked.path.startswith("search"):
            told.pop("properties", None)
        return told

    def _touch(self, key: str, **fields: Any) -> None:
        self._more[key]["fields"] |= {"updated": self.now(), **fields}

    def _create(self, user: str, update: Row) -> Row:
        self.checked(user, update)
        made: Row = self._ask("POST", "issue", {"fields": update["fields"]})
        self._ids += 1
        now = self.now()
        self._more[made["key"]] = {
            "id": str(self._ids), "properties": {p["key"]: p["value"] for p in update.get("properties") or ()},
            "fields": {
                "created": now, "updated": now, "creator": self.person(user), "resolutiondate": None,
                "components": update["fields"].get("components", []),
            },
            "comments": {}, "history": [],
        }  # fmt: skip
        return {**made, "id": str(self._ids)}

    def _edit(self, asked: Asked, key: str) -> Answer:
        real = self.visible(asked, key)["key"]
        self.need(asked.user, "EDIT_ISSUES", real.rpartition("-")[0])
        fields = asked.body.get("fields") or {}
        if faults := self.faults(fields):
            raise Refusal(400, **faults)
        if fields:
            self._ask("PUT", f"issue/{real}", {"fields": fields})
            self._touch(real, **{name: fields[name] for name in fields if name == "components"})
            self.changed(asked.user, real, **dict.fromkeys(fields, ("before", "after")))
        self._more[real]["properties"] |= {p["key"]: p["value"] for p in asked.body.get("properties") or ()}
        return Answer(204)

    def _search(self, asked: Asked) -> Row:
        told = self.listed(asked, "issues", self._matching(asked))
        return {**told, "issues": [self.trimmed(row, asked) for row in told["issues"]]}

    def _comments(self, asked: Asked, key: str) -> Row:
        real = self.visible(asked, key)["key"]
        rows = [self._commented(real, c) for c in self._raw_comments(real)]
        for row in rows:
            if "properties" not in asked.query.get("expand", ""):
                row.pop("properties")
        return self.listed(asked, "comments", rows)

    def _comment(self, asked: Asked, key: str) -> Answer:
        real = self.visible(asked, key)["key"]
        self.need(asked.user, "ADD_COMMENTS", real.rpartition("-")[0])
        made = self._ask("POST", f"issue/{real}/comment", {"body": asked.body["body"]})
        now = self.now()
        self._more[real]["comments"][made["id"]] = {
            "author": self.person(asked.user), "created": now, "updated": now,
            "properties": asked.body.get("properties") or [],
        }  # fmt: skip
        self._touch(real)
        return Answer(201, self._commented(real, made))

    def _rewrite(self, asked: Asked, key: str, comment: str) -> Row:
        real = self.visible(asked, key)["key"]
        held = self._more[real]["comments"].get(comment)
        if held is None:
            raise Refusal(404, "Can not find a comment for the id.")
        if held["author"] != self.person(asked.user):
            raise Refusal(400, "You do not have the permission to edit this comment.")
        made: Row = self._ask("PUT", f"issue/{real}/comment/{comment}", {"body": asked.body["body"]})
        held |= {"updated": self.now(), "properties": asked.body.get("properties") or held["properties"]}
        self._touch(real)
        return self._commented(real, made)

    def _attach(self, asked: Asked, key: str) -> list[Row]:
        real = self.visible(asked, key)["key"]
        self.need(asked.user, "CREATE_ATTACHMENTS", real.rpartition("-")[0])
        made = []
        for name, data in asked.body:
            self._ids += 1
            held = self._more[real]["fields"].setdefault("attachment", [])
            held.append({"id": str(self._ids), "filename": name, "size": len(data), "author": self.person(asked.user)})
            made.append(held[-1])
        self._touch(real)
        return made

    def _transitions(self, asked: Asked, key: str) -> Row:
        real = self.visible(asked, key)["key"]
        if not self.may(asked.user, "TRANSITION_ISSUES", real.rpartition("-")[0]):
            return {"transitions": []}
        told: Row = self._ask("GET", f"issue/{real}/transitions", expand=asked.query.get("expand", ""))
        return told

    def _transition(self, asked: Asked, key: str) -> Answer:
        real = self.visible(asked, key)["key"]
        offered = {t["id"]: t for t in self._transitions(asked, real)["transitions"]}
        wanted = offered.get(str(asked.body["transition"]["id"]))
        if wanted is None:
            raise Refusal(400, "It seems that you have tried to perform a workflow operation that is not valid.")
        closed = wanted["to"]["statusCategory"]["key"] == "done"
        if closed and self.workflow_resolutions and not (asked.body.get("fields") or {}).get("resolution"):
            raise Refusal(400, resolution="Resolution is required.")
        before = self.row(real)["fields"]
        self._ask("POST", f"issue/{real}/transitions", asked.body)
        self._touch(real, resolutiondate=self.now() if closed else None)
        self.moved(asked.user, real, before)
        return Answer(204)

    # -- by hand -----------------------------------------------------------------------------------------

    def held(self) -> Any:
        plain = {name: value for name, value in vars(self.store).items() if isinstance(value, int | dict | list)}
        return copy.deepcopy((plain, self._more, self._ids, self.aliases))

    def bring_back(self, held: Any) -> None:
        plain, self._more, self._ids, self.aliases = copy.deepcopy(held)
        vars(self.store).update(plain)

    def set_property(self, key: str, name: str, value: Any) -> None:
        """Write a property; None removes it."""
        self._more[key]["properties"].pop(name, None)
        if value is not None:
            self._more[key]["properties"][name] = value

    def link(self, key: str, other: str) -> None:
        """Say that an issue duplicates another."""
        body = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": key}, "outwardIssue": {"key": other}}
        self._ask("POST", "issueLink", body)
        self._touch(key)

    def delete(self, key: str) -> None:
        """Delete an issue."""
        self._ask("DELETE", f"issue/{key}")

    def move(self, key: str, project: str) -> str:
        """Move an issue to another project; its key there."""
        new = self.store.new_key(project)
        issue = self.store.issues.pop(key)
        self.store.issues[new] = issue | {"key": new, "project": project}
        self._more[new] = self._more.pop(key)
        self._touch(new)
        self.aliases = {k: new if v == key else v for k, v in self.aliases.items()} | {key: new}
        return new


def _serve(app: Any) -> tuple[uvicorn.Server, threading.Thread, str]:
    """The emulator on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    return server, thread, f"http://127.0.0.1:{port}"
