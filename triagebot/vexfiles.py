"""The files that `vex:` names, as VEX documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from triagebot import vex
from triagebot.errors import ConfigError
from triagebot.statements import Document


def documents(base: Path, patterns: Sequence[str]) -> list[Document]:
    """The documents. Raises `ConfigError` with every fault of them all, and each pattern that no file matches: without
    the documents, what they excuse would open tickets."""
    contents: list[tuple[str, bytes]] = []
    unused: list[str] = []
    for pattern in patterns:
        found = list(_files(base, pattern))
        if not found:
            unused.append(f"vex: no file matches {pattern}; put a document there, or take it out of `vex`")
        for name, path in found:
            try:
                contents.append((name, path.read_bytes()))
            except OSError as error:
                raise ConfigError(name, f"cannot be read: {error.strerror}", "correct `vex`") from error
    documents, faults = vex.read(list(dict(contents).items()))
    if faults or unused:
        said = [f"{name}:{line}: {fault}" for name, faulty in faults for line, fault in faulty.faults]
        remedy = "mend the document, or leave it out of `vex`" if faults else ""
        raise ConfigError("", "\n".join([*unused, *said]), remedy)
    return documents


def _files(base: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    asked = Path(pattern)
    folder = Path(asked.anchor) if asked.anchor else base
    for path in sorted(folder.glob(str(asked.relative_to(asked.anchor)))):
        if path.is_file():
            yield (path if asked.anchor else path.relative_to(base)).as_posix(), path
