"""Text from scans as data: one set of escapes per markup. No markup, mention, reference or link comes out of any."""

from __future__ import annotations

import re
import unicodedata

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


_WEB = re.compile(r"https?://[^\s/?#@\\]+(?:[/?#][!#-;=?-\[\]_a-z~]*)?", re.IGNORECASE)
_URL_LIMIT = 2000


def web_url(url: object) -> str:
    """The address if a browser may be sent there: http or https, a host, no name of a person before it; else nothing.

    It holds no quote, angle bracket, backslash or space. RFC 3986 allows a few characters less in it.
    """
    said = str(url).strip()
    return said if len(said) <= _URL_LIMIT and said.isascii() and _WEB.fullmatch(said) else ""


_WIKI = frozenset("&<>{}[]!|*_^~+?\\#@")
_WIKI_SPOTS = [
    re.compile(spot)
    for spot in (
        r"^(?:h[1-6]|bq)(\.)",  # a heading, a quotation
        r"(:)(?=//)|(?<=mailto)(:)|(?<=file)(:)",  # what Jira makes links of
        r"([:;])(?=-?[()PDp])|(\()(?=(?:[ynix/-]|on|off|flag\w*|\W{1,3})\))",  # emoticons
        r"(?<!\S)(-)|(?<=[(\[])(-)|(-)(?!\S)|(-)(?=[-)\].,:;])|(?<=-)(-)",  # struck-out text, dashes, rules
        r"(?<![A-Za-z])(?!CVE-|GHSA-)[A-Z][A-Z0-9_]+(-)(?=\d)",  # keys of issues
    )
]
"""Where else a character means something."""


def wiki_text(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Scan text as inert wiki markup. A character that means something is written as its number.

    https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
    """
    said = plain(text, limit)
    spots = {found.start(found.lastindex or 0) for spot in _WIKI_SPOTS for found in spot.finditer(said)}
    return "".join(f"&#{ord(c)};" if c in _WIKI or at in spots else c for at, c in enumerate(said))


def wiki_code(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Scan text in a fixed-width font; the same escapes hold in it."""
    said = wiki_text(text, limit)
    return f"{{{{{said}}}}}" if said else ""


def wiki_url(url: object) -> str:
    """The address if it is a plain http(s) one, else nothing."""
    return markdown_url(url)
