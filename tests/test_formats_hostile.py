"""What a file can do to a reader: bombs, entities, links, depth, size, and every kind of damage.

Whatever the bytes are, the answer is reports that add up, or one `ReportError` with a remedy, soon. The damage is
bounded here; `make fuzz` does more of it.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import expected
import pytest
from conftest import corpus_folder
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from triagebot import archive, formats, scan
from triagebot.errors import InputError, ReportError
from triagebot.formats import FORMATS, documents
from triagebot.model import SEVERITIES
from triagebot.scan import Reading

EXAMPLES = int(os.environ.get("TRIAGEBOT_FUZZ", "30"))
LARGEST = 60_000
SOON = 20.0
NOW = datetime(2026, 11, 1, tzinfo=UTC)

LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE bom [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><components><component><name>&c;</name></component></components></bom>
"""
OUTSIDE = b"""<?xml version="1.0"?>
<!DOCTYPE bom [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<bom><components><component><name>&x;</name></component></components></bom>
"""
YAML_LAUGHS = b"a: &a [x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b]\n"
MANY = b'{"a": 1}\n' * (documents.DOCUMENT_LIMIT + 2)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        pytest.param(LAUGHS, "document type or entities", id="billion-laughs"),
        pytest.param(OUTSIDE, "document type or entities", id="external-entity"),
        pytest.param(b"<bom>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</bom>", "nested deeper", id="deep-xml"),
        pytest.param(b"<bom", "broken XML", id="half-a-tag"),
        pytest.param(b"<html><body>404</body></html>", "XML of another kind (its root: html)", id="html"),
        pytest.param(b'<?xml version="1.0" encoding="nonsense"?><bom/>', "broken XML", id="odd-encoding"),
        pytest.param(YAML_LAUGHS, "aliases", id="yaml-aliases"),
        pytest.param(b"a: " + b"[" * 5_000 + b"]" * 5_000, "YAML", id="deep-yaml"),
        pytest.param(b"? [a, b]\n: c\n", "neither JSON nor YAML", id="a-list-as-a-key"),
        pytest.param(b"!!python/object/apply:os.system [echo]\n", "neither JSON nor YAML", id="yaml-objects"),
        pytest.param(b"x: " + b"a" * documents.YAML_LIMIT, "more than 64 MiB", id="large-yaml"),
        pytest.param(MANY, "documents in one file", id="many-documents"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS", id="lfs"),
    ],
)  # fmt: skip
def test_what_could_grow_or_reach_out_is_refused(data: bytes, cause: str) -> None:
    started = time.monotonic()
    with pytest.raises(ReportError) as refused:
        formats.read(data)
    assert cause in refused.value.cause
    assert refused.value.remedy
    assert time.monotonic() - started < SOON


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "ENTRY_LIMIT", 1)
    with pytest.raises(ReportError, match="more than 1 in one file"):
        formats.read((expected.FIXTURES / "trivy" / "same-fact.json").read_bytes())


def test_an_unknown_file_names_the_nearest_format_and_where_it_departs() -> None:
    near = json.dumps({"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Target": 5}]}).encode()
    with pytest.raises(ReportError) as refused:
        formats.read(near)
    assert "nearest: trivy (Expected str, got int - at $.Results[0].Target)" in refused.value.cause


# ---- archives ----


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A .tar.gz of these members, however odd."""
    with tarfile.open(path, "w:gz") as held:
        for info, data in members:
            info.size = len(data)
            held.addfile(info, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """The head of a member."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


REPORT = (expected.FIXTURES / "trivy" / "same-fact.json").read_bytes()


@pytest.mark.parametrize(
    ("odd", "cause"),
    [
        (member("../../escape.json"), "leads out of the archive"),
        (member("/etc/escape.json"), "leads out of the archive"),
        (member("a/../../b.json"), "leads out of the archive"),
        (member("link.json", tarfile.SYMTYPE, "/etc/passwd"), "a link to '/etc/passwd'"),
        (member("hard.json", tarfile.LNKTYPE, "good.json"), "a link to 'good.json'"),
        (member("pipe.json", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member("device.json", tarfile.CHRTYPE), "neither a file nor a folder"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else None,
)
def test_an_odd_member_is_a_named_failure_and_the_rest_is_read(
    tmp_path: Path, odd: tarfile.TarInfo, cause: str
) -> None:
    latest = member("latest", tarfile.SYMTYPE, "1.2.0")
    path = packed(tmp_path / "scan.tar.gz", (member("./good.json"), REPORT), (odd, b""), (latest, b""))
    loaded = scan.load(path, Reading(NOW))
    assert loaded.ignored == 1, "a link that is not even called like a report"
    status = dict(loaded.scan.coverage.select("report", "status").iter_rows())
    assert status["good.json"] == "scanned"
    (error,) = loaded.errors
    assert cause in error.cause
    assert loaded.scan.coverage.filter(status="failed")["error"].to_list() == [error.cause]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scan.tar.gz"]


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RATIO_FLOOR", 1_000_000)
    path = packed(tmp_path / "bomb.tar.gz", *((member(f"{n}.json"), b" " * 4_000_000) for n in range(3)))
    with pytest.raises(InputError, match="grows from"):
        scan.load(path, Reading(NOW))


def test_a_member_over_the_limit_is_a_named_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FILE_LIMIT", 100)
    path = packed(tmp_path / "scan.tar.gz", (member("large.json"), REPORT))
    (error,) = scan.load(path, Reading(NOW)).errors
    assert "more than the 100 of one report" in error.cause


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MEMBER_LIMIT", 2)
    path = packed(tmp_path / "scan.tar.gz", *((member(f"{n}.json"), b"{}") for n in range(3)))
    with pytest.raises(InputError, match="more than 2 files"):
        scan.load(path, Reading(NOW))


def test_half_an_archive_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "scan.tar.gz", *((member(f"{n}.json"), os.urandom(5000)) for n in range(9)))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match="not a readable archive"):
        scan.load(path, Reading(NOW))


def test_readmes_and_logs_are_ignored_and_unknown_json_fails(tmp_path: Path) -> None:
    for name, data in (
        ("README.md", b"# hello"), ("scan.log", b"[2026-05-04 06:00] SCAN_FAILED: x"),
        ("json.log", b'{"level": "info"}\n{"level": "info"}'), ("package.json", b'{"name": "x"}'),
        ("trivy.txt", REPORT), ("page.html", b"<html></html>"), ("values.yaml", b"a: 1\n"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
    loaded = scan.load(tmp_path, Reading(NOW))
    assert loaded.ignored == 4
    assert {e.place for e in loaded.errors} == {"package.json", "values.yaml"}
    assert loaded.scan.coverage.filter(status="scanned")["report"].to_list() == ["trivy.txt"]


# ---- damage ----


def seeds() -> list[bytes]:
    """Documents to damage: the fixtures, and a small real file of each kind where the corpus is there."""
    held = [d.read_bytes() for f in FORMATS for d in expected.documents(f)]
    folder = corpus_folder()
    real = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".yaml", ".sarif", ".xml", ".cdx"))
    smallest: dict[str, list[Path]] = {}
    for path in real:
        place = path.relative_to(folder).parts[0]
        if path.stat().st_size < LARGEST and place not in ("enrich", "owners"):
            smallest.setdefault(place, []).append(path)
    return held + [p.read_bytes() for paths in smallest.values() for p in paths[:6]]


SEEDS = seeds()
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=20),
    st.just([]), st.just({}), st.just([None]), st.just({"": None}), st.just("CVE-2026-0001"), st.just("\x00\u202e@#`|"),
    st.just("pkg:apk/alpine/x@1"), st.just("../../../etc/passwd"), st.just("k8s://a/b/c/d"), st.just([[[[[]]]]]),
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a document."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for step, inner in steps for place in places(inner, (*at, step)))]


def changed(value: Any, at: tuple[Any, ...], to: Any, remove: bool) -> Any:
    """The document with the value at a place replaced or taken out."""
    if not at:
        return to
    step, rest = at[0], at[1:]
    held = dict(value) if isinstance(value, dict) else list(value)
    if not rest and remove:
        del held[step]
    else:
        held[step] = changed(held[step], rest, to, remove)
    return held


def whole(data: bytes) -> None:
    """Reads the bytes; whatever they are, the answer adds up."""
    refusal = None
    try:
        _, reports = formats.read(data)
    except ReportError as error:
        refusal = error
    if refusal:
        assert refusal.cause
        assert refusal.remedy
        return
    for report in reports:
        assert report.entries == len(report.rows) + sum(report.left_out.values()) - report.added
        for row in report.rows:
            assert len(row) == len(formats.ROW)
            assert [type(v) for i, v in enumerate(row) if i not in (6, 10)] == [str] * 12
            assert type(row[6]) is bool
            assert row[10] is None or isinstance(row[10], float | int)
            assert row[8] in SEVERITIES
            assert row[1]
            assert row[7]
        for alias, vulnerability in report.aliases:
            assert alias
            assert vulnerability
            assert alias != vulnerability


@settings(max_examples=EXAMPLES * 4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(seed=st.sampled_from(SEEDS), data=st.data())
def test_bytes_cut_flipped_and_doubled(seed: bytes, data: st.DataObject) -> None:
    held = bytearray(seed[:LARGEST])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(held)))
        length = data.draw(st.integers(0, 200))
        match data.draw(st.sampled_from(["cut", "flip", "double", "end"])):
            case "cut":
                del held[at : at + length]
            case "flip":
                held[at : at + 1] = data.draw(st.binary(min_size=1, max_size=4))
            case "double":
                held[at:at] = held[at : at + length]
            case _:
                del held[at:]
    whole(bytes(held))


@settings(max_examples=EXAMPLES * 10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(seed=st.sampled_from([s for s in SEEDS if s.lstrip()[:1] in (b"{", b"[")]), data=st.data())
def test_values_replaced_and_taken_out(seed: bytes, data: st.DataObject) -> None:
    try:
        value = json.loads(seed)
    except ValueError:
        return
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(places(value)))
        value = changed(value, at, data.draw(ODD), remove=data.draw(st.booleans()))
    whole(json.dumps(value).encode())


@settings(max_examples=EXAMPLES)
@given(data=st.binary(max_size=2000))
@example(b"\xff\xfe")
@example(b"\xff\xfe{")
@example(b"<")
@example(b"\x00")
@example(b"{\x00")
@example(b"[1")
def test_any_bytes(data: bytes) -> None:
    whole(data)
    formats.is_report_like(data, "x.log")
