"""How Sphinx builds these pages: Markdown by MyST, and every fault of a link ends the build (`make docs`)."""

import re
from typing import Any

project = "triagebot"
author = "the triagebot project"
html_title = "triagebot"
extensions = ["myst_parser", "sphinx_copybutton"]
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["toc.multiple_toc_parents"]  # the last list of the index holds every page, also the newest
copybutton_prompt_text = "$ "


def _without_readme(app: Any, page: str, source: list[str]) -> None:
    """The README is no page of the site: what links to it there is told in words."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./README\.md[^)]*\)", r"\1 (README)", source[0])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _without_readme)
