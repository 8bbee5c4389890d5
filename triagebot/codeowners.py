"""CODEOWNERS: which people and teams answer for which paths.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners;
GitLab's sections are read as lines: https://docs.gitlab.com/user/project/codeowners/reference/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9._-]+)*")
_SECTION = re.compile(r"^\^?\[(?P<name>[^\]]+)\](?:\[\d+\])?(?P<owners>.*)$")
_WORD = re.compile(r"(?<!\\)\s+")


@dataclass(frozen=True)
class OwnerLine:
    """One line: a path pattern, and the owners that can be named on a ticket (an address cannot)."""

    pattern: str
    owners: tuple[str, ...]

    @property
    def is_default(self) -> bool:
        """Whether it is about everything."""
        return self.pattern.strip("/") in ("*", "**", "**/*")

    @property
    def names(self) -> tuple[str, ...]:
        """What it names, the innermost last: the steps of its path without wildcards and endings of files."""
        steps = [step for step in self.pattern.strip("/").split("/") if step.strip("*")]
        if steps and re.search(r"\.[A-Za-z0-9]+$", steps[-1]):
            steps.pop()  # a file: it tells nothing of an image, its folder does
        return tuple(step.lower() for step in steps if not re.search(r"[*?\[]", step))


def read(text: str) -> list[OwnerLine]:
    """The lines, in their order: the last that matches decides. Lines that take owners away have none."""
    found: list[OwnerLine] = []
    of_section: tuple[str, ...] = ()
    for line in text.splitlines():
        said = re.sub(r"(^|\s)#.*", "", line).strip()
        if not said:
            continue
        if section := _SECTION.match(said):
            of_section = tuple(_OWNER.findall(section["owners"]))
            continue
        pattern, *rest = _WORD.split(said)
        owners = tuple(dict.fromkeys(word for word in rest if _OWNER.fullmatch(word)))
        found.append(OwnerLine(pattern.replace("\\ ", " "), owners or of_section))
    return found


def default(lines: Iterable[OwnerLine]) -> OwnerLine | None:
    """Who answers for what no other line names."""
    return next((line for line in reversed(list(lines)) if line.is_default and line.owners), None)


def of(lines: Iterable[OwnerLine], names: Collection[str]) -> OwnerLine | None:
    """The last line whose innermost folder is called like one of these (an image, a chart); None: no line is."""
    wanted = {name.lower() for name in names}
    return next((line for line in reversed(list(lines)) if line.names and line.names[-1] in wanted), None)
