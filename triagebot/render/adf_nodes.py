"""Nodes of documents of Jira Cloud: plain JSON, as compact as its schema allows. Text from a scan is a text node.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triagebot.render.escape import plain

Node = dict[str, Any]


def text(said: object, *marks: str, link: str = "", limit: int = 300) -> list[Node]:
    """A text node; none for nothing, which is no text in ADF."""
    shown = plain(said, limit)
    marked: list[Node] = [{"type": mark} for mark in marks]
    marked += [{"type": "link", "attrs": {"href": link}}] if link else []
    return [{"type": "text", "text": shown, **({"marks": marked} if marked else {})}] if shown else []


def words(said: str) -> list[Node]:
    """Our own words, with the spaces at their ends."""
    return [{"type": "text", "text": said}] if said else []


def strong(said: str) -> list[Node]:
    """Our own words in bold."""
    return [{"type": "text", "text": said, "marks": [{"type": "strong"}]}]


def code(said: object, limit: int = 300) -> list[Node]:
    """Text in a fixed-width font."""
    return text(said, "code", limit=limit)


def paragraph(*parts: Sequence[Node]) -> Node:
    """Inline nodes in a row."""
    return {"type": "paragraph", "content": [node for part in parts for node in part]}


def heading(said: str) -> Node:
    """A heading of the third level."""
    return {"type": "heading", "attrs": {"level": 3}, "content": words(said)}


def bullets(items: Sequence[Sequence[Node]], more: int = 0) -> list[Node]:
    """A list, one paragraph an item; nothing where there are none."""
    rows = [*items, *([words(f"and {more} more")] if more else [])]
    listed = [{"type": "listItem", "content": [paragraph(row)]} for row in rows]
    return [{"type": "bulletList", "content": listed}] if listed else []


def table(heads: Sequence[str], rows: Sequence[Sequence[Sequence[Node]]], more: int = 0) -> list[Node]:
    """A table with a row of heads, and how many rows it leaves out."""
    top = [{"type": "tableHeader", "content": [paragraph(words(head))]} for head in heads]
    body = [[{"type": "tableCell", "content": [paragraph(cell)]} for cell in row] for row in rows]
    made: Node = {"type": "table", "content": [{"type": "tableRow", "content": row} for row in (top, *body)]}
    return [made, *([paragraph(words(f"and {more} more"))] if more else [])]


def panel(kind: str, *content: Node) -> Node:
    """A coloured box."""
    return {"type": "panel", "attrs": {"panelType": kind}, "content": list(content)}
