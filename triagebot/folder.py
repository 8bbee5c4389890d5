"""A folder of small files, each written aside and then renamed: nobody ever reads half of one."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

from triagebot.errors import InputError


class Folder:
    """Writes files of one folder and of those below it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def aside(self, what: str) -> Path:
        """A name that nobody else uses, for what is not ready yet."""
        return self.path / f".aside-{what}-{os.getpid()}-{secrets.token_hex(4)}"

    def write(self, path: Path, text: str) -> None:
        """The file with this text, all of it or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.aside("file")
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)


def indented(value: Any) -> str:
    """JSON for people. Not by `json.dumps`, whose indenting encoder is in Python and takes longer than a diff."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `InputError` where the file holds none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(str(path), f"history cannot be read: {error}", "restore this file, or delete it") from error
    if not isinstance(told, dict):
        raise InputError(str(path), "history cannot be read: no JSON object", "restore this file, or delete it")
    return told
