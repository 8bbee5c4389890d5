"""What people write at the top of a local ticket: read as they mean it, and told where it cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import yaml

from triagebot.errors import joined
from triagebot.files import suggest
from triagebot.model import ClosedAs

Front = dict[str, Any]

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_FRONT = re.compile(r"\A---\r?\n(?P<front>.*?)\r?\n---\r?\n(?P<body>.*)\Z", re.DOTALL)
_CLOSED_AS: dict[str, ClosedAs] = {
    "done": "done", "notplanned": "not-planned", "wontfix": "not-planned", "wontdo": "not-planned",
    "duplicate": "duplicate",
}  # fmt: skip
"""By the letters alone: `not planned` and `Won't fix` are said as well."""

_WORD = re.compile(r"[A-Za-z '’_-]*")
_STATES = ("open", "closed")
_WAYS = ("done", "not-planned", "wontfix", "duplicate")
_LEFT = "until it is put right the ticket is left alone"
_AHEAD = timedelta(hours=14)
"""How far the day of a person may be ahead of ours: that of Kiribati is."""


class _Loader(yaml.SafeLoader):
    """YAML in which a day that is none is text: what is wrong with it is told where it matters, with its line."""


def _day(loader: yaml.SafeLoader, node: Any) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)

MEND = "mend the file (to delete it is a decision)"


class FrontError(ValueError):
    """The top of a ticket cannot be read; `remedy` says what to do. `front`: what it holds, as far as that is known."""

    def __init__(self, cause: str, remedy: str = MEND, front: Front | None = None) -> None:
        self.cause, self.remedy, self.front = cause, remedy, front
        super().__init__(cause, remedy)

    def __str__(self) -> str:
        return joined(self.cause, self.remedy)


def split(data: bytes) -> tuple[str, Front, str]:
    """The front matter as text and as values, and the body. Raises `FrontError` where there is none."""
    try:
        found = _FRONT.match(data.decode("utf-8-sig"))
        front = yaml.load(found["front"], Loader=_Loader) if found else None  # noqa: S506 - it is a safe one
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise FrontError(f"cannot be read: {str(error).splitlines()[0]}") from error
    if not found or not isinstance(front, dict):
        raise FrontError("cannot be read: no YAML front matter")
    return found["front"], front, found["body"]


def written(front: Mapping[str, Any], body: str) -> str:
    """A ticket as text."""
    told = yaml.dump(dict(front), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{told}---\n{body}"


def parsed(data: bytes, now: datetime | None = None) -> tuple[Front, str]:
    """Front matter and body. Raises `FrontError` where there is none, and where it does not say how the ticket stands.

    A word that is no state is taken for neither: to close what is open, or to open what a person closed, is worse
    than to wait for the right word. So is a day of closing that is none, or that is yet to come as of `now`: what
    was decided would end some time, and nobody could say when.
    """
    text, front, body = split(data)
    _refuse_misspelt(text, front, now)
    return front, body


def _refuse_misspelt(text: str, front: Front, now: datetime | None) -> None:
    if _letters(front.get("state")) not in _STATES:
        raise _misspelt(text, front, "state", _STATES)
    if stands_open(front):
        return  # what is left there of an earlier closing says nothing
    if "closed_as" not in front and (odd := [key for key in front if _bare(key) == "closedas"]):
        said = f"`{odd[0]}:` is no field; did you mean `closed_as`?"
        raise FrontError(said, "until then it is left alone", front)
    if _letters(front.get("closed_as")) not in {*_CLOSED_AS, ""}:
        raise _misspelt(text, front, "closed_as", _WAYS)
    if front.get("closed") not in (None, "") and time(front["closed"]) is None:
        said = f"{_placed(text, front, 'closed')} is no day; write for example 2026-05-01"
        raise FrontError(said, _LEFT, front)
    if now and noted(front) != closing(front) and is_ahead(front.get("closed"), now):
        said = f"{_placed(text, front, 'closed')} is yet to come; write the day on which it was closed"
        raise FrontError(said, _LEFT, front)


def _misspelt(text: str, front: Front, name: str, words: tuple[str, ...]) -> FrontError:
    either = f"{', '.join(words[:-1])} or {words[-1]}"
    if name not in front:
        return FrontError(f"has no `{name}:` at its top", f"write {either}; until then it is left alone", front)
    place = _placed(text, front, name)
    if not place.startswith("line"):
        return FrontError(
            f"{place} is none of {', '.join(words)}", f"write {either}; until then it is left alone", front
        )
    near = suggest(str(front[name]).lower(), words)
    return FrontError(f"{place} is none of {', '.join(words)}{near}", _LEFT, front)


def _placed(text: str, front: Front, name: str) -> str:
    """A field as it stands there, with its line."""
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = [pair for pair in root.value if pair[0].value == name]
    if not pairs:  # it comes from elsewhere: `<<: *anchor`
        return f"`{name}`"
    key, value = pairs[-1]
    said = text[value.start_mark.index : value.end_mark.index].partition("\n")[0][:40]
    return f"line {key.start_mark.line + 2}: `{name}: {said}`"  # line 1 is ---


def _letters(value: object) -> str:
    """A word by its letters alone; what is no word is none that is known."""
    if value is None or value == "":
        return ""
    is_word = isinstance(value, str) and _WORD.fullmatch(value)
    return _bare(value) if is_word else "?"


def _bare(value: object) -> str:
    return re.sub(r"[^a-z]", "", str(value).lower())


def stands_open(front: Mapping[str, Any]) -> bool:
    """Whether the ticket is open."""
    return _letters(front["state"]) == "open"


def closed_as(front: Mapping[str, Any]) -> ClosedAs:
    """As what a closed ticket was closed; without a word, as done."""
    return _CLOSED_AS[_letters(front.get("closed_as")) or "done"]


def closing(front: Mapping[str, Any]) -> str:
    """What we note of a closing of ours: a later one by a person, as something else or another day, is theirs."""
    return f"triagebot {front.get('closed_as')} {front.get('closed')}"


def noted(front: Mapping[str, Any]) -> str:
    """What we noted there of a closing of ours; empty: nothing."""
    told = front.get("triagebot")
    return str(told.get("closed_by", "")) if isinstance(told, dict) else ""


def time(value: object) -> datetime | None:
    """A time that people wrote; None: there is none that can be read."""
    if isinstance(value, datetime):
        with suppress(OverflowError):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, 23, 59, 59, tzinfo=UTC)  # a scan of that day tells nothing
    for kind in (date, datetime):
        with suppress(ValueError):
            return time(kind.fromisoformat(str(value).strip())) if value else None
    return None


def is_ahead(value: object, now: datetime) -> bool:
    """Whether a time that people wrote is yet to come, wherever they are: a day as soon as it has begun nowhere."""
    at = time(value)
    is_day = at is not None and (at.hour, at.minute, at.second) == (23, 59, 59)
    return at is not None and at - timedelta(days=is_day) > now + _AHEAD


def names(value: object) -> list[str]:
    """A list of names; one name without a list is one name."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []
