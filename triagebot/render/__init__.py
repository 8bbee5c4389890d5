"""Drafts and figures as text. Templates and escaping per markup; everything from a scan is data, never markup.

Templates are loaded at import: rendering itself touches no file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.")
_SPACE = re.compile(r"\s+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$^]|^[-+=>]|(?<=^\d)[.)]|(?<=^\d\d)[.)])")
_TEXT_LIMIT = 300
_JOINER = "\u2060"


def plain(text: object, limit: int = _TEXT_LIMIT) -> str:
    """One line without control characters, terminal codes or direction overrides, shortened at `limit`."""
    said = str(text)
    if not (said.isascii() and said.isprintable()):
        said = _CONTROL.sub("", said)
        said = "".join(c for c in said if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    said = _SPACE.sub(" ", said).strip()
    return said if len(said) <= limit else said[: limit - 1].rstrip() + "…"


def markdown_text(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Scan text as inert Markdown: no markup, HTML, mention, issue reference or autolink comes out of it.

    A word joiner behind `@`, `#`, `GH-`, `:` and `www` keeps servers from reading mentions, references and links;
    with no reference left, closing keywords (`fixes …`) do nothing.
    """
    said = plain(text, limit)
    said = said.replace("&", "&amp;").replace("<", "&lt;")
    said = _SPECIAL.sub(r"\\\1", said)
    said = said.replace("@", f"@{_JOINER}").replace("\\#", f"\\#{_JOINER}").replace("://", f":{_JOINER}//")
    return re.sub(r"\b(www|gh)(?=[.-])", rf"\1{_JOINER}", said, flags=re.IGNORECASE)


def markdown_code(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Scan text as a code span that holds inside a table cell, and that no marker can hide in."""
    said = plain(text, limit).replace("`", "'").replace("|", "\u2223").replace("\\", "\u2216")
    said = said.replace("<!--", f"<{_JOINER}!--")
    return f"`{said}`" if said else ""


def markdown_url(url: object) -> str:
    """The address if it is a plain http(s) one, else nothing."""
    said = str(url)
    return said if re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/?&=%+:@,;-]*)?", said) else ""


def _templates() -> dict[str, str]:
    folder = resources.files("triagebot.render") / "markdown"
    return {f"markdown/{f.name}": f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".j2")}


def _environment() -> Environment:
    made = Environment(
        loader=DictLoader(_templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is Markdown; its own filters escape
    )
    made.filters.update(
        text=markdown_text, code=markdown_code, url=markdown_url, plain=plain, percent=percent, number=number
    )
    return made


def percent(value: float) -> str:
    """0.6875 -> `68.8%`."""
    return f"{value * 100:.1f}%"


def number(value: int) -> str:
    """4923 -> `4,923`."""
    return f"{value:,}"


def shares(counts: Iterable[int]) -> list[float]:
    """The share of each count, in steps of 0.1%, that add up to 1 (largest remainder); all 0 without a total."""
    held = list(counts)
    total = sum(held)
    if not total:
        return [0.0 for _ in held]
    exact = [count * 1000 / total for count in held]
    floors = [int(e) for e in exact]
    by_remainder = sorted(range(len(held)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_remainder[: 1000 - sum(floors)]:
        floors[i] += 1
    return [f / 1000 for f in floors]


_ENVIRONMENT = _environment()


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template's text with one newline at its end and never two blank lines."""
    said = _ENVIRONMENT.get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", said).strip() + "\n"
