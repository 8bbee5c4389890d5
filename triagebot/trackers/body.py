"""What a ticket carries about itself inside its text: an HTML comment in the managed block, which nobody sees."""

from __future__ import annotations

from dataclasses import dataclass

from triagebot.model import Marker
from triagebot.render import marker as markers
from triagebot.trackers.interface import BEGIN, END, MARKER, managed, splice


@dataclass(frozen=True)
class Carried:
    """What a text says of its ticket. `closed`: what we noted when we closed it; `outside`: characters of people."""

    marker: Marker | None
    closed: str
    block: str
    outside: int


def carried(body: str) -> Carried:
    """Read a text back. Only what stands in the managed block counts; what cannot be read is not there."""
    found = managed(body)
    if not found:
        return Carried(None, "", "", len(body))
    inner = found[0].removeprefix(BEGIN).removesuffix(END)
    told = MARKER.search(inner)
    marker, closed = markers.read(told["told"]) if told else (None, "")
    return Carried(marker, closed, MARKER.sub("", inner).strip(), len(body) - len(found[0]))


def is_whole(body: str) -> bool:
    """Whether the managed block stands, with its marker."""
    return carried(body).marker is not None


def written(body: str, marker: Marker, block: str, closed: str = "") -> str:
    """The text with our block in it, people's text left as it is."""
    return splice(body, f"<!-- triagebot:marker {markers.told(marker, closed)} -->\n{block.strip()}")


def comment_mark(digest: str) -> str:
    """What tells a comment of ours from others."""
    return f"<!-- triagebot:comment {digest} -->"
