"""The bytes of a file -> JSON documents: encodings, YAML, XML, several documents in one file, and all limits.

Nothing here knows a scanner. What is too large, too deep or could grow without bound is refused with the limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from triagebot.errors import ReportError

YAML_LIMIT = 64 * 1024**2
XML_LIMIT = 256 * 1024**2
DEPTH_LIMIT = 200
DOCUMENT_LIMIT = 100_000
"""Documents in one file; JSON lines of a log that happens to be a report have fewer."""

_PREAMBLE = re.compile(rb"^(?:---[ \t]*\r?\n)?(?=(?:apiVersion|kind|items|results):)", re.MULTILINE)


def text_of(data: bytes) -> bytes:
    """The bytes as UTF-8 without a byte order mark; shells write UTF-16 too."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode()
    if data[:4:2].strip(b"{[\r\n\t ") == b"" and data[1:4:2] == b"\x00\x00":
        return data.decode("utf-16-le", errors="replace").encode()
    return data


def one_after_the_other(text: bytes) -> Iterator[bytes]:
    """The JSON documents of a file that holds several."""
    said, at, decoder, count = text.decode(errors="replace"), 0, json.JSONDecoder(), 0
    while at < len(said):
        try:
            _, end = decoder.raw_decode(said, at)
        except (ValueError, RecursionError) as error:
            raise ReportError("", f"broken JSON after the first document: {error}", "scan again") from error
        count += 1
        if count > DOCUMENT_LIMIT:
            raise ReportError("", f"more than {DOCUMENT_LIMIT:,} documents in one file", "split the file")
        yield said[at:end].encode()
        while end < len(said) and said[end] in " \t\r\n,\x1e":  # a comma or record separator too: RFC 7464
            end += 1
        at = end


def from_yaml(text: bytes) -> list[bytes]:
    """The documents of a YAML file as JSON. Aliases are refused (they multiply), and so are other tags.

    What a tool printed before the first line of YAML is passed over: `kyverno apply --policy-report` does.
    """
    import yaml  # noqa: PLC0415 - only for the few reports that are YAML

    if len(text) > YAML_LIMIT:
        raise ReportError("", f"YAML of more than {YAML_LIMIT >> 20} MiB", "export the report as JSON")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = _PREAMBLE.search(text)
    starts = [text] if found is None or found.start() == 0 else [text, text[found.start() :]]
    failed: Exception | None = None
    for start in starts:
        try:
            _bounded(yaml, start, loader)
            values = [v for v in yaml.load_all(start, Loader=loader) if v is not None]
            if values and all(isinstance(value, dict | list) for value in values):
                return [msgspec.json.encode(_plain(value)) for value in values]
        except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
            failed = error
    raise ReportError("", "neither JSON nor YAML", "export the report as JSON") from failed


def _bounded(yaml: Any, text: bytes, loader: Any) -> None:
    """Raises where a document names an alias or is nested too deeply."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise ReportError("", "YAML with aliases is refused: it can grow without bound", "export as JSON")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise ReportError("", f"YAML nested deeper than {DEPTH_LIMIT} levels", "export as JSON")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(value: Any) -> Any:
    """The value as JSON can say it: times as text, keys as text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def from_xml(text: bytes) -> Any:
    """The root element of an XML file. Document types, entities and external references are refused.

    https://docs.python.org/3/library/xml.html#xml-security
    """
    from xml.etree.ElementTree import ParseError  # noqa: PLC0415 - the error only

    from defusedxml import DefusedXmlException  # noqa: PLC0415 - only for the few reports that are XML
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415

    if len(text) > XML_LIMIT:
        raise ReportError("", f"XML of more than {XML_LIMIT >> 20} MiB", "export the report as JSON")
    _shallow(text)
    try:
        return fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ReportError("", "XML with a document type or entities is refused", "export as JSON") from error
    except (ParseError, ValueError, LookupError) as error:
        raise ReportError("", f"broken XML: {error}", "scan the image again") from error


def _shallow(text: bytes) -> None:
    """Raises where elements are nested too deeply to be walked."""
    depth = 0
    for tag in re.finditer(rb"<(/?)[A-Za-z_][^>]*?(/?)>", text):
        depth += -1 if tag[1] else 0 if tag[2] else 1
        if depth > DEPTH_LIMIT:
            raise ReportError("", f"XML nested deeper than {DEPTH_LIMIT} levels", "export as JSON")
