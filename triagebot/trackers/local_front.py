"""What people write at the top of a local ticket: read as they mean it, and told where it cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import yaml

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


MEND = "mend the file (to delete it is a decision)"


class FrontError(ValueError):
    """The top of a ticket cannot be read; `remedy` says what to do."""

    def __init__(self, cause: str, remedy: str = MEND) -> None:
        self.cause, self.remedy = cause, remedy
        super().__init__(cause, remedy)

    def __str__(self) -> str:
        return f"{self.cause}; {self.remedy}"


def split(data: bytes) -> tuple[str, Front, str]:
    """The front matter as text and as values, and the body. Raises `FrontError` where there is none."""
    try:
        found = _FRONT.match(data.decode("utf-8-sig"))
        front = yaml.safe_load(found["front"]) if found else None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise FrontError(f"cannot be read: {str(error).splitlines()[0]}") from error
    if not found or not isinstance(front, dict):
        raise FrontError("cannot be read: no YAML front matter")
    return found["front"], front, found["body"]


def written(front: Mapping[str, Any], body: str) -> str:
    """A ticket as text."""
    told = yaml.dump(dict(front), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{told}---\n{body}"


def parsed(data: bytes) -> tuple[Front, str]:
    """Front matter and body. Raises `FrontError` where there is none, and where it does not say how the ticket stands.

    A word that is no state is taken for neither: to close what is open, or to open what a person closed, is worse
    than to wait for the right word.
    """
    text, front, body = split(data)
    for name, words, letters in (
        ("state", ("open", "closed"), {"open", "closed"}),
        ("closed_as", ("done", "not-planned", "duplicate"), {*_CLOSED_AS, ""}),
    ):
        if name == "closed_as":
            if stands_open(front):
                break  # what is left there of an earlier closing says nothing
            if name not in front and (odd := [key for key in front if _letters(key) == "closedas"]):
                raise FrontError(f"`{odd[0]}:` is no field; did you mean `{name}`?", "until then it is left alone")
        if _letters(front.get(name)) not in letters:
            raise _misspelt(text, front, name, words)
    return front, body


def _misspelt(text: str, front: Front, name: str, words: tuple[str, ...]) -> FrontError:
    either = f"{', '.join(words[:-1])} or {words[-1]}"
    if name not in front:
        return FrontError(f"has no `{name}:` at its top", f"write {either}; until then it is left alone")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = [pair for pair in root.value if pair[0].value == name]
    if not pairs:  # it comes from elsewhere: `<<: *anchor`
        return FrontError(f"`{name}` is none of {', '.join(words)}", f"write {either}; until then it is left alone")
    key, value = pairs[-1]
    said = text[value.start_mark.index : value.end_mark.index].partition("\n")[0][:40]
    near = suggest(str(front[name]).lower(), words)
    return FrontError(
        f"line {key.start_mark.line + 2}: `{name}: {said}` is none of {', '.join(words)}{near}",  # line 1 is ---
        "until it is put right the ticket is left alone",
    )


def _letters(value: object) -> str:
    """A word by its letters alone; what is no word is none that is known."""
    return re.sub(r"[^a-z]", "", value.lower()) if isinstance(value, str) else "" if value is None else "?"


def stands_open(front: Mapping[str, Any]) -> bool:
    """Whether the ticket is open."""
    return _letters(front["state"]) == "open"


def closed_as(front: Mapping[str, Any]) -> ClosedAs:
    """As what a closed ticket was closed; without a word, as done."""
    return _CLOSED_AS[_letters(front.get("closed_as")) or "done"]


def time(value: object) -> datetime | None:
    """A time that people wrote; None: there is none that can be read."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, 23, 59, 59, tzinfo=UTC)  # a scan of that day tells nothing
    try:
        return time(datetime.fromisoformat(str(value))) if value else None
    except ValueError:
        return None


def names(value: object) -> list[str]:
    """A list of names; one name without a list is one name."""
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []
