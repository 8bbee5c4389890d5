"""What the settings files share: strict models, durations, lists, names of places, suggestions."""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

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


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Strict(BaseModel):
    """A model that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def cross_faults(cls, value: Any) -> list[tuple[tuple[int | str, ...], str]]:
        """Faults between the parts of a file, as (place, fault); `value` is the raw file and may be anything."""
        return []


def suggest(name: str, known: Any) -> str:
    """`; did you mean 'epss'?`, or nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


Priority = Annotated[str, Field(pattern=r"^P\d$")]
