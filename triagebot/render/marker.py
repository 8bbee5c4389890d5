"""What a ticket carries about itself, as text: short enough for thousands of findings, and checked when it is read.

People can edit it, by accident or to see what happens: what is not as we write it counts as not there.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec

from triagebot.model import Marker

_MANY = 50
"""So many ids stand as they are; more are packed."""

_INERT = {"<": "\\u003c", ">": "\\u003e", "@": "\\u0040", "#": "\\u0023", "--": "-\\u002d"}
_KEY = re.compile(r"image:[^\s:].*|(upgrade|posture):[^:\s]+:.+|summary:[a-z]+", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_IMAGE = re.compile(r"[^.\s]+\.[^.\s]+\.[^.\s]+")
_CLOSED = re.compile(r"[a-z-]* \d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")


def packed(marker: Marker) -> dict[str, Any]:
    """The marker as plain values, many ids in little room."""
    values: dict[str, Any] = {k: v for k, v in msgspec.to_builtins(marker).items() if v}
    if len(marker.shown) > _MANY:
        values |= {"serious": _flags(marker)} if marker.serious else {}
        values["shown"] = _packed(marker.shown, 8)
    if len(marker.images) > _MANY:
        values["images"] = _packed([image.replace(".", "") for image in marker.images], 24)
    for name, entries in (("held", marker.held), ("promised", marker.promised)):
        if len(entries) > _MANY:
            values[name] = _by_day(entries)
    return values


def told(marker: Marker, closed: str = "") -> str:
    """The marker in one line of JSON in which nothing acts. `closed`: what is noted when we close the ticket."""
    values = packed(marker)
    said = msgspec.json.encode(values | ({"closed": closed} if closed else {})).decode()
    for text, inert in _INERT.items():
        said = said.replace(text, inert)
    return said


def read(said: str) -> tuple[Marker | None, str]:
    """(the marker, what was noted at our closing); no marker where it says anything that we would not."""
    try:
        values = msgspec.json.decode(said, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        return None, ""
    closed = str(values.pop("closed", ""))
    marker = unpacked(values)
    if marker is None:
        return None, ""
    return marker, closed if _CLOSED.fullmatch(closed) and _is_day(closed.partition(" ")[2][:10]) else ""


def unpacked(values: dict[str, Any]) -> Marker | None:
    """The marker that these values are; none where they are not as we write them."""
    try:
        marker = msgspec.convert({"stream": "main", **_unpacked(values)}, Marker)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None
    return replace(marker) if is_sound(marker) else None  # decoding leaves out what has its default; history keeps all


def is_sound(marker: Marker) -> bool:
    """Whether a marker can be one of ours."""
    texts = (marker.key, marker.stream, marker.digest, marker.priority, marker.due, marker.rules)
    if not all(isinstance(text, str) for text in texts):
        return False
    return bool(
        _KEY.fullmatch(marker.key)
        and re.fullmatch(r"(P\d)?", marker.priority)
        and (not marker.due or _is_day(marker.due))
        and all(_IMAGE.fullmatch(image) for image in marker.images)
    )


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _packed(ids: Sequence[str], width: int) -> str | list[str]:
    """Ids of hex digits in half the room and more; as they are where one is something else."""
    if not all(re.fullmatch(rf"[0-9a-f]{{{width}}}", one) for one in ids):
        return list(ids)
    return base64.b64encode(bytes.fromhex("".join(ids))).decode()


def _ids(told: Any, width: int) -> list[str]:
    if not isinstance(told, str):
        return list(told)
    digits = base64.b64decode(told, validate=True).hex()
    return [digits[at : at + width] for at in range(0, len(digits), width)]


def _flags(marker: Marker) -> str | list[str]:
    """Which of the findings shown are serious: one bit each, in hex."""
    serious = set(marker.serious)
    if [one for one in marker.shown if one in serious] != list(marker.serious):
        return list(marker.serious)
    return f"{int('1' + ''.join('1' if one in serious else '0' for one in marker.shown), 2):x}"


def _by_day(held: Iterable[str]) -> dict[str, str | list[str]]:
    days: dict[str, list[str]] = {}
    for entry in held:
        finding, _, until = entry.partition(":")
        days.setdefault(until, []).append(finding)
    return {until: _packed(findings, 8) for until, findings in sorted(days.items())}


def _unpacked(values: dict[str, Any]) -> dict[str, Any]:
    """The same with lists of ids."""
    made = dict(values)
    if "shown" in made:
        made["shown"] = _ids(made["shown"], 8)
    if isinstance(made.get("serious"), str):
        bits = f"{int(made['serious'], 16):b}"[1:]
        made["serious"] = [one for one, bit in zip(made["shown"], bits, strict=True) if bit == "1"]
    if isinstance(made.get("images"), str):
        made["images"] = [f"{i[:8]}.{i[8:16]}.{i[16:]}" for i in _ids(made["images"], 24)]
    for name in ("held", "promised"):
        if isinstance(made.get(name), dict):
            days = made[name].items()
            made[name] = sorted(f"{one}:{day}" for day, packed in days for one in _ids(packed, 8))
    return made
