"""What people tell triagebot in a comment: one line that starts with `/triagebot`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from triagebot.model import Remark

PREFIX = "/triagebot"
HELP = (
    "Write `/triagebot snooze 14d`, `/triagebot accept until 2027-01-31 because …`, "
    "`/triagebot false-positive because …` or `/triagebot reopen`."
)
LONGEST = timedelta(days=366)
"""A decision lasts a year at most: then somebody looks again."""

_LINE = re.compile(rf"^ {{0,3}}{PREFIX}(?:[ \t]+(?P<said>.*?))?\s*$", re.MULTILINE | re.IGNORECASE)
_CODE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)|\Z)", re.MULTILINE | re.DOTALL)
"""What stands between fences is shown, not said; so is what is indented by four."""
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True)
class Command:
    """One decision of a person on what a ticket showed. `until` has no meaning for `reopen`."""

    kind: Literal["snooze", "accept", "false-positive", "reopen"]
    by: str
    at: datetime
    until: date
    because: str = ""
    shown: tuple[str, ...] = ()


class Malformed(ValueError):
    """A command that says nothing that can be done; the message is for the person who wrote it."""


def speaks(text: str) -> bool:
    """Whether a comment has a command in it."""
    return _found(text) is not None


def read(remark: Remark, expiry: timedelta) -> Command:
    """The first command of a comment. `expiry`: how long a decision without a date of its own holds.

    Raises `Malformed`, also where the person may not decide.
    """
    found = _found(remark.text)
    said = (found["said"] or "").strip() if found else ""
    if not remark.allowed:
        raise Malformed("Only people with write access can decide here.")
    word, *more = said.split(maxsplit=1)[:2] or [""]
    word, rest = word.lower(), more[0] if more else ""
    today = remark.at.astimezone(UTC).date()
    if word == "reopen" and not rest.strip():
        return Command("reopen", remark.by, remark.at, today, shown=remark.shown)
    if word == "snooze":
        until_day = _within(today, today + _span(rest))
        return Command("snooze", remark.by, remark.at, until_day, shown=remark.shown)
    if word == "accept":
        until = re.fullmatch(r"until\s+(\S+)(?:\s+(.*))?", rest.strip(), re.IGNORECASE)
        if not until:
            raise Malformed(f"`accept` needs a date and a reason. {HELP}")
        until_day = _within(today, _day(until[1]))
        return Command("accept", remark.by, remark.at, until_day, _reason(until[2] or ""), remark.shown)
    if word == "false-positive":
        return Command("false-positive", remark.by, remark.at, today + expiry, _reason(rest), remark.shown)
    raise Malformed(f"This is no command that I know. {HELP}")


def _found(text: str) -> re.Match[str] | None:
    return _LINE.search(_CODE.sub("", text.replace("\r", "")))


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(?:for\s+)?(\d{1,4})\s*([dw])", text.strip().lower())
    if not found or not int(found[1]):
        raise Malformed(f"`snooze` needs a time such as `14d` or `2w`. {HELP}")
    return timedelta(days=int(found[1]) * _DAYS[found[2]])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed(f"The date must be spelt like 2027-01-31. {HELP}") from None


def _within(today: date, until: date) -> date:
    if until <= today:
        raise Malformed("That day is not ahead.")
    if until > today + LONGEST:
        raise Malformed(f"A decision holds for a year at most, until {today + LONGEST}.")
    return until


def _reason(text: str) -> str:
    found = re.fullmatch(r"because\s+(\S.*)", text.strip(), re.IGNORECASE)
    if not found:
        raise Malformed(f"Say why: `because …`. {HELP}")
    return found[1]
