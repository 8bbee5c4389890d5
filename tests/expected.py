"""The expected tables of the fixtures, and the table of what each format tells that is made from them.

`python tests/expected.py` writes both anew; look at the difference before you commit it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from triagebot import formats
from triagebot.formats import ROW, Format, Report

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures" / "formats"
DOCS = HERE.parent / "docs" / "formats.md"

ROWS = ("file", "image", *(name for name in ROW if name not in ("title", "url")), "title", "url")
REPORTS = (
    "file", "image", "digest", "scanner", "scanner_version", "scanned_at", "db_date", "targets", "error", "entries",
    "rows", "left_out", "added", "aliases",
)  # fmt: skip
BEGIN, END = "<!-- told: made by tests/expected.py -->\n", "<!-- told: end -->\n"


def folder(format_: Format) -> Path:
    """Where the fixtures of a format lie."""
    return FIXTURES / format_.NAME.replace(" ", "-")


def documents(format_: Format) -> list[Path]:
    """The documents of a format, in order."""
    return sorted(p for p in folder(format_).glob("*") if p.suffix != ".csv")


def read(document: Path) -> tuple[str, list[Report]]:
    """What a fixture is taken for, and its reports."""
    name, reports = formats.read(document.read_bytes())
    return name, list(reports)


def rows_table(format_: Format) -> str:
    """Every row of every fixture, as CSV."""
    return _csv(ROWS, (row for document in documents(format_) for row in _rows(document)))


def reports_table(format_: Format) -> str:
    """Every report of every fixture, as CSV."""
    return _csv(REPORTS, (line for document in documents(format_) for line in _reports(document)))


def _rows(document: Path) -> Iterator[list[object]]:
    for report in read(document)[1]:
        for row in report.rows:
            told = dict(zip(ROW, row, strict=True))
            yield [document.name, report.image, *(told[name] for name in ROWS[2:])]


def _reports(document: Path) -> Iterator[list[object]]:
    for r in read(document)[1]:
        left = "; ".join(f"{n} {rule}" for rule, n in sorted(r.left_out.items()))
        aliases = "; ".join(f"{a} = {v}" for a, v in sorted(r.aliases))
        yield [
            document.name, r.image, r.digest, r.scanner, r.scanner_version, r.scanned_at or "", r.db_date or "",
            ",".join(sorted(r.targets)), r.error, r.entries, len(r.rows), left, r.added, aliases,
        ]  # fmt: skip


def _csv(head: tuple[str, ...], lines: Iterator[list[object]]) -> str:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return held.getvalue()


TOLD: tuple[tuple[str, Callable[[Report], bool]], ...] = (
    ("image", lambda r: bool(r.image)),
    ("digest", lambda r: bool(r.digest)),
    ("date", lambda r: r.scanned_at is not None),
    ("database date", lambda r: r.db_date is not None),
    ("aliases", lambda r: bool(r.aliases)),
    ("fixed version", lambda r: any(row[4] for row in r.rows)),
    ("fix state", lambda r: any(row[5] in ("not-fixed", "wont-fix") for row in r.rows)),
    ("score", lambda r: any(row[10] is not None for row in r.rows)),
    ("place", lambda r: any(row[11] for row in r.rows)),
)
KINDS = ("vulnerability", "misconfiguration", "secret")


def told_table() -> str:
    """What each format can tell, as Markdown: yes where all fixtures that could tell it do, some where only some do."""
    lines = ["| Format | Finds | " + " | ".join(name for name, _ in TOLD) + " |", "|---|---|" + "---|" * len(TOLD)]
    for format_ in formats.FORMATS:
        reports = [r for document in documents(format_) for r in read(document)[1]]
        kinds = [kind for kind in KINDS if any(row[0] == kind for r in reports for row in r.rows)]
        finds = ", ".join(kinds) or "a scan that failed"
        lines.append(f"| {format_.NAME} | {finds} | " + " | ".join(_said(reports, told) for _, told in TOLD) + " |")
    return "\n".join(lines) + "\n"


def _said(reports: list[Report], told: Callable[[Report], bool]) -> str:
    able = [r for r in reports if r.rows] or reports
    count = sum(told(r) for r in able)
    return "yes" if count == len(able) else "some" if count else "no"


def documented(text: str) -> str:
    """The page with the table in its place."""
    return re.sub(f"(?s){re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: BEGIN + told_table() + END, text)


def write() -> None:
    """Write all tables anew."""
    for format_ in formats.FORMATS:
        (folder(format_) / "expected.csv").write_text(rows_table(format_), encoding="utf-8")
        (folder(format_) / "reports.csv").write_text(reports_table(format_), encoding="utf-8")
    if DOCS.exists():
        DOCS.write_text(documented(DOCS.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
