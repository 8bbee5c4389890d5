"""What a ticket carries about itself inside its text: an HTML comment in the managed block, which nobody sees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from triagebot.model import Marker
from triagebot.trackers.interface import BEGIN, END, splice

_BLOCK = re.compile(re.escape(BEGIN) + r"\n?(?P<inner>.*?)" + re.escape(END), re.DOTALL)
_MARKER = re.compile(r"<!-- triagebot:marker (?P<told>\{.*?\}) -->\n?", re.DOTALL)
_INERT = {"<": "\\u003c", ">": "\\u003e", "@": "\\u0040", "#": "\\u0023", "--": "-\\u002d"}


@dataclass(frozen=True)
class Carried:
    """What a text says of its ticket. `closed`: what we noted when we closed it; `outside`: characters of people."""

    marker: Marker | None
    closed: str
    block: str
    outside: int


def carried(body: str) -> Carried:
    """Read a text back. Only what stands in the managed block counts; what cannot be read is not there."""
    found = _BLOCK.search(body)
    if not found:
        return Carried(None, "", "", len(body))
    inner = found["inner"]
    marker, closed = _told(inner)
    return Carried(marker, closed, _MARKER.sub("", inner).strip(), len(body) - len(found[0]))


def is_whole(body: str) -> bool:
    """Whether the managed block stands, with its marker."""
    return carried(body).marker is not None


def written(body: str, marker: Marker, block: str, closed: str = "") -> str:
    """The text with our block in it, people's text left as it is."""
    told: dict[str, Any] = {k: v for k, v in msgspec.to_builtins(marker).items() if v}
    if closed:
        told["closed"] = closed
    said = msgspec.json.encode(told).decode()
    for text, inert in _INERT.items():
        said = said.replace(text, inert)
    return splice(body, f"<!-- triagebot:marker {said} -->\n{block.strip()}")


def comment_mark(digest: str) -> str:
    """What tells a comment of ours from others."""
    return f"<!-- triagebot:comment {digest} -->"


def _told(inner: str) -> tuple[Marker | None, str]:
    found = _MARKER.search(inner)
    if not found:
        return None, ""
    try:
        told = msgspec.json.decode(found["told"], type=dict[str, Any])
        closed = str(told.pop("closed", ""))
        return msgspec.convert({"stream": "main", **told}, Marker), closed
    except msgspec.MsgspecError:
        return None, ""
