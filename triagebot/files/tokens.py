"""Secrets that stand where only the name of a variable, or an address, belongs: found, and never told again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from triagebot.files.words import VARIABLE, Location

REDACTED = "REDACTED"
_TOKEN = re.compile(
    r"gh[opusr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|gl[a-z]{2,6}-[\w-]{16,}|AT[AC]TT[\w+/=-]{20,}|xox[a-z]-[\w-]{10,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|dckr_pat_[\w-]{16,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]+)?"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*",
)
"""GitHub, GitLab, Atlassian, Slack, AWS, Docker, JSON Web Tokens, private keys."""

_LOGIN = re.compile(r"(?:(?<=://)|^)[^/?#\s]*@")
_ASKED = re.compile(
    r"(?<=[?&])(?:[a-z_-]*(?:token|key|secret)|pass(?:word|wd)?|auth|sig(?:nature)?)=[^&#\s]+", re.IGNORECASE
)
_ADDRESSES = ("url", "kev", "epss")
_RANDOM = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{20,}|[0-9a-fA-F]{32,}")

_HELD = "holds a token; write the name of the environment variable that holds it, and renew the token"
_LOGS_IN = "the address holds a name, password or token; leave it out"
_INSTEAD = {
    "trackers": "the token comes from the variable that `token_env` names",
    "feeds": "fetch the feed yourself, and give its path",
}


def is_token(text: str) -> bool:
    """Whether a text that should be the name of a variable is a token: one that is known, or of random letters."""
    return bool(_TOKEN.search(text) or _RANDOM.fullmatch(text))


def is_variable(text: str) -> bool:
    """Whether a text is the name of an environment variable, and no token."""
    return bool(re.fullmatch(VARIABLE, text)) and not is_token(text)


def redacted(text: str) -> str:
    """A text without any token that is known by its form."""
    return _TOKEN.sub(REDACTED, text)


def found(value: Any, at: Location = ()) -> Iterator[tuple[Location, str]]:
    """(place, what is wrong there) of each secret in what a file holds."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from found(inner, (*at, redacted(str(name))))
            if isinstance(name, str) and redacted(name) != name:
                yield at, _HELD
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from found(inner, (*at, number))
    elif isinstance(value, str):
        name = str(at[-1]) if at else ""
        if redacted(value) != value or (name.endswith("_env") and is_token(value)):
            yield at, _HELD
        if _address(name, value) != value:
            instead = _INSTEAD.get(str(at[0]), "")
            yield at, f"{_LOGS_IN}: {instead}" if instead else _LOGS_IN


def cleaned(value: Any, name: str = "") -> Any:
    """What a file holds without its secrets: whatever is said of it from here on tells none."""
    if isinstance(value, dict):
        return {redacted(n) if isinstance(n, str) else n: cleaned(inner, str(n)) for n, inner in value.items()}
    if isinstance(value, list):
        return [cleaned(inner) for inner in value]
    if isinstance(value, str):
        return REDACTED if name.endswith("_env") and is_token(value) else redacted(_address(name, value))
    return value


def _address(name: str, value: str) -> str:
    return _ASKED.sub(REDACTED, _LOGIN.sub("", value)) if name in _ADDRESSES else value
