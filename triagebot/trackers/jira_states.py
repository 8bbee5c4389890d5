"""Open and closed in Jira: which workflow transition to take, and what a resolution means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from triagebot.files import JiraSettings
from triagebot.model import ClosedAs

Json = dict[str, Any]

_MEANS: dict[str, ClosedAs] = {
    "wontdo": "not-planned", "wontfix": "not-planned", "notplanned": "not-planned", "declined": "not-planned",
    "rejected": "not-planned", "cannotreproduce": "not-planned", "invalid": "not-planned", "notabug": "not-planned",
    "worksasdesigned": "not-planned", "obsolete": "not-planned", "incomplete": "not-planned",
    "knownerror": "not-planned", "wontdoanything": "not-planned", "cancelled": "not-planned",
    "canceled": "not-planned", "duplicate": "duplicate",
}  # fmt: skip
"""Names of resolutions and states that mean a decision, whatever their spelling; all others mean that it is done."""

_NO_REASON = ("wontdo", "wontfix", "wontdoanything", "notplanned", "declined", "rejected", "cancelled", "canceled",
              "duplicate")  # fmt: skip

_WORDS = {
    "open": ("reopen", "reopened", "todo", "open", "backlog", "new"),
    "done": ("done", "fixed", "resolved", "resolve", "closed", "close", "complete", "completed"),
    "not-planned": ("wontdo", "wontfix", "decline", "declined", "reject", "rejected", "cancel", "cancelled", "done",
                    "resolved", "closed"),
    "duplicate": ("duplicate", "wontdo", "done", "resolved", "closed"),
}  # fmt: skip
"""What a fitting transition, or the state that it leads to, is called; the best first."""

_FILLED = ("resolution", "comment")


@dataclass(frozen=True)
class Step:
    """A transition to take. `resolution`: what is chosen on its screen; empty: the workflow sets its own, or none."""

    id: str
    resolution: str = ""

    def body(self) -> Json:
        """What is sent."""
        fields = {"fields": {"resolution": {"name": self.resolution}}} if self.resolution else {}
        return {"transition": {"id": self.id}, **fields}


def is_open(fields: Mapping[str, Any]) -> bool:
    """An issue is open unless its state is of the category *done*."""
    category = ((fields.get("status") or {}).get("statusCategory") or {}).get("key")
    return bool(category != "done")


def closed_as(fields: Mapping[str, Any], settings: JiraSettings) -> ClosedAs:
    """What its resolution means; where a workflow has none, what its state is called."""
    named = [(fields.get(what) or {}).get("name", "") for what in ("resolution", "status")]
    configured = {_bare(name): meaning for name, meaning in settings.resolutions.items()}
    for name in named:
        if name and (meaning := configured.get(_bare(name)) or _MEANS.get(_bare(name))):
            return meaning
    return "done"


def says_more(resolution: str) -> bool:
    """Whether a resolution that is a decision gives a reason, and does not only say that one was made."""
    return bool(resolution) and _bare(resolution) not in _NO_REASON


def step(transitions: Sequence[Json], wanted: str, settings: JiraSettings) -> tuple[Step | None, str]:
    """The transition that makes an issue open, or closed as `wanted`; where there is none, why.

    By the names that the settings give, else by the category of the state that it leads to.
    """
    named = {str(way): names for way, names in settings.transitions.items()}
    names = named.get(wanted) or (named.get("done") if wanted != "open" else None)
    if names:
        order = [_bare(n) for n in names]
        fitting = [t for t in transitions if _bare(t.get("name", "")) in order]
        fitting.sort(key=lambda t: order.index(_bare(t["name"])))
        missing = f"none of the transitions {', '.join(names)} is offered"
    else:
        fitting = [t for t in transitions if (_category(t) == "done") == (wanted != "open")]
        fitting.sort(key=lambda t: _rank(t, wanted))
        missing = f"no transition leads to a state that is {'open' if wanted == 'open' else 'done'}"
    lacking = ""
    for transition in fitting:
        fields = transition.get("fields") or {}
        asked = [n for n, f in fields.items() if f.get("required") and not f.get("hasDefaultValue")]
        asked = [str(fields[n].get("name") or n) for n in asked if n not in _FILLED]
        if not asked:
            return Step(str(transition["id"]), _resolution(fields, wanted, settings)), ""
        lacking = f"transition {transition.get('name')!r} asks for {', '.join(asked)}"
    return None, lacking or missing


def _category(transition: Json) -> str:
    return str(((transition.get("to") or {}).get("statusCategory") or {}).get("key", ""))


def _rank(transition: Json, wanted: str) -> tuple[int, int, str]:
    words = _WORDS[wanted]
    named = [_bare(transition.get("name", "")).removeprefix("to"), _bare((transition.get("to") or {}).get("name", ""))]
    best = min((words.index(n) for n in named if n in words), default=len(words))
    begins = 0 if _category(transition) == "new" else 1
    return best, begins, str(transition["id"])


def _resolution(fields: Mapping[str, Any], wanted: str, settings: JiraSettings) -> str:
    """The resolution to choose on the screen: the first that means what is wanted."""
    if "resolution" not in fields or wanted == "open":
        return ""
    offered = [str(v.get("name", "")) for v in fields["resolution"].get("allowedValues") or ()]
    means = {name: closed_as({"resolution": {"name": name}}, settings) for name in offered}
    fitting = [name for name in offered if means[name] == wanted] or [n for n in offered if means[n] == "done"]
    preferred = [name for name in fitting if _bare(name) in ("done", "fixed", "wontdo", "wontfix", "duplicate")]
    return next(iter([*preferred, *fitting, *offered]), "")


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def time_of(text: Any) -> datetime | None:
    """A time as Jira writes it: `2026-05-03T06:00:00.000+0000`."""
    return datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", str(text))).astimezone(UTC) if text else None
