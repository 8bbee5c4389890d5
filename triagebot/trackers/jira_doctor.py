"""Looks at what Jira would refuse, before anything is filed. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from triagebot.errors import TrackerError
from triagebot.trackers.interface import Halted, Need, Trouble
from triagebot.trackers.jira_calls import JiraCalls, Refused, quoted
from triagebot.trackers.jira_fields import LABEL, Fields, Meta, example
from triagebot.trackers.jira_states import is_open, step

PERMISSIONS = {
    "BROWSE_PROJECTS": "see issues", "CREATE_ISSUES": "file issues", "EDIT_ISSUES": "edit issues",
    "ADD_COMMENTS": "comment", "TRANSITION_ISSUES": "close and reopen issues", "ASSIGN_ISSUES": "assign issues",
}  # fmt: skip
"""What triagebot must be allowed, as Jira names it and in words."""

ATTACH = "CREATE_ATTACHMENTS"
"""What the picture of the weekly summary needs too."""

_CHANGED = ("summary", "description", "labels")
"""What a change of a ticket writes."""

_OURS = ("summary", "project", "issuetype", "description", "reporter")
Json = dict[str, Any]


class Examination:
    """One tracker."""

    def __init__(self, calls: JiraCalls, fields: Fields) -> None:
        self.calls, self.fields, self.settings = calls, fields, calls.settings

    def troubles(self, needs: Sequence[Need]) -> list[Trouble]:
        """All of them. Where the token does not work nothing else is asked."""
        try:
            self.calls.get("myself")
        except Halted as fault:
            return [Trouble("settings", ("token_env",), fault.cause, self._credentials())]
        except TrackerError as fault:
            key = "token_env" if "environment variable" in fault.cause else "url"
            return [Trouble("settings", (key,), fault.cause, fault.remedy or "correct `url:`; is the server up?")]
        found: list[Trouble] = []
        default = self.settings.project
        for place in dict.fromkeys([default, *(n.place or default for n in needs)]):
            mine = [n for n in needs if (n.place or default) == place]
            try:
                found += self._place(place, mine)
            except TrackerError as fault:
                found.append(Trouble(*self._named(place, mine), f"{place}: {fault.cause}", fault.remedy or "try later"))
        for name in self.settings.fields if self.fields.looked_at else ():
            if not self.fields.is_somewhere(name):
                cause = f"no project has a field {name!r} on its screen for new issues"
                found.append(Trouble("settings", ("fields", name), cause, "correct its name, or take it off `fields:`"))
        return found

    def _credentials(self) -> str:
        what = "an API token, and its owner's address in `email:`" if self.calls.is_cloud else "a personal access token"
        return f"put {what} into {self.settings.token_env}"

    def _named(
        self, place: str, needs: Sequence[Need]
    ) -> tuple[Literal["settings", "teams", "summary"], tuple[str, ...]]:
        """Where a project is named."""
        named = [n for n in needs if n.place == place]
        return named[0].at("project") if named and place != self.settings.project else ("settings", ("project",))

    def _place(self, place: str, needs: Sequence[Need]) -> Iterator[Trouble]:
        try:
            self.calls.get(f"project/{place}")
        except Refused as refusal:
            if refusal.status not in (403, 404):
                raise
            cause = f"there is no project {place}, or the token cannot see it"
            remedy = "correct `project:`, or give the account the permission to browse it"
            yield Trouble(*self._named(place, needs), cause, remedy)
            return
        yield from self._permissions(place, needs)
        yield from self._screen(place, needs)
        yield from self._workflow(place)
        for need in needs:
            for person in need.assignees:
                if not self.fields.account(place, person):
                    cause = f"{person} cannot be assigned in {place}, or nobody of that name is there"
                    form = f"{'account ids' if self.calls.is_cloud else 'user names'} or e-mail addresses"
                    yield Trouble(*need.at("assignees"), cause, f"correct `assignees:`; it takes {form}")

    def _permissions(self, place: str, needs: Sequence[Need]) -> Iterator[Trouble]:
        names = ",".join([*PERMISSIONS, ATTACH])
        told = self.calls.get("mypermissions", projectKey=place, permissions=names)
        held = told.get("permissions") or {}
        for name, words in PERMISSIONS.items():
            asked = name != "ASSIGN_ISSUES" or any(n.assignees for n in needs)
            if asked and not (held.get(name) or {}).get("havePermission"):
                cause = f"the account may not {words} in {place} ({name})"
                yield Trouble(*self._named(place, needs), cause, f"grant it in the permission scheme of {place}")
        for need in (n for n in needs if n.pictures and not (held.get(ATTACH) or {}).get("havePermission")):
            cause = (
                f"the account may not attach files in {place} ({ATTACH}): the weekly summary, with its picture, fails"
            )
            remedy = f"grant it in the permission scheme of {place}, or write another `project:` under `summary:`"
            yield Trouble(*need.at("project"), cause, remedy)

    def _screen(self, place: str, needs: Sequence[Need]) -> Iterator[Trouble]:
        try:
            meta = self.fields.meta(place)
        except Refused as refusal:
            yield Trouble(*self._named(place, needs), f"{place}: {refusal.cause}", "grant the permission CREATE_ISSUES")
            return
        except TrackerError as fault:
            key = "priorities" if "priority" in fault.cause else "issue_type"
            yield Trouble("settings", (key,), fault.cause, fault.remedy)
            return
        yield from self._required(place, meta)
        for name, why in (("labels", "tickets are found by theirs"), ("description", "a ticket's text is there")):
            if not meta.has(name):
                cause = f"{place} has no field {name!r} on the screen for new issues; {why}"
                yield Trouble(*self._named(place, needs), cause, f"add it to the screen of {self.settings.issue_type}")
        for need in needs:
            there = meta.values("components")
            if need.component and need.component not in there:
                cause = f"{place} has no component {need.component!r}"
                remedy = f"correct `component:`; there {'are ' + ', '.join(there) if there else 'is none'}"
                yield Trouble("teams", (need.team, "component"), cause, remedy)

    def _required(self, place: str, meta: Meta) -> Iterator[Trouble]:
        given = {meta.id_of(name) for name in self.settings.fields} | {"labels", "duedate", "priority"}
        for name, described in meta.fields.items():
            if described.get("required") and not described.get("hasDefaultValue") and name not in {*_OURS, *given}:
                cause = f"{place} asks for {described.get('name') or name} ({name}) on each new issue"
                yield Trouble(
                    "settings", ("fields",), cause, f"write `fields: {{{name}: {example(meta.values(name))}}}`"
                )

    def _workflow(self, place: str) -> Iterator[Trouble]:
        """States of both kinds must be there; a ticket that stands tells whether a transition leads to one."""
        named = self.settings.issue_type.lower()
        kinds = [t for t in self.calls.get(f"project/{place}/statuses") if str(t.get("name", "")).lower() == named]
        states = [(s.get("statusCategory") or {}).get("key") for t in kinds for s in t.get("statuses") or ()]
        if states and "done" not in states:
            cause = f"no state of {self.settings.issue_type} in {place} is of the category done"
            yield Trouble("settings", ("issue_type",), cause, "put one into its workflow, or name another issue type")
            return
        jql = f"project = {quoted(place)} AND labels = {quoted(LABEL)} ORDER BY key ASC"
        for item in self.calls.search(jql, "status,labels", [])[:1]:
            yield from self._ticket(place, item)

    def _ticket(self, place: str, item: Json) -> Iterator[Trouble]:
        """What only an issue tells: the transitions that it offers, and the screen on which it is edited."""
        key = str(item["key"])
        wanted = "done" if is_open(item["fields"]) else "open"
        offered = self.calls.get(f"issue/{key}/transitions", expand="transitions.fields")
        found, why = step(offered.get("transitions") or (), wanted, self.settings)
        if found is None:
            names = ", ".join(str(t.get("name")) for t in offered.get("transitions") or ()) or "none"
            remedy = f"write `transitions: {{{wanted}: [name]}}`; {key} offers: {names}"
            yield Trouble("settings", ("transitions", wanted), f"{key}: {why}", remedy)
        told = self.calls.get(f"issue/{key}", fields="status", expand="editmeta")
        there = (told.get("editmeta") or {}).get("fields")
        missing = [name for name in _CHANGED if there and name not in there]
        if missing:
            cause = (
                f"{place} has no field {', '.join(missing)} on the screen where {key} is edited: changes are refused"
            )
            yield Trouble("settings", ("issue_type",), cause, f"add it to the screen of {self.settings.issue_type}")
