"""Feeds and VEX documents that were damaged or made up: each is used or refused with its place, and nothing else."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triagebot import enrichment, vex, vexjoin
from triagebot.jsonplaces import Faulty, document, lines
from triagebot.model import ALIASES, SHOWN, empty

NOW = datetime(2026, 8, 3, 6, tzinfo=UTC)
OPENVEX: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "author": "A", "timestamp": "2026-08-01T00:00:00Z",
    "version": 1, "statements": [{
        "vulnerability": {"@id": "https://x/CVE-2026-0001", "name": "CVE-2026-0001", "aliases": ["GHSA-a"]},
        "products": [{"@id": "pkg:oci/b?repository_url=x/b&tag=1", "identifiers": {"purl": "pkg:apk/alpine/zlib@1"},
                      "hashes": {"sha-256": "ab"}, "subcomponents": [{"@id": "pkg:apk/alpine/zlib@1"}]}],
        "status": "not_affected", "justification": "component_not_present", "impact_statement": "x",
        "status_notes": "triagebot: excused until 2026-09-01; x", "timestamp": "2026-08-01T00:00:00.123456789Z",
        "last_updated": "2026-08-01T00:00:00+02:00"}]}  # fmt: skip
CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX", "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "version": 1,
    "metadata": {"component": {"type": "container", "name": "a/b", "version": "1", "bom-ref": "s", "components": [
        {"bom-ref": "i", "purl": "pkg:npm/a@1"}]}, "supplier": {"name": "A"}, "timestamp": "2026-08-01T00:00:00Z"},
    "components": [{"bom-ref": "z", "purl": "pkg:apk/alpine/zlib@1", "components": [{"bom-ref": "y", "name": "y"}]}],
    "vulnerabilities": [{
        "id": "CVE-2026-0001", "references": [{"id": "GHSA-a"}], "updated": "2026-08-01T00:00:00Z",
        "analysis": {"state": "resolved", "justification": "code_not_present", "detail": "x",
                     "lastUpdated": "2026-08-01"},
        "affects": [{"ref": "z", "versions": [{"version": "1", "status": "unaffected"},
                                              {"range": "vers:apk/>=1|<2"}]},
                    {"ref": "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#i"}]}]}  # fmt: skip
KEV = {"vulnerabilities": [{"cveID": "CVE-2026-0001", "knownRansomwareCampaignUse": "Known"}]}
EPSS = {"data": [{"cve": "CVE-2026-0001", "epss": "0.5", "percentile": "0.5"}]}
KEV_CSV = b'cveID,knownRansomwareCampaignUse,notes\nCVE-2026-0001,Known,"a\nb"\nCVE-2026-0002,Unknown,x\n'
EPSS_CSV = b"#model_version:v1\ncve,epss,percentile\nCVE-2026-0001,0.9,0.99\nCVE-2026-0002,0.01,0.1\n"

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5), st.just([]), st.just({}), st.just([[]]), st.just([{}]), st.just({"@id": 3}),
    st.sampled_from(["pkg:", "pkg:a", "pkg:oci/", "pkg:oci/@", "pkg:apk/a@@?#", "vers:", "vers:x/|",
                     "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
                     "triagebot: excused until 2026-13-45; x", "sha256:", "@", ":", "/",
                     "urn:cdx:", "\x00", "\x1b[31m", "x" * 5000]),
)  # fmt: skip


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a document."""
    yield here
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(below, (*here, key))


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> Any:
    """A document in which some parts are something else, or gone."""
    made: Any = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in places(made) if p] or [()]))
        if not path:
            return draw(ODD)
        within = made
        for step in path[:-1]:
            within = within[step]
        if draw(st.booleans()):
            within[path[-1]] = copy.deepcopy(draw(ODD))
        else:
            del within[path[-1]]
    return made


def is_used_or_refused(parse: Callable[[bytes], pl.DataFrame], data: bytes) -> bool:
    """A feed holds rows, or each of its faults has a line and a cause."""
    try:
        return not parse(data).is_empty()
    except Faulty as fault:
        return all(line >= 1 and said for line, said in fault.faults)


SHOWN_ROW = {
    **{name: "" for name, type_ in SHOWN.items() if type_ == pl.String}, "asset": "docker.io/a/b", "tag": "1",
    "package": "pkg:apk/alpine/zlib", "vulnerability": "CVE-2026-0001", "installed_version": "1",
}  # fmt: skip


@given(damaged(OPENVEX) | damaged(CYCLONEDX))
@settings(max_examples=400)
def test_a_damaged_vex_document_is_used_or_refused(value: Any) -> None:
    documents, faults = vex.read([("v.json", json.dumps(value, indent=1).encode())])
    assert len(documents) + len(faults) == 1
    for _, fault in faults:
        assert all(line >= 1 and said for line, said in fault.faults)
    shown = pl.DataFrame([SHOWN_ROW], schema=SHOWN)
    statements = [s for d in documents for s in d.statements]
    told = vexjoin.judged(shown, shown, statements, empty(ALIASES), NOW)
    assert told.height == 1
    assert all(isinstance(s.said, str) for s in statements)


@given(damaged(KEV) | damaged(EPSS))
@settings(max_examples=200)
def test_a_damaged_feed_is_used_or_refused(value: Any) -> None:
    for parse in (enrichment.kev, enrichment.epss):
        assert is_used_or_refused(parse, json.dumps(value).encode())


@given(st.sampled_from([KEV_CSV, EPSS_CSV, gzip.compress(EPSS_CSV), json.dumps(KEV).encode()]), st.data())
@settings(max_examples=400)
def test_a_feed_with_other_bytes_is_used_or_refused(whole: bytes, data: st.DataObject) -> None:
    made = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(made)))
        made[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from(
                [b"", b"\x00", b'"', b"\n", b"\r", b"\xff", b",", b"{", b"[", b"#", b"nan", b"1e999", b"-1"]
            )
        )
    for parse in (enrichment.kev, enrichment.epss):
        assert is_used_or_refused(parse, bytes(made))


HOSTILE = [
    b'{"statements": ' + b"[" * 200_000, b'{"bomFormat": ' + b'{"a":' * 200_000, b'{"a": ' + b"9" * 5000 + b"}",
    b'{"@context": "openvex", "statements": [], "author": "\\ud800"}', b'{"statements": NaN}', b'{"statements": 1e999}',
    b"", b"\x00", b"\xef\xbb\xbf", b'{"statements": [1, 2', b"\x1f\x8b" + b"\x00" * 20,
    b"cveID\n" + b"x" * 200_000, b'cveID\n"' + b"x" * 200_000,
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE, ids=lambda d: repr(d[:24]))
def test_what_is_made_to_break_a_reader_is_refused(data: bytes) -> None:
    documents, faults = vex.read([("v.json", data)])
    assert len(documents) + len(faults) == 1
    assert not any(s for d in documents for s in d.statements)
    for parse in (enrichment.kev, enrichment.epss):
        with pytest.raises(Faulty):
            parse(data)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrichment, "LARGEST", 1000)
    with pytest.raises(Faulty, match="is larger than"):
        enrichment.epss(gzip.compress(b"0" * 10**6))


@given(st.lists(ODD, max_size=6), st.integers(0, 3), st.booleans())
@settings(max_examples=300)
def test_each_element_begins_on_the_line_that_is_told(entries: list[Any], indent: int, is_late: bool) -> None:
    value = {"other": [1, {"statements": [2]}], "statements": entries}
    text = json.dumps(value if is_late else dict(reversed(value.items())), indent=indent or None)
    at = lines(text, "statements")
    assert len(at) == len(entries)
    whole, _ = document(text.encode()) if "\\ud" not in text else (json.loads(text), text)
    for number, line in zip(range(len(entries)), at, strict=True):
        begun = text.split("\n")[line - 1]
        said = json.dumps(whole["statements"][number], indent=indent or None)
        assert said.split("\n")[0] in begun
