"""What Jira projects take: fields of new issues, priorities, people. Asked once a run, and only before a write."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from triagebot.errors import TrackerError
from triagebot.model import Content, Marker
from triagebot.trackers.interface import Survey, reflagged
from triagebot.trackers.jira_calls import JiraCalls, Refused
from triagebot.trackers.jira_memory import Memory, key_label

LABEL = "triagebot"
PRIORITIES = {"P0": "Highest", "P1": "High", "P2": "Medium", "P3": "Low", "P4": "Lowest"}
"""What ours are called where the settings do not say, and the server knows these names."""

_SET_BY_US = ("labels", "duedate", "assignee", "summary", "description")
_ASK_AGAIN = timedelta(days=7)
_LONGEST_NAME = 80
Json = dict[str, Any]


@dataclass(frozen=True)
class Meta:
    """What a new issue of a project may have. `fields`: by id, as Jira describes them."""

    fields: Mapping[str, Json] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether it is on the screen for new issues."""
        return name in self.fields

    def values(self, name: str) -> list[str]:
        """The names that a field takes; empty where Jira does not say."""
        return [str(v.get("name") or v.get("value")) for v in self.fields.get(name, {}).get("allowedValues") or ()]

    def id_of(self, name: str) -> str:
        """A field by id, or by the name that people see."""
        by_name = {str(f.get("name", "")).lower(): i for i, f in self.fields.items()}
        return name if name in self.fields else by_name.get(name.lower(), name)


def example(values: Sequence[str]) -> str:
    """The first of the values that a field takes, as YAML writes it."""
    return json.dumps(values[0], ensure_ascii=False) if values else "…"


def labels_of(marker: Marker) -> list[str]:
    """The labels of a ticket: ours, that of its key, its team's. Jira's have no spaces."""
    named = [re.sub(r"\s+", "_", label) for label in marker.labels]
    return list(dict.fromkeys([LABEL, key_label(marker.key), *named]))


def project_of(key: str) -> str:
    """The project of an issue."""
    return key.rpartition("-")[0]


class Fields:
    """What is known of projects and people."""

    def __init__(self, calls: JiraCalls, learnt: Memory, now: datetime, notes: list[str]) -> None:
        self.calls, self.learnt, self.now, self.notes = calls, learnt, now, notes
        self.settings = calls.settings
        self._meta: dict[str, Meta] = {}

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """Whether the project takes such issues, and which of the people cannot be assigned in it."""
        try:
            self.meta(place)
        except Refused as refusal:
            if refusal.status not in (400, 403, 404):
                raise
            return Survey(f"{place}: {refusal.cause}; browse and create permission are needed there")
        except TrackerError as fault:
            return Survey(f"{fault.cause}; {fault.remedy}" if fault.remedy else fault.cause)
        return Survey("", frozenset(p for p in people if not self.account(place, p)))

    def stands(self, place: str) -> None:
        """Raises where the project itself is away or hidden: that its issues are says nothing of them."""
        try:
            self.calls.get(f"project/{place}")
        except Refused as refusal:
            remedy = "correct `project:`, or let the account browse it"
            where = f"{self.calls.name}: project {place}"
            raise Refused(where, refusal.status, "it cannot be seen any more", remedy) from refusal

    def meta(self, place: str) -> Meta:
        """What a new issue of the configured type may have. Raises where the type or a priority is not there."""
        if place not in self._meta:
            self._meta[place] = self._asked(place)
        return self._meta[place]

    def _asked(self, place: str) -> Meta:
        path = f"issue/createmeta/{place}/issuetypes"
        types = list(self.calls.pages(path, "issueTypes"))
        wanted = self.settings.issue_type
        found = [t for t in types if wanted.lower() in (str(t.get("name", "")).lower(), str(t.get("id")))]
        if not found:
            there = ", ".join(sorted(str(t.get("name")) for t in types if not t.get("subtask")))
            raise TrackerError(
                self.calls.name, f"project {place} has no issue type {wanted!r}",
                f"write `issue_type:` with one of {there or 'its types; the token may see none'}",
            )  # fmt: skip
        listed = list(self.calls.pages(f"{path}/{found[0]['id']}", "fields"))
        meta = Meta({str(f.get("fieldId") or f.get("key")): f for f in listed})
        if unknown := self.unknown_priorities(meta):
            raise TrackerError(
                self.calls.name, f"project {place} has no priority {', '.join(unknown)}",
                f"write `priorities:` with {', '.join(meta.values('priority'))}",
            )  # fmt: skip
        return meta

    def unknown_priorities(self, meta: Meta) -> list[str]:
        """Configured names that the server's scheme lacks."""
        there = {name.lower() for name in meta.values("priority")}
        return [n for n in self.settings.priorities.values() if there and n.lower() not in there]

    def priority(self, place: str, ours: str) -> str:
        """The server's name for one of ours; empty where it has none."""
        name = self.settings.priorities.get(ours) or PRIORITIES.get(ours, "")
        there = {n.lower(): n for n in self.meta(place).values("priority")}
        return there.get(name.lower(), "") if there else (name if ours in self.settings.priorities else "")

    def account(self, place: str, person: str) -> str:
        """Whom a name, account id or e-mail address means, if they can be assigned in the project; else empty."""
        key = f"{place} {person}"
        told, _, day = self.learnt.people.get(key, "").rpartition(" ")
        if told and self.now.date() - date.fromisoformat(day) < _ASK_AGAIN:
            return told.removeprefix("-")
        who = self._looked_up(place, person)
        self.learnt.people[key] = f"{who or '-'} {self.now:%Y-%m-%d}"
        return who

    def _looked_up(self, place: str, person: str) -> str:
        wanted = person.removeprefix("@")
        asked: Json = {"project": place, "maxResults": 50}
        if not self.calls.is_cloud:
            found = self.calls.get("user/assignable/search", username=wanted, **asked)
        elif "@" in wanted or " " in wanted:
            found = self.calls.get("user/assignable/search", query=wanted, **asked)
        else:
            found = self.calls.get("user/assignable/search", accountId=wanted, **asked)
        for user in found:
            names = {str(user.get(n, "")).lower() for n in ("accountId", "name", "key", "emailAddress")}
            if wanted.lower() in names:
                return self.id_of(user)
        hidden = [u for u in found if not u.get("emailAddress")]  # Cloud finds by an address that it does not show
        return self.id_of(found[0]) if "@" in wanted and len(found) == len(hidden) == 1 else ""

    def id_of(self, user: Mapping[str, Any] | None) -> str:
        """How this flavour names a user."""
        return str((user or {}).get("accountId" if self.calls.is_cloud else "name") or "")

    def name_of(self, user: Mapping[str, Any] | None) -> str:
        """How people know a user: in Cloud, where ids are digits, by the name shown there. Empty: nobody is named."""
        shown = " ".join(str((user or {}).get("displayName") or "").split())[:_LONGEST_NAME]
        account = self.id_of(user)
        return "" if account in ("", "unknown") else (shown or account) if self.calls.is_cloud else account

    def user(self, account: str) -> Json | None:
        """A user as a field's value; None for nobody."""
        return {"accountId" if self.calls.is_cloud else "name": account} if account else None

    def new(self, place: str, content: Content, description: Any) -> Json:
        """The fields of a new issue. What is not on its screen is left out, and said once."""
        meta, marker = self.meta(place), content.marker
        priority = self.priority(place, marker.priority)
        people = [a for p in marker.assignees if (a := self.account(place, p))]
        wanted: Json = {
            "labels": reflagged(labels_of(marker), content.flag),
            **({"priority": {"name": priority}} if priority else {}),
            **({"duedate": marker.due} if marker.due else {}),
            **({"components": [{"name": content.component}]} if content.component else {}),
            **({"assignee": self.user(people[0])} if people else {}),
            **{meta.id_of(name): self._shaped(meta, name, value) for name, value in self.settings.fields.items()},
        }
        elsewhere = {meta.id_of(name) for name in self.settings.fields if self.is_somewhere(name)}
        self._say_missing(place, [name for name in wanted if not meta.has(name) and name not in elsewhere])
        kept = {name: value for name, value in wanted.items() if meta.has(name)}
        fixed = {"project": {"key": place}, "issuetype": {"name": self.settings.issue_type}, "summary": content.title}
        return {**fixed, "description": description, **kept}

    def remedy(self, place: str, refused: Refused, is_new: bool = True) -> str:
        """What to write where so that an issue is taken that was refused: a line for each fault."""
        named = [name for name in refused.fields if name not in ("summary", "description") or not is_new]
        ours = [] if is_new else [name for name in named if name in _SET_BY_US]
        more = [name for name in named if name not in (*ours, "priority", "components", "assignee")]
        said = []
        if "priority" in named:
            said.append(f"correct `priorities:` of tracker {self.calls.name!r} in triagebot.yaml")
        if "components" in named:
            said.append("correct `component:` of the team in its file, or make the component in Jira")
        if "assignee" in named and is_new:
            said.append(f"let the account assign issues in {place} (ASSIGN_ISSUES)")
        if ours:
            screen = f"the screen on which {self.settings.issue_type} is edited in {place}"
            said.append(f"put {', '.join(ours)} on {screen}")
        if more:
            lines = ", ".join(f"{name}: {self._example(place, name)}" for name in more)
            said.append(f"write `fields: {{{lines}}}` under tracker {self.calls.name!r} in triagebot.yaml")
        return "; ".join(said) or "`triagebot doctor` looks at what the project asks for"

    def _example(self, place: str, name: str) -> str:
        """A value that a field takes, where Jira names them."""
        meta = self._meta.get(place, Meta())
        return example(meta.values(name))

    @property
    def looked_at(self) -> bool:
        """Whether any project has told what a new issue may have."""
        return bool(self._meta)

    def is_somewhere(self, name: str) -> bool:
        """Whether a configured field is on the screen of any project looked at: not every project need have it."""
        return any(meta.has(meta.id_of(name)) for meta in self._meta.values())

    def _say_missing(self, place: str, names: Sequence[str]) -> None:
        for name in names:
            said = f"{self.calls.name}: project {place} has no field {name!r} on the screen for new issues: left out"
            if said not in self.notes:
                self.notes.append(said)

    def _shaped(self, meta: Meta, name: str, value: Any) -> Any:
        """A configured value as the field's kind wants it: an option by its value, what has a name by its name."""
        schema = meta.fields.get(meta.id_of(name), {}).get("schema") or {}
        if isinstance(value, list):
            return [_single(str(schema.get("items", "")), each) for each in value]
        if schema.get("type") == "array" and not isinstance(value, dict):
            return [_single(str(schema.get("items", "")), value)]
        return _single(str(schema.get("type", "")), value)


def _single(kind: str, value: Any) -> Any:
    if isinstance(value, dict) or kind in ("string", "number", "date", "datetime", ""):
        return value.isoformat() if isinstance(value, date) else value
    return {"value": str(value)} if kind == "option" else {"name": str(value)}
