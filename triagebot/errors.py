"""What can go wrong, said once: place, cause, remedy.

The command line turns these into exit codes; nothing below it prints or exits.
"""

from __future__ import annotations


def joined(*parts: str) -> str:
    """What is said in several parts, with semicolons between; behind a question a new sentence begins."""
    said, *others = [part for part in parts if part] or [""]
    for part in others:
        said += f" {part[0].upper()}{part[1:]}" if said.endswith("?") else f"; {part}"
    return said


class TriagebotError(Exception):
    """A fault that a person can act on.

    `place` names the file (and line) or server, `cause` what is wrong there, `remedy` what to do next.
    """

    exit_code = 1

    def __init__(self, place: str, cause: str, remedy: str = "") -> None:
        self.place, self.cause, self.remedy = place, cause, remedy
        super().__init__(place, cause, remedy)

    def __str__(self) -> str:
        return joined(f"{self.place}: {self.cause}" if self.place else self.cause, self.remedy)


class InputError(TriagebotError):
    """The scan or a command-line argument cannot be used."""

    exit_code = 2


class ConfigError(TriagebotError):
    """A file that people write is wrong; `cause` lists every fault of that file."""

    exit_code = 2


class ReportError(TriagebotError):
    """One report could not be read. The others go on."""


class UnsafeError(TriagebotError):
    """Refused as implausible; the remedy names the flag that overrides it."""

    exit_code = 3


class LeaseError(TriagebotError):
    """Another run holds the history."""

    exit_code = 4


class TrackerError(TriagebotError):
    """A tracker refused or could not be reached; one ticket or one tracker is affected."""


class ArithmeticFault(TriagebotError):
    """The weekly numbers do not add up: a defect of triagebot, never of the input."""
