"""What a Jira ticket carries in its issue property, and what the tracker remembers from run to run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from triagebot.errors import TrackerError
from triagebot.model import ClosedAs, Marker
from triagebot.render.marker import packed, unpacked

MOST = 32_768
"""Characters that Jira takes as the value of a property."""


@dataclass(frozen=True)
class Closing:
    """A closing of ours: as what, with which resolution where we could choose one, and when."""

    closed_as: ClosedAs
    at: datetime
    resolution: str = ""


@dataclass(frozen=True)
class Carried:
    """The value of the property. `before`: what held until the closing of `reopened` was undone; `component`: ours.

    Jira cannot write content and state in one request. What a reopening brings holds only once the ticket is open, or
    was closed anew: a run that is killed in between finds the ticket as it was.
    """

    marker: Marker
    closing: Closing | None = None
    before: Carried | None = None
    reopened: str = ""
    component: str = ""


def told(carried: Carried) -> dict[str, Any]:
    """Plain values, ids packed so that a large ticket has room."""
    said = msgspec.json.encode(_values(carried))
    if len(said) > MOST:
        raise TrackerError(carried.marker.key, "it names more findings than an issue property of Jira can hold")
    value: dict[str, Any] = msgspec.json.decode(said)  # as it comes back: lists, no tuples
    return value


def _values(carried: Carried) -> dict[str, Any]:
    value: dict[str, Any] = {"marker": packed(carried.marker)}
    if carried.closing:
        value["closing"] = msgspec.to_builtins(carried.closing)
    if carried.component:
        value["component"] = carried.component
    if carried.before:
        value |= {"before": _values(carried.before), "reopened": carried.reopened}
    return value


def read(value: Any) -> Carried | None:
    """The same, read back; None for what cannot be read: a person with the right may have written it."""
    if not isinstance(value, dict) or not isinstance(value.get("marker"), dict):
        return None
    marker = unpacked(value["marker"])
    try:
        closing = msgspec.convert(value["closing"], Closing) if value.get("closing") else None
    except msgspec.ValidationError:
        return None
    before = read(value["before"]) if value.get("before") else None
    if marker is None or (value.get("before") and before is None):
        return None
    return Carried(marker, closing, before, str(value.get("reopened", "")), str(value.get("component", "")))


def key_label(key: str) -> str:
    """The label that finds the ticket of a key."""
    return f"triagebot-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


@dataclass
class Memory:
    """What was learnt. `since`: where the next listing starts, by the server's clock; `full`: when each project was
    listed in full; `carried`: properties by ticket; `ids`: ticket by issue id, which a move does not change; `people`:
    `project person` -> `account day`, with `-` for nobody; `ahead`: seconds of the server's clock before ours;
    `fresh`: ids of issues that were filed last, at `fresh_at`, which the index may not know yet.
    """

    authors: list[str] = field(default_factory=list)
    flavour: str = ""
    since: str = ""
    ahead: float = 0.0
    full: dict[str, str] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    fresh_at: str = ""
    people: dict[str, str] = field(default_factory=dict)

    @classmethod
    def taken(cls, told: Mapping[str, Any]) -> Memory:
        """What was told at the end of an earlier run; nothing where it cannot be read."""
        try:
            return msgspec.convert(dict(told), cls)
        except msgspec.ValidationError:
            return cls()
