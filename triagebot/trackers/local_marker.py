"""A file of the folder, and the marker that it carries: whose ticket it is, and which file is called so."""

from __future__ import annotations

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from triagebot.model import Marker, Ticket
from triagebot.render.marker import is_sound
from triagebot.trackers.local_front import Front, FrontError, parsed

_TUPLES = {f.name for f in fields(Marker) if str(f.type).startswith("tuple")}
_JOINED = ("shown", "serious", "images", "held", "promised")


@dataclass(frozen=True)
class Look:
    """What a file holds. `told`: its marker; `marker`: that, or the one that history remembers."""

    front: Front
    body: str
    fault: str
    told: Marker | None
    marker: Marker | None


def looked(path: Path, known: Mapping[str, Ticket], now: datetime) -> Look | None:
    """What a file is; None: it has nothing to do with us. `known`: the tickets that history remembers, by file."""
    front: Front | None = None
    body, fault, data = "", "", b""
    ours = is_ours(path.name) or path.name in known
    try:
        data = path.read_bytes()
        ours = ours or (data.removeprefix(BOM_UTF8).startswith(b"---") and b"\ntriagebot:" in data.split(b"\n---")[0])
        front, body = parsed(data, now)
    except FrontError as error:
        fault, front = str(error), error.front
    except OSError as error:
        fault = f"cannot be read: {error.strerror}; see who may read it"
    told = marker_of(front) if front else None
    marker = told or (known[path.name].marker if path.name in known else None if front else _guessed(data))
    return Look(front or {}, body, fault, told, marker) if ours or told else None


def _guessed(data: bytes) -> Marker | None:
    """Whose ticket a file is whose YAML is broken: enough to leave it alone, and to file no second one."""
    found = {name: re.search(rf"\n  {name}: ['\"]?([^'\"\r\n]+)".encode(), data) for name in ("key", "stream")}
    key, stream = (match[1].decode(errors="replace") if match else "" for match in found.values())
    return Marker(key, stream, "") if key and stream else None


def file_name(key: str, stream: str) -> str:
    """The file of a key: readable, and distinct by a digest of the whole key."""
    subject = key.removesuffix(f"@{stream}").partition(":")[2]
    slug = re.sub(r"[^a-z0-9.]+", "-", subject.lower()).strip("-.")[-60:].strip("-.")
    return f"{slug or 'ticket'}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.md"


def file_of(marker: Marker) -> str:
    """The file of a marker."""
    return file_name(marker.key, marker.stream)


def is_ours(name: str) -> bool:
    """Whether a file is called as we call a ticket."""
    return bool(re.search(r"-[0-9a-f]{12}\.md$", name))


def marker_of(front: Mapping[str, Any]) -> Marker | None:
    """The marker that a ticket carries; None: none that can be read."""
    told = front.get("triagebot")
    if not isinstance(told, dict) or not isinstance(told.get("key"), str) or not isinstance(told.get("digest"), str):
        return None
    known = {f.name for f in fields(Marker)}
    values = {name: value for name, value in told.items() if name in known}
    for name in _TUPLES & set(values):
        listed = str(values[name] or "").split() if name in _JOINED else values[name]
        if not isinstance(listed, list):
            return None
        values[name] = tuple(str(v) for v in listed)
    marker = Marker(**{"stream": "main", **values})
    return marker if is_sound(marker) else None


def as_front(marker: Marker, closed_by: str) -> dict[str, Any]:
    """The marker as front matter: ids in one line, so that a ticket stays readable."""
    told = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(marker).items()}
    told |= {name: " ".join(told[name]) for name in _JOINED}
    return {**told, "closed_by": closed_by} if closed_by else told
