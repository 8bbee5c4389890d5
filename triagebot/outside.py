"""What comes from outside beside the scan: feeds, and VEX documents.

A feed that cannot be had is never a failed run. A VEX document that cannot be read is a wrong configuration: without
it, what it excuses would open tickets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from triagebot import vexfiles
from triagebot.config import Config
from triagebot.enrichment import Feeds
from triagebot.feeds import Shelf, gather
from triagebot.files import FeedSettings, Location
from triagebot.statements import Statement
from triagebot.yamlfile import placed

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
    documents, unused = vexfiles.documents(config.base, config.settings.vex)
    warnings = [_at(config, _feed(warning), warning) for warning in shelf.warnings]
    for pattern in unused:
        at = ("vex", config.settings.vex.index(pattern))
        warnings.append(_at(config, at, f"vex: no file matches {pattern}"))
    for document in documents:
        if document.unmatched:
            named = ", ".join(document.unmatched[:_NAMED])
            more = len(document.unmatched) - _NAMED
            warnings.append(
                f"vex: {document.name}: cannot be matched: {named}{f' and {more} more' if more > 0 else ''}"
            )
    statements = tuple(s for document in documents for s in document.statements)
    return Outside(feeds, statements, tuple(warnings))


def look_at_files(config: Config, now: datetime) -> tuple[str, ...]:
    """What a person should know of the feeds and VEX documents that are files. No URL is asked; nothing is written.

    Raises `ConfigError` as `look_outside` does.
    """
    feeds = {name: told for name, told in config.settings.feeds if not re.match("https?://", told)}
    settings = config.settings.model_copy(update={"feeds": FeedSettings(**feeds)})
    return look_outside(replace(config, settings=settings), now, keep=False, ask=False).warnings


def _feed(warning: str) -> Location:
    return ("feeds", warning.removeprefix("feeds.").partition(":")[0])


def _at(config: Config, at: Location, warning: str) -> str:
    """A warning with the line of the settings that it is about."""
    return f"{placed(config.path, at)}: {warning}" if config.path else warning
