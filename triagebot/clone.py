"""What a folder says of the clone that it lies in; Git is not asked."""

from __future__ import annotations

import re
from pathlib import Path

_ORIGIN = re.compile(r"^(?:https?://|ssh://)?(?:[^@/\s]+@)?github\.com[:/](?P<repo>[^/\s]+/[^/\s]+?)(?:\.git)?/?$")


def below(base: Path) -> str:
    """Where this folder is below the root of its clone; empty: it is the root, or in no clone."""
    here = base.resolve()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    told = here.relative_to(root).as_posix()
    return "" if told == "." or "${{" in told else told


def origin(base: Path) -> str:
    """The repository on github.com that the folder is a clone of, as its Git configuration says; empty: none."""
    for folder in (base, *base.resolve().parents):
        config = folder / ".git" / "config"
        if config.is_file():
            told = re.search(
                r'^\[remote "origin"\][^\[]*?^\s*url\s*=\s*(\S+)', config.read_text(encoding="utf-8", errors="replace"),
                re.MULTILINE | re.DOTALL,
            )  # fmt: skip
            found = _ORIGIN.match(told[1]) if told else None
            return found["repo"] if found else ""
    return ""
