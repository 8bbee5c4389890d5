"""Descriptions and comments of Jira, wiki markup or documents, and where our block is in them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from triagebot.render.adf import FOOT, HEAD

Node = dict[str, Any]
_BEGIN, _END = "{anchor:triagebot-begin}", "{anchor:triagebot-end}"
_BLOCK = re.compile(re.escape(_BEGIN) + r".*?" + re.escape(_END), re.DOTALL)


class Form(Protocol):
    """How a flavour of Jira holds text."""

    def stands(self, body: Any) -> bool:
        """Whether our block is in it."""

    def outside(self, body: Any) -> int:
        """How many characters people wrote."""

    def written(self, body: Any, block: str) -> Any:
        """The text with our block in it, people's text left as it is."""

    def comment(self, said: str, *more: str) -> Any:
        """A comment; `more`: plain sentences after it."""

    def plain(self, body: Any) -> str:
        """What people read, a line a paragraph."""

    def size(self, body: Any) -> int:
        """What counts against Jira's limit."""


class Wiki:
    """A text; invisible anchors around our block."""

    def stands(self, body: Any) -> bool:
        return bool(_BLOCK.search(body or ""))

    def outside(self, body: Any) -> int:
        return len(_BLOCK.sub("", body or "").strip())

    def written(self, body: Any, block: str) -> Any:
        # Jira keeps line ends as Windows writes them, and gives them back so.
        text = str(body or "").replace("\r\n", "\n")
        managed = f"{_BEGIN}\n{block.strip()}\n{_END}"
        if _BLOCK.search(text):
            return _BLOCK.sub(lambda _: managed, text, count=1)
        text = text.replace(_BEGIN, "").replace(_END, "")
        return f"{text.rstrip()}\n\n{managed}\n" if text.strip() else f"{managed}\n"

    def comment(self, said: str, *more: str) -> Any:
        return "\n\n".join([said.strip(), *more])

    def plain(self, body: Any) -> str:
        return str(body or "")

    def size(self, body: Any) -> int:
        return len(str(body or ""))


class Document:
    """A document; our block is what stands between the panel that it begins with and the sentence that it ends with.

    Cloud's editor keeps no hidden marks, so the borders are what people see.
    """

    def stands(self, body: Any) -> bool:
        return _span(_nodes(body)) is not None

    def outside(self, body: Any) -> int:
        nodes = _nodes(body)
        span = _span(nodes)
        theirs = [*nodes[: span[0]], *nodes[span[1] + 1 :]] if span else nodes
        return _size(theirs) if theirs else 0

    def written(self, body: Any, block: str) -> Any:
        nodes, ours = _nodes(body), _bordered(_parsed(block))
        span = _span(nodes)
        if span:
            made = [*nodes[: span[0]], *ours, *nodes[span[1] + 1 :]]
        else:
            made = [*(n for n in nodes if not _is_head(n) and not _is_foot(n)), *ours]
        return _document(made)

    def comment(self, said: str, *more: str) -> Any:
        return _document([*_parsed(said), *(_paragraph(sentence) for sentence in more)])

    def plain(self, body: Any) -> str:
        return "\n".join(_text(node) for node in _nodes(body))

    def size(self, body: Any) -> int:
        return _size(body)


def _nodes(body: Any) -> list[Node]:
    return list(body.get("content") or ()) if isinstance(body, dict) else []


def _document(nodes: Sequence[Node]) -> Node:
    return {"type": "doc", "version": 1, "content": list(nodes)}


def _paragraph(said: str) -> Node:
    return {"type": "paragraph", "content": [{"type": "text", "text": said}] if said else []}


def _parsed(block: str) -> list[Node]:
    """The nodes of a rendered text; what is none is plain text."""
    try:
        told = json.loads(block)
    except ValueError:
        told = None
    if isinstance(told, list) and all(isinstance(node, dict) for node in told):
        return told
    return [_paragraph(line) for line in block.strip().splitlines() if line.strip()]


def _bordered(nodes: list[Node]) -> list[Node]:
    if _span(nodes):
        return nodes
    return [{"type": "panel", "attrs": {"panelType": "info"}, "content": [_paragraph(HEAD)]}, *nodes, _paragraph(FOOT)]


def _text(node: Node) -> str:
    """A node's text. A mention and an emoji say theirs in their attributes; a hard break ends a line."""
    if node.get("type") == "hardBreak":
        return "\n"
    own = node.get("text") or (node.get("attrs") or {}).get("text") or ""
    inner = [_text(child) for child in node.get("content") or ()]
    is_inline = node.get("type") in ("paragraph", "heading")
    return str(own) + ("" if is_inline else "\n").join(inner)


def _is_head(node: Node) -> bool:
    return node.get("type") == "panel" and _text(node).startswith(HEAD)


def _is_foot(node: Node) -> bool:
    return node.get("type") == "paragraph" and _text(node).startswith(FOOT)


def _span(nodes: Sequence[Node]) -> tuple[int, int] | None:
    """The first border and the next last one."""
    for at, node in enumerate(nodes):
        if _is_head(node):
            ends = [end for end, other in enumerate(nodes) if end > at and _is_foot(other)]
            return (at, ends[0]) if ends else None
    return None


def _size(told: Any) -> int:
    return len(json.dumps(told, ensure_ascii=False, separators=(",", ":")))
