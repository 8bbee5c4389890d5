"""What comes from outside beside the scan: feeds, and VEX documents.

A feed that cannot be had is never a failed run. A VEX document that cannot be read is a wrong configuration: without
it, what it excuses would open tickets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from triagebot import vex
from triagebot.config import Config
from triagebot.enrichment import Feeds
from triagebot.errors import ConfigError
from triagebot.feeds import Shelf, gather
from triagebot.statements import Document, Statement

_NAMED = 5


@dataclass(frozen=True)
class Outside:
    """Feeds, the statements of all VEX documents in their order, and what a person should know of them."""

    feeds: Feeds
    statements: tuple[Statement, ...] = ()
    warnings: tuple[str, ...] = ()


def look_outside(config: Config, now: datetime, keep: bool, ask: bool) -> Outside:
    """Read it all. `keep`: whether copies of feeds may be written; `ask`: whether URLs are asked although there is
    a copy.

    Raises `ConfigError` with every fault of every VEX document.
    """
    shelf = Shelf(config.history / "cache" / "feeds", now, keep, ask)
    feeds = gather(config.settings.feeds, config.base, shelf)
    documents, unused = _documents(config)
    warnings = [*shelf.warnings, *unused]
    for document in documents:
        if document.unmatched:
            named = ", ".join(document.unmatched[:_NAMED])
            more = len(document.unmatched) - _NAMED
            warnings.append(
                f"vex: {document.name}: cannot be matched: {named}{f' and {more} more' if more > 0 else ''}"
            )
    statements = tuple(s for document in documents for s in document.statements)
    return Outside(feeds, statements, tuple(warnings))


def _documents(config: Config) -> tuple[list[Document], list[str]]:
    contents: list[tuple[str, bytes]] = []
    unused: list[str] = []
    for pattern in config.settings.vex:
        found = list(_files(config.base, pattern))
        if not found:
            unused.append(f"vex: no file matches {pattern}")
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


def _files(base: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    asked = Path(pattern)
    folder = Path(asked.anchor) if asked.anchor else base
    for path in sorted(folder.glob(str(asked.relative_to(asked.anchor)))):
        if path.is_file():
            yield (path if asked.anchor else path.relative_to(base)).as_posix(), path
