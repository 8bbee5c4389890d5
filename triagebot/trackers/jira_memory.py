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

MOST = 32_768
"""Characters that Jira takes as the value of a property."""

_JOINED = ("shown", "serious", "images", "held")


@dataclass(frozen=True)
class Closing:
    """A closing of ours: as what, with which resolution where we could choose one, and when."""

    closed_as: ClosedAs
    at: datetime
    resolution: str = ""


@dataclass(frozen=True)
class Carried:
    """The value of the property. `before`: what held until the closing of `reopened` was undone.

    Jira cannot write content and state in one request. What a reopening brings holds only once the ticket is open, or
    was closed anew: a run that is killed in between finds the ticket as it was.
    """

    marker: Marker
    closing: Closing | None = None
    before: Carried | None = None
    reopened: str = ""


def told(carried: Carried) -> dict[str, Any]:
    """Plain values, ids in one text so that a large ticket has room."""
    said = msgspec.json.encode(_shortened(carried))
    if len(said) > MOST:
        raise TrackerError(carried.marker.key, "it names more findings than an issue property of Jira can hold")
    value: dict[str, Any] = msgspec.json.decode(said)  # as it comes back: lists, no tuples
    return value


def _shortened(carried: Carried) -> dict[str, Any]:
    marker = {k: v for k, v in msgspec.to_builtins(carried.marker).items() if v}
    value: dict[str, Any] = {"marker": {k: " ".join(v) if k in _JOINED else v for k, v in marker.items()}}
    if carried.closing:
        value["closing"] = msgspec.to_builtins(carried.closing)
    if carried.before:
        value |= {"before": _shortened(carried.before), "reopened": carried.reopened}
    return value


def read(value: Any) -> Carried | None:
    """The same, read back; None for what cannot be read."""
    try:
        return _read(value)
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError):
        return None


def _read(value: Any) -> Carried:
    marker = {k: v.split() if k in _JOINED else v for k, v in value["marker"].items()}
    before = _read(value["before"]) if value.get("before") else None
    closing = msgspec.convert(value["closing"], Closing) if value.get("closing") else None
    return Carried(msgspec.convert({"stream": "main", **marker}, Marker), closing, before, value.get("reopened", ""))


def key_label(key: str) -> str:
    """The label that finds the ticket of a key."""
    return f"triagebot-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


@dataclass
class Memory:
    """What was learnt. `since`: where the next listing starts, by the server's clock; `full`: when each project was
    listed in full; `carried`: properties by ticket; `ids`: ticket by issue id, which a move does not change; `people`:
    `project person` -> `account day`, with `-` for nobody; `ahead`: seconds of the server's clock before ours.
    """

    authors: list[str] = field(default_factory=list)
    flavour: str = ""
    since: str = ""
    ahead: float = 0.0
    full: dict[str, str] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    people: dict[str, str] = field(default_factory=dict)

    @classmethod
    def taken(cls, told: Mapping[str, Any]) -> Memory:
        """What was told at the end of an earlier run; nothing where it cannot be read."""
        try:
            return msgspec.convert(dict(told), cls)
        except msgspec.ValidationError:
            return cls()
