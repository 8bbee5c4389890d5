"""What VEX documents say, whichever format they are in: statements, and how they are put into words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from triagebot.jsonplaces import Faulty, lines
from triagebot.products import Product


@dataclass(frozen=True)
class Statement:
    """One thing that a document says. `until`: the day on which it ends to excuse; None: it does not end.

    `is_ours`: it carries a decision of ours.
    """

    status: str
    vulnerabilities: tuple[str, ...]
    products: tuple[Product, ...]
    said: str
    at: datetime | None = None
    excuses: bool = False
    until: date | None = None
    is_ours: bool = False

    def is_excusing(self, today: date) -> bool:
        """Whether it excuses what it matches, on that day."""
        return self.excuses and (self.until is None or today < self.until)

    def rank(self, today: date) -> int:
        """What counts first where several speak of one place: a decision of ours in force, the word of others, one of
        ours that has ended."""
        return 0 if not self.is_ours else 1 if self.is_excusing(today) else -1


@dataclass(frozen=True)
class Document:
    """What one file says. `unmatched`: product names in it that tell no package and no image."""

    name: str
    statements: tuple[Statement, ...]
    unmatched: tuple[str, ...] = ()


def worded(status: str, justification: Any, said: str, author: Any, name: str) -> str:
    """A statement in one line, for the ticket. `name`: of the file."""
    reason = f" ({justification})" if justification else ""
    by = f", says {author}" if author else ""
    text = " ".join(said.split())[:200]
    return f"VEX {status}{reason}{by} in {name.rpartition('/')[2]}{f': {text}' if text else ''}"


@dataclass(frozen=True)
class Entries:
    """The entries of a document. `text`: the document as it was written; `key`: the list that they are in;
    `called`: one of them, in a fault."""

    listed: Sequence[Any]
    text: str
    key: str
    called: str


def gathered(
    name: str, entries: Entries, faults_of: Callable[[Any], Sequence[str]],
    said_by: Callable[[Any], tuple[Statement, Iterable[str]] | None],
) -> Document:  # fmt: skip
    """What these entries say. `said_by`: the statement of one without faults, and the products in it that tell no
    package and no image; None: it states nothing. Raises `Faulty` with every fault."""
    faults: list[tuple[int, str]] = []
    statements: list[Statement] = []
    unmatched: dict[str, None] = {}
    for number, entry in enumerate(entries.listed):
        wrong = faults_of(entry)
        faults += [(number, said) for said in wrong]
        if not wrong and (told := said_by(entry)):
            statements.append(told[0])
            unmatched.update(dict.fromkeys(told[1]))
    if faults:
        at = lines(entries.text, entries.key)
        raise Faulty([(at[n] if n < len(at) else 1, f"{entries.called} {n + 1}: {said}") for n, said in faults])
    return Document(name, tuple(statements), tuple(unmatched))


def moment(text: Any) -> datetime | None:
    """An RFC 3339 time; None where it is none. Nanoseconds, as Go writes them, are cut to what matters."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
