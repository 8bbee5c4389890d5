"""Drafts and figures as text. Templates and escaping per markup; everything from a scan is data, never markup.

Templates are loaded at import: rendering itself touches no file. `markdown` and `jira` (the wiki markup of Jira Data
Center) are Jinja templates; `adf` (the documents of Jira Cloud) is built in `render.adf`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from triagebot.render import adf
from triagebot.render.escape import (
    markdown_code,
    markdown_text,
    markdown_url,
    plain,
    web_url,
    wiki_code,
    wiki_text,
    wiki_url,
)  # fmt: skip

__all__ = [
    "many",
    "markdown_code",
    "markdown_text",
    "markdown_url",
    "number",
    "percent",
    "plain",
    "render",
    "shares",
    "web_url",
]

_FILTERS: dict[str, dict[str, Callable[..., str]]] = {
    "markdown": {"text": markdown_text, "code": markdown_code, "url": markdown_url},
    "jira": {"text": wiki_text, "code": wiki_code, "url": wiki_url},
}


def percent(value: float) -> str:
    """0.6875 -> `68.8%`."""
    return f"{value * 100:.1f}%"


def number(value: int) -> str:
    """4923 -> `4,923`."""
    return f"{value:,}"


def many(count: int, one: str, several: str = "") -> str:
    """1, `image` -> `1 image`; 4923, `image` -> `4,923 images`. `several`: where an s does not make it several."""
    return f"{number(count)} {one if count == 1 else several or f'{one}s'}"


def shares(counts: Iterable[int]) -> list[float]:
    """The share of each count, in steps of 0.1%, that add up to 1 (largest remainder); all 0 without a total."""
    held = list(counts)
    total = sum(held)
    if not total:
        return [0.0 for _ in held]
    floors = [count * 1000 // total for count in held]  # whole numbers: equal remainders are equal, the first counts
    by_remainder = sorted(range(len(held)), key=lambda i: (-(held[i] * 1000 % total), i))
    for i in by_remainder[: 1000 - sum(floors)]:
        floors[i] += 1
    return [f / 1000 for f in floors]


def _environment(markup: str) -> Environment:
    folder = resources.files("triagebot.render") / markup
    templates = {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir() if f.name.endswith(".j2")}
    made = Environment(
        loader=DictLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is no HTML; the filters of its markup escape
    )
    made.filters.update(_FILTERS[markup], plain=plain, percent=percent, number=number, many=many)
    return made


_ENVIRONMENTS = {markup: _environment(markup) for markup in _FILTERS}


def render(markup: str, template: str, values: Mapping[str, Any]) -> str:
    """A template's text with one newline at its end and never two blank lines; for `adf` a list of nodes as JSON."""
    if markup == "adf":
        return adf.told(template, values)
    said = _ENVIRONMENTS[markup].get_template(f"{template}.j2").render(values)
    return re.sub(r"\n{3,}", "\n\n", said).strip() + "\n"
