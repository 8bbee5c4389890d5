"""The scan formats, and how a file is told to be of one: by what it holds, never by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import msgspec

from triagebot.errors import ReportError
from triagebot.formats import documents
from triagebot.formats.interface import ROW, Format, Report, Row

__all__ = ["FORMATS", "ROW", "Format", "Report", "Row", "is_report_like", "nearest", "read", "reason"]

_NAMES = (
    "trivy", "grype", "snyk", "sarif", "cyclonedx", "osv", "trivy_operator", "aws", "harbor", "clair", "xray",
    "policyreport", "kubescape", "kubebench", "failure",
)  # fmt: skip
"""Every format, in the order in which they are asked. A new one is a module and a word here."""

if TYPE_CHECKING:
    FORMATS: tuple[Format, ...]


@cache
def _format(name: str) -> Format:
    """A format, loaded when it is first asked: most scans need one or two, and all of them take 50 ms."""
    return cast(Format, import_module(f"triagebot.formats.{name}"))


def __getattr__(name: str) -> tuple[Format, ...]:
    if name == "FORMATS":
        return tuple(map(_format, _NAMES))
    raise AttributeError(name)


ENTRY_LIMIT = 5_000_000
"""Raw entries of one file: more than any scanner writes, fewer than fill the memory."""

_PEEK = 4096
_LOOK = 65536
_PROSE = (".md", ".markdown", ".rst", ".log", ".txt", ".html", ".htm", ".csv", ".tsv")
_REPORTS = (".json", ".yaml", ".yml", ".sarif", ".xml", ".cdx")


def is_report_like(data: bytes, name: str) -> bool:
    """Whether a file wants to be a report: JSON or XML by its first characters, or called .json, .yaml, .sarif, .xml.

    Others (a README, a log) are plainly none and are counted as ignored; one that is called so is read if it is a
    report of a known format.
    """
    if name.lower().endswith(_PROSE):
        return _is_known(data)
    start = documents.text_of(data[:256]).lstrip()
    return start[:1] in (b"{", b"[") or start.startswith((b"<?xml", b"<bom")) or name.lower().endswith(_REPORTS)


def _is_known(data: bytes) -> bool:
    if documents.text_of(data[:64]).lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        read(data)
    except ReportError:
        return False
    return True


def read(data: bytes) -> tuple[str, Sequence[Report]]:
    """(format name, reports) of one file's bytes.

    Accepts UTF-8 and UTF-16 with or without a byte order mark, several JSON or YAML documents one after the other,
    and CycloneDX as XML. Raises `ReportError` (place empty: the caller knows the file) for all else.
    """
    name, reports = _read(data)
    entries = sum(report.entries for report in reports)
    if entries > ENTRY_LIMIT:
        raise ReportError("", f"{entries:,} entries, more than {ENTRY_LIMIT:,} in one file", "split the report")
    return name, reports


def _read(data: bytes) -> tuple[str, Sequence[Report]]:
    text = documents.text_of(data).strip()
    if not text:
        raise ReportError("", "the file is empty", "scan the image again")
    if text == b"null":
        raise ReportError("", "the report is `null`: the scanner wrote no result", "scan the image again")
    if text.startswith(b"version https://git-lfs."):
        raise ReportError("", "a Git LFS pointer, not the file itself", "fetch it with `git lfs pull`")
    if text[:1] == b"<":
        from triagebot.formats import cyclonedx_xml  # noqa: PLC0415 - only for the few reports that are XML

        text = cyclonedx_xml.as_json(text)
    elif text[:1] not in (b"{", b"["):
        return _several(documents.from_yaml(text))
    try:
        return _one(text)
    except UnicodeDecodeError:
        # One broken character in a description must not cost a report; what it stood for is lost.
        return _read(text.decode(errors="replace").encode())
    except msgspec.DecodeError as error:
        if "trailing characters" not in str(error):
            raise ReportError("", f"broken JSON: {error}", "scan the image again") from error
    except RecursionError as error:
        raise ReportError("", "JSON nested too deeply to be a report", "scan the image again") from error
    return _several(list(documents.one_after_the_other(text)))


def _several(texts: list[bytes]) -> tuple[str, Sequence[Report]]:
    """The reports among several documents: a tool may print its dependency tree before its report."""
    found: list[tuple[str, Sequence[Report]]] = []
    refused: list[ReportError] = []
    for text in texts:
        try:
            found.append(_one(text))
        except ReportError as error:
            refused.append(error)
        except RecursionError as error:
            raise ReportError("", "nested too deeply to be a report", "scan the image again") from error
    if not found:
        raise refused[0]
    return " and ".join(dict.fromkeys(n for n, _ in found)), [r for _, reports in found for r in reports]


def _one(text: bytes) -> tuple[str, Sequence[Report]]:
    for candidate in _likely(text[:_PEEK]):
        reports = candidate.read(text)
        if reports is not None:
            return candidate.NAME, reports
    known = ", ".join(_format(name).NAME for name in _NAMES)
    near = nearest(text)
    raise ReportError(
        "", f"no known report ({_described(text)})" + (f"; nearest: {near}" if near else ""),
        f"triagebot reads {known}; export one of these",
    )  # fmt: skip


def _likely(peek: bytes) -> Iterator[Format]:
    """All formats, those first whose words a document begins with; one word is looked for at a time."""
    others = []
    for candidate in map(_format, _NAMES):
        if candidate.HINT.search(peek):
            yield candidate
        else:
            others.append(candidate)
    yield from others


def reason(data: bytes, name: str) -> str:
    """Why a file is taken for a format: the words in it that only such a document has, as far as it shows them."""
    look = documents.text_of(data)[:_LOOK]
    words = {
        m.group().strip(b"\"': ")
        for f in map(_format, _NAMES)
        if f.NAME in name.split(" and ")
        for m in f.HINT.finditer(look)
    }
    told = ", ".join(sorted(word.decode(errors="replace") for word in words))
    return f"it says {told}" if told else "its shape is that of one"


def nearest(text: bytes) -> str:
    """The format that a document looks most like, by its words, and where it departs from it; empty: like none."""
    look = text[:_LOOK]
    scores = [(len({m.group() for m in f.HINT.finditer(look)}), f) for f in map(_format, _NAMES)]
    most = max(score for score, _ in scores)
    if not most:
        return ""
    candidate = next(f for score, f in scores if score == most)
    try:
        msgspec.json.decode(text, type=candidate.SHAPE)
        departs = "it lacks what makes one"
    except (msgspec.DecodeError, RecursionError) as error:
        departs = re.sub(r"[`]", "", str(error))
    return f"{candidate.NAME} ({departs})"


def _described(text: bytes) -> str:
    """The top-level keys, which is what a person needs to see what the file is."""
    if text.startswith(b"["):
        return "an empty array" if text[1:].strip() == b"]" else "an array of another kind"
    try:
        keys = list(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    except msgspec.ValidationError:
        return "no object"
    return "its keys: " + ", ".join(keys[:6]) if keys else "an empty object"
