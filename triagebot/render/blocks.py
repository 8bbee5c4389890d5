"""A page of headings, paragraphs, tables, lists and a chart, as each markup writes it.

What a page says is decided once; here it only gets its form. Words of ours are written as they are; data is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from triagebot.render import adf_nodes as adf
from triagebot.render.escape import markdown_code, markdown_text, markdown_url, plain, wiki_code, wiki_text

Style = Literal["words", "strong", "text", "code"]


@dataclass(frozen=True)
class Said:
    """A piece of a line. `words` and `strong` are ours; `text` and `code` are data."""

    what: str
    style: Style = "words"
    link: str = ""


Line = tuple[Said, ...]


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3."""

    line: Line
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """One line of text."""

    line: Line


@dataclass(frozen=True)
class Table:
    """A table. `left`: how many columns hold words; the others hold numbers. `more`: how many rows are left out."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    left: int = 1
    more: int = 0


@dataclass(frozen=True)
class Bullets:
    """A list. `more`: how many items are left out."""

    items: tuple[Line, ...]
    more: int = 0


@dataclass(frozen=True)
class Chart:
    """Bars and a line over the same places. `picture`: the file that shows it, where a markup cannot draw."""

    title: str
    places: tuple[str, ...]
    bars: tuple[int, ...]
    line: tuple[int, ...]
    picture: str = ""


Block = Heading | Paragraph | Table | Bullets | Chart


def line(*parts: str | Said) -> Line:
    """A line of words and pieces."""
    return tuple(Said(part) if isinstance(part, str) else part for part in parts)


def written(blocks: Sequence[Block], markup: str) -> str:
    """The page: Markdown, wiki markup, or for `adf` a list of nodes as JSON."""
    if markup == "adf":
        nodes = [node for block in blocks for node in _nodes(block)]
        return json.dumps(nodes, ensure_ascii=False, separators=(",", ":"))
    one = {"markdown": _markdown, "jira": _wiki}[markup]
    return "\n\n".join(told for block in blocks if (told := one(block))) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_pieces(block.line, _MARKDOWN)}"
        case Paragraph():
            return _pieces(block.line, _MARKDOWN)
        case Table():
            return "\n".join(
                [_row(block.heads), _rule(block), *(_row(_cells(row)) for row in block.rows), *_more(block)]
            )
        case Bullets():
            return "\n".join([*(f"- {_pieces(item, _MARKDOWN)}" for item in block.items), *_more(block, "- ")])
        case Chart():
            return _mermaid(block)


def _cells(row: Sequence[Line]) -> list[str]:
    return [_pieces(cell, _MARKDOWN) for cell in row]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(table: Table) -> str:
    return f"|{'|'.join('---' if at < table.left else '---:' for at in range(len(table.heads)))}|"


def _more(block: Table | Bullets, lead: str = "\n") -> list[str]:
    return [f"{lead}and {block.more} more"] if block.more else []


def _mermaid(chart: Chart) -> str:
    """https://mermaid.js.org/syntax/xyChart.html: a text in quotes may hold anything but quotes."""
    places = ", ".join(f'"{_quotable(place)}"' for place in chart.places)
    return "\n".join([
        "```mermaid", "xychart-beta", f'  title "{_quotable(chart.title, 100)}"', f"  x-axis [{places}]",
        f'  y-axis "findings" 0 --> {max(1, *chart.bars, *chart.line)}',
        f"  bar {list(chart.bars)}", f"  line {list(chart.line)}", "```",
    ])  # fmt: skip


def _quotable(said: str, limit: int = 40) -> str:
    kept = "".join(c for c in plain(said, limit) if c.isalnum() or c in " .,:;()-_+/")
    return kept or "-"


def _wiki(block: Block) -> str:
    match block:
        case Heading():
            return f"h{block.level}. {_pieces(block.line, _WIKI)}"
        case Paragraph():
            return _pieces(block.line, _WIKI)
        case Table():
            rows = [f"|{'|'.join(_pieces(cell, _WIKI) or ' ' for cell in row)}|" for row in block.rows]
            return "\n".join([f"||{'||'.join(block.heads)}||", *rows, *_more(block)])
        case Bullets():
            return "\n".join([*(f"* {_pieces(item, _WIKI)}" for item in block.items), *_more(block, "* ")])
        case Chart():
            return f"{block.title}:\n!{block.picture}|width=720!" if block.picture else ""


_Forms = dict[Style, Callable[[str], str]]
_MARKDOWN: _Forms = {
    "words": str, "strong": lambda said: f"**{said}**", "text": markdown_text, "code": markdown_code,
}  # fmt: skip
_WIKI: _Forms = {"words": str, "strong": lambda said: f"*{said}*", "text": wiki_text, "code": wiki_code}


def _pieces(said: Line, forms: _Forms) -> str:
    told = ""
    for piece in said:
        form = forms[piece.style](piece.what)
        address = markdown_url(piece.link)
        if address:
            form = f"[{form}]({address})" if forms is _MARKDOWN else f"[{form}|{address}]"
        told += form
    return told


def _nodes(block: Block) -> list[adf.Node]:
    match block:
        case Heading():
            return [adf.heading("".join(piece.what for piece in block.line))]
        case Paragraph():
            return [adf.paragraph(_inline(block.line))]
        case Table():
            return adf.table(block.heads, [[_inline(cell) for cell in row] for row in block.rows], block.more)
        case Bullets():
            return adf.bullets([_inline(item) for item in block.items], block.more)
        case Chart():
            said = [*adf.words(f"{block.title}: see the attached picture "), *adf.code(block.picture)]
            return [adf.paragraph(said)] if block.picture else []


def _inline(said: Line) -> list[adf.Node]:
    nodes: list[adf.Node] = []
    for piece in said:
        address = markdown_url(piece.link)
        if piece.style == "strong":
            nodes += adf.strong(piece.what) if piece.what else []
        elif piece.style == "code":
            nodes += adf.text(piece.what, "code", link=address)
        elif piece.style == "text" or address:
            nodes += adf.text(piece.what, link=address)
        else:
            nodes += adf.words(piece.what)
    return nodes
