"""A scan that failed and left what its wrapper saw: `{"stdout": …, "stderr": …, "exitcode": 125, "cmd": …}`.

Must never read as "everything fixed": it becomes a failed report, of the image in its command line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats.interface import Report, decoded

NAME = "failed scan"
HINT = re.compile(rb'"exitcode"', re.IGNORECASE)

_SCANNERS = ("trivy", "grype", "snyk")


class Wrapper(Struct):
    exitcode: int | str | UnsetType = UNSET
    exit_code: int | str | UnsetType = msgspec.field(name="exitCode", default=UNSET)
    stderr: str | dict[str, str] | None = None
    cmd: str | list[str] | None = None


SHAPE = Wrapper
_WRAPPER = msgspec.json.Decoder(Wrapper)


def read(data: bytes) -> Sequence[Report] | None:
    """One failed report, or None where this is no such wrapper."""
    found = decoded(_WRAPPER, data)
    if found is None or (found.exitcode is UNSET and found.exit_code is UNSET):
        return None
    if found.cmd is None and found.stderr is None:
        return None
    words = found.cmd if isinstance(found.cmd, list) else _words(found.cmd or "")
    said = found.stderr if isinstance(found.stderr, str) else ""
    code = found.exit_code if found.exitcode is UNSET else found.exitcode
    reason = said.strip().partition("\n")[0] or "no message"
    scanner = next((s for s in _SCANNERS if any(s in word.lower() for word in words)), "")
    return [Report(scanner, image=_image(words), error=f"the scanner ended with exit code {code}: {reason}")]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _image(words: list[str]) -> str:
    """The last word that is no option: scanners take the image last."""
    last = words[-1] if words else ""
    return "" if last.startswith("-") else last
