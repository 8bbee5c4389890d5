"""The files that `vex:` names, as VEX documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from triagebot import vex
from triagebot.errors import ConfigError
from triagebot.statements import Document


def documents(base: Path, patterns: Sequence[str]) -> tuple[list[Document], list[str]]:
    """(documents, the patterns that no file matches). Raises `ConfigError` with every fault of them all."""
    contents: list[tuple[str, bytes]] = []
    unused: list[str] = []
    for pattern in patterns:
        found = list(_files(base, pattern))
        if not found:
            unused.append(pattern)
        for name, path in found:
            try:
                contents.append((name, path.read_bytes()))
            except OSError as error:
                raise ConfigError(name, f"cannot be read: {error.strerror}", "correct `vex`") from error
    documents, faults = vex.read(list(dict(contents).items()))
    if faults:
        said = [f"{name}:{line}: {fault}" for name, faulty in faults for line, fault in faulty.faults]
        raise ConfigError("", "\n".join(said), "mend the document, or leave it out of `vex`")
    return documents, unused


def named(base: Path, pattern: str) -> bool:
    """Whether there is a file of this name, or one that the glob matches."""
    return any(True for _ in _files(base, pattern))


def _files(base: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    asked = Path(pattern)
    folder = Path(asked.anchor) if asked.anchor else base
    for path in sorted(folder.glob(str(asked.relative_to(asked.anchor)))):
        if path.is_file():
            yield (path if asked.anchor else path.relative_to(base)).as_posix(), path
