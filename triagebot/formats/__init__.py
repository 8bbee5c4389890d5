"""The scan formats, and how a file is told to be of one: by what it holds, never by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import cast

import msgspec

from triagebot.errors import ReportError
from triagebot.formats import failure, grype, snyk, trivy
from triagebot.formats.interface import ROW, Format, Report, Row

__all__ = ["FORMATS", "ROW", "Format", "Report", "Row", "is_report_like", "read"]

FORMATS: tuple[Format, ...] = (
    cast(Format, trivy),
    cast(Format, grype),
    cast(Format, snyk),
    cast(Format, failure),
)
"""Every format, in the order in which they are asked. A new one is a module and a line here."""

_PEEK = 4096
_YAML_LIMIT = 64 * 1024 * 1024


def is_report_like(data: bytes, name: str) -> bool:
    """Whether a file wants to be a report: JSON by its first character, or called .json, .yaml or .yml.

    Others (a README, a log) are plainly none and are counted as ignored.
    """
    start = _text(data[:64]).lstrip()[:1]
    return start in (b"{", b"[") or name.lower().endswith((".json", ".yaml", ".yml"))


def read(data: bytes) -> tuple[str, Sequence[Report]]:
    """(format name, reports) of one file's bytes.

    Accepts UTF-8 and UTF-16 with or without a byte order mark, several JSON documents one after the other, and
    YAML that spells a JSON report. Raises `ReportError` (place empty: the caller knows the file) for all else.
    """
    text = _text(data).strip()
    if not text:
        raise ReportError("", "the file is empty", "scan the image again")
    if text == b"null":
        raise ReportError("", "the report is `null`: the scanner wrote no result", "scan the image again")
    if text[:1] not in (b"{", b"["):
        text = _from_yaml(text)
    try:
        return _one(text)
    except msgspec.DecodeError as error:
        if "trailing characters" not in str(error):
            raise ReportError("", f"broken JSON: {error}", "scan the image again") from error
    except RecursionError as error:
        raise ReportError("", "JSON nested too deeply to be a report", "scan the image again") from error
    return _several(list(_documents(text)))


def _several(documents: list[bytes]) -> tuple[str, Sequence[Report]]:
    """The reports among several documents: a tool may print its dependency tree before its report."""
    found: list[tuple[str, Sequence[Report]]] = []
    refused: list[ReportError] = []
    for document in documents:
        try:
            found.append(_one(document))
        except ReportError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return " and ".join(dict.fromkeys(n for n, _ in found)), [r for _, reports in found for r in reports]


def _one(text: bytes) -> tuple[str, Sequence[Report]]:
    peek = text[:_PEEK]
    likely = sorted(FORMATS, key=lambda f: f.HINT.search(peek) is None)
    for candidate in likely:
        reports = candidate.read(text)
        if reports is not None:
            return candidate.NAME, reports
    known = ", ".join(f.NAME for f in FORMATS)
    raise ReportError("", f"no known report ({_described(text)})", f"triagebot reads {known} JSON; export one of these")


def _described(text: bytes) -> str:
    """The top-level keys, which is what a person needs to see what the file is."""
    if text.startswith(b"["):
        return "an empty array" if text[1:].strip() == b"]" else "an array of another kind"
    keys = list(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    return "its keys: " + ", ".join(keys[:6]) if keys else "an empty object"


def _text(data: bytes) -> bytes:
    """The bytes as UTF-8 without a byte order mark."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").encode()
    if data[:4:2].strip(b"{[\r\n\t ") == b"" and data[1:4:2] == b"\x00\x00":
        return data.decode("utf-16-le", errors="replace").encode()
    return data


def _documents(text: bytes) -> Iterator[bytes]:
    """The JSON documents of a file that holds several."""
    said, at, decoder = text.decode(errors="replace"), 0, json.JSONDecoder()
    while at < len(said):
        try:
            _, end = decoder.raw_decode(said, at)
        except (ValueError, RecursionError) as error:
            raise ReportError("", f"broken JSON after the first document: {error}", "scan again") from error
        yield said[at:end].encode()
        at = end + len(said[end:]) - len(said[end:].lstrip())


def _from_yaml(text: bytes) -> bytes:
    import yaml  # noqa: PLC0415 - only for the few reports that are YAML

    cause = ReportError("", "neither JSON nor YAML", "export the report as JSON")
    if len(text) > _YAML_LIMIT:
        raise cause
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
            raise ReportError("", "YAML with aliases is refused: it can grow without bound", "export as JSON")
        value = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C where built
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise cause from error
    if not isinstance(value, dict | list):
        raise cause
    return msgspec.json.encode(value)
