"""What the settings files share: strict models, durations, lists, names of places, suggestions."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

PRIORITY = r"^P\d$"
URL = r"^https?://\S+$"
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$"
PROJECT = r"^[A-Z][A-Z0-9_]+$"
_DURATION = re.compile(r"^(\d+)\s*([hdw])$")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (found := _DURATION.match(value.strip())):
        return int(found[1]) * _UNIT[found[2]]
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is no duration; write for example 12h, 3d or 2w")


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda d: f"{int(d.total_seconds() // 3600)}h", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*[hdw]$", "examples": ["3d", "12h"]}),
]


def _formed(pattern: str, told: str) -> BeforeValidator:
    """A text of this form; what is none is told in words, not as a regular expression."""

    def checked(value: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise ValueError(f"{value!r} {told}")

    return BeforeValidator(checked)


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


_NO_REPOSITORY = "is no repository; write owner/name, for example acme/platform"
_NO_PROJECT = "is no key of a Jira project; write it in capital letters, for example NET"
_NO_URL = "is no address; write it in full, for example https://jira.example.com"
_NO_PRIORITY = "is no priority; write P0 (the most urgent) to P9, for example P1"

Repository = Annotated[str, _formed(REPOSITORY, _NO_REPOSITORY), _text(REPOSITORY)]
Project = Annotated[str, _formed(PROJECT, _NO_PROJECT), _text(PROJECT)]
Url = Annotated[str, _formed(URL, _NO_URL), _text(URL)]
Priority = Annotated[str, _formed(PRIORITY, _NO_PRIORITY), _text(PRIORITY)]
RepositoryOrNone = Annotated[str, _formed(rf"^$|{REPOSITORY}", _NO_REPOSITORY), _text(rf"^$|{REPOSITORY}")]
ProjectOrNone = Annotated[str, _formed(rf"^$|{PROJECT}", _NO_PROJECT), _text(rf"^$|{PROJECT}")]
UrlOrNone = Annotated[str, _formed(rf"^$|{URL}", _NO_URL), _text(rf"^$|{URL}")]


def _day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    with suppress(ValueError):
        if isinstance(value, str):
            return date.fromisoformat(value.strip())
    raise ValueError(f"{value!r} is no date; write for example 2027-01-31")


Day = Annotated[date, BeforeValidator(_day)]
"""A date as people write it: a number is none, though it could be read as seconds since 1970."""


def _listed(value: Any) -> Any:
    if isinstance(value, str | list):
        return [value] if isinstance(value, str) else value
    raise ValueError("should be a text, or a list of texts")


Texts = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


Location = tuple[int | str, ...]
"""Where something stands in a file: names and places in lists, from the outside in."""


class Fault(NamedTuple):
    """What is wrong between the parts of a file. `first`: where the other part stands, if its line is to be told."""

    at: Location
    said: str
    first: Location = ()


class Strict(BaseModel):
    """A model that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def cross_faults(cls, value: Any) -> list[Fault]:
        """Faults between the parts of a file; `value` is the raw file and may be anything."""
        return []


def suggest(name: str, known: Any) -> str:
    """`; did you mean 'epss'?`, or nothing."""
    close = get_close_matches(name, [one for one in known if isinstance(one, str)], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
