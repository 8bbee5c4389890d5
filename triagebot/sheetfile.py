"""A sheet as the bytes of a file: an Excel workbook, or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from triagebot.errors import InputError
from triagebot.sheet import HEAD, TOTALS, Cell, Sheet

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

CELL_LIMIT = 32_767
"""Characters of a cell: https://support.microsoft.com/office/excel-specifications-and-limits."""
_WIDTHS = {"Image": 60, "Digest": 24, "Charts": 30, "Team": 16, "Status": 24, "Last scanned": 13, "Identifiers": 80}
_NARROW = 12


def writer(name: str) -> Callable[[Sheet], bytes]:
    """What writes a file of this name, so that a wrong name is told before anything is read."""
    for ending, write in (("xlsx", xlsx), ("csv", as_csv)):
        if name.lower().endswith(f".{ending}"):
            return write
    raise InputError(f"--out {name}", "tells no format that can be written", "end the name in .xlsx or .csv")


def as_csv(sheet: Sheet) -> bytes:
    """The images as CSV (RFC 4180, UTF-8). The totals are in the workbook alone."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEAD, *(["" if cell is None else cell for cell in row] for row in sheet.rows)])
    return text.getvalue().encode()


def xlsx(sheet: Sheet) -> bytes:
    """A workbook with the images and the totals; the same sheet gives the same bytes."""
    import xlsxwriter  # noqa: PLC0415 - the one command that needs it

    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"in_memory": True}) as book:
        book.set_properties({"title": "Images", "created": sheet.taken_at.replace(tzinfo=None)})
        head, score = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"num_format": "0.0"})
        images = book.add_worksheet("Images")
        _write(images, 0, [HEAD], head)
        _write(images, 1, sheet.rows)
        images.freeze_panes(1, 1)
        images.autofilter(0, 0, max(len(sheet.rows), 1), len(HEAD) - 1)
        for at, name in enumerate(HEAD):
            images.set_column(at, at, _WIDTHS.get(name, _NARROW), score if name.startswith("CVSS") else None)
        totals = book.add_worksheet("Totals")
        _write(totals, 0, [TOTALS], head)
        _write(totals, 1, sheet.totals)
        _write(totals, len(sheet.totals) + 2, sheet.facts)
        totals.freeze_panes(1, 0)
        totals.autofilter(0, 0, max(len(sheet.totals) - 1, 1), len(TOTALS) - 1)
        totals.set_column(0, 0, 42)
        totals.set_column(1, len(TOTALS) - 1, 16)
    return held.getvalue()


def _write(page: Worksheet, top: int, rows: Sequence[Sequence[Cell]], style: Format | None = None) -> None:
    """Text is written as text, whatever it looks like: never a formula, link or number."""
    for y, row in enumerate(rows, top):
        for x, cell in enumerate(row):
            if cell and isinstance(cell, str):
                page.write_string(y, x, shortened(cell), style)
            elif isinstance(cell, int | float):
                page.write_number(y, x, cell, style)


def shortened(text: str, limit: int = CELL_LIMIT) -> str:
    """A list that fits into a cell, with how much of it does not; other text is cut.

    Excel counts UTF-16 code units.
    """
    if _length(text) <= limit:
        return text
    names = text.split(", ")
    kept, held = 0, 0
    for name in names:
        held += _length(name) + 2
        if held + len(f"and {len(names)} more") > limit:
            break
        kept += 1
    if not kept:
        return text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore") + "…"
    return f"{', '.join(names[:kept])}, and {len(names) - kept} more"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
