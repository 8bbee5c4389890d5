"""The page as one text: a template, a style, a script and the data, with a policy that lets nothing else run.

What scans, people and trackers say reaches the page on two ways only: through the template, which escapes it, and
through the packed columns, of which the script makes text nodes. Everything here is loaded at import.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from triagebot.render import many, number, percent, plain, web_url

_FOLDER = resources.files("triagebot.render") / "html"
CHARTS = "vendor/uplot-1.6.32/uPlot"
"""The library that draws: https://github.com/leeoniya/uPlot, MIT; its licence lies beside it and goes into the page."""
SCRIPTS = (
    f"{CHARTS}.iife.min.js", "unpack.js", "filters.js", "query.js", "dom.js", "table.js", "views.js", "finding.js",
    "charts.js", "main.js",
)  # fmt: skip
"""They share one scope; each uses what those before it name."""
STYLES = (f"{CHARTS}.min.css", "page.css")


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


_SCRIPT = "\n".join(_read(name).strip() for name in SCRIPTS) + "\n"
_STYLE = "\n".join(_read(name).strip() for name in STYLES) + "\n"
_LICENCE = _read("vendor/uplot-1.6.32/LICENSE").strip()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join([
    "default-src 'none'", f"script-src {_hash(_SCRIPT)}", f"style-src {_hash(_STYLE)}", "img-src data:",
    "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
])  # fmt: skip
"""https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/: not even the script can make HTML of a text."""


def _embedded(value: Any) -> Markup:
    """JSON inside a `script` element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _environment() -> Environment:
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(plain=plain, percent=percent, number=number, many=many, web=web_url, embedded=_embedded)
    return made


_TEMPLATE = _environment().from_string(_read("page.j2"))


def page(values: Mapping[str, Any], packed: str) -> str:
    """The whole page. `packed`: the columns as base64; `values`: what the template names."""
    return _TEMPLATE.render(
        **values,
        packed=Markup(packed),  # noqa: S704 - base64
        script=Markup(_SCRIPT),  # noqa: S704 - our own, and the policy names its hash
        style=Markup(_STYLE),  # noqa: S704 - likewise
        licence=_LICENCE,
        policy=POLICY,
    )
