"""Feeds: what they say, what is wrong with them, and that an unreachable one is never a failed run."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import enrichment
from triagebot.enrichment import Feeds
from triagebot.feeds import ATTEMPTS, Shelf, gather
from triagebot.files import FeedSettings
from triagebot.jsonplaces import Faulty

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
KEV = {"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-2026-0001", "knownRansomwareCampaignUse": "Known"}]}
EPSS = "#model_version:v1,score_date:2026-05-03\ncve,epss,percentile\nCVE-2026-0001,0.9,0.99\nCVE-2026-0002,0.01,0.1\n"


@dataclass
class Server:
    """A web server in this process. `answer`: status, headers, body; `asked`: the headers of each request."""

    url: str
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    asked: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.asked.append(dict(self.headers))
            status, headers, body = held.answer
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Server(f"http://127.0.0.1:{http.server_port}/kev.json")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield held
    http.shutdown()
    thread.join()
    http.server_close()


def shelf(folder: Path, days: int = 0, keep: bool = True, ask: bool = True) -> Shelf:
    return Shelf(folder / "cache", NOW + timedelta(days=days), keep, ask, sleep=lambda _: None)


def ids(feeds: Feeds) -> list[str]:
    return feeds.kev["vulnerability"].to_list()


# ---- what they say ----


def test_kev_as_json_and_as_csv_of_the_catalogue(corpus: Path) -> None:
    told = enrichment.kev((corpus / "enrich" / "cisa-kev.json").read_bytes())
    assert told.height == len({e["cveID"] for e in json.loads((corpus / "enrich" / "cisa-kev.json").read_text())[
        "vulnerabilities"]})  # fmt: skip
    assert told.sort("vulnerability").equals(
        enrichment.kev((corpus / "enrich" / "cisa-kev.csv").read_bytes()).sort("vulnerability")
    )
    assert 0 < told["ransomware"].sum() < told.height


def test_each_file_of_feeds_reads_or_is_refused_with_place_and_cause(corpus: Path) -> None:
    refused = {}
    read = 0
    for file in sorted((corpus / "enrich").rglob("*.*")):
        parse = enrichment.kev if "kev" in file.name else enrichment.epss
        try:
            assert not parse(file.read_bytes()).is_empty()
            read += 1
        except Faulty as fault:
            refused[file.name] = fault.faults
    assert refused.pop("epss-vunnel-invalid-header.csv") == [
        (2, "is no EPSS table: needs the columns cve and epss, has invalid, header, format")
    ]
    assert set(map(str, refused.values())) <= {"[(1, 'holds nothing')]"}
    assert read > 30


@pytest.mark.parametrize("packed", [False, True])
def test_epss_plain_and_packed_with_and_without_a_date(packed: bool) -> None:
    for text in (EPSS, EPSS.replace(",score_date:2026-05-03", ""), EPSS.partition("\n")[2], EPSS.replace("\n", "\r\n")):
        data = gzip.compress(text.encode()) if packed else text.encode()
        assert enrichment.epss(data).rows() == [("CVE-2026-0001", 0.9), ("CVE-2026-0002", 0.01)]


def test_epss_as_the_api_answers() -> None:
    rows = [{"cve": "CVE-2026-0001", "epss": "0.900000000", "percentile": "0.99", "date": "2026-05-03"}]
    for value in ({"status": "OK", "data": rows}, rows):
        assert enrichment.epss(json.dumps(value).encode()).rows() == [("CVE-2026-0001", 0.9)]


FAULTY: list[tuple[Callable[[bytes], pl.DataFrame], bytes, list[tuple[int, str]]]] = [
    (enrichment.epss, b"cve,epss\nCVE-2026-1,0.1\nCVE-2026-0002,1.5\nCVE-2026-0003,\nCVE-2026-0004,0.4\n",
     [(2, "cve: 'CVE-2026-1' is no CVE"), (3, "epss: '1.5' is no number between 0 and 1"),
      (4, "epss: None is no number between 0 and 1")]),
    (enrichment.epss, b"\x1f\x8bnot gzip", [(1, "is a broken gzip file: Unknown compression method")]),
    (enrichment.epss, b"cve,epss\n", [(1, "holds nothing")]),
    (enrichment.epss, b"<html>\n", [(1, "is no EPSS table: needs the columns cve and epss, has <html>")]),
    (enrichment.epss, b"#x\ncves,epss\nCVE-2026-0001,0.1\n",
     [(2, "is no EPSS table: needs the columns cve and epss, has cves, epss; its 'cves' should be called 'cve'")]),
    (enrichment.kev, b"cveId,x\nCVE-2026-0001,1\n",
     [(1, "is no KEV catalogue: needs the column cveID, has cveId, x; its 'cveId' should be called 'cveID'")]),
    (enrichment.kev, b"{\n\"vulnerabilities\": [\n", [(3, "no valid JSON: Expecting value")]),
    (enrichment.kev, b"[]", [(1, "is no KEV catalogue: it holds no list 'vulnerabilities'")]),
    (enrichment.kev, b'{"a": [1],\n"vulnerabilities": [\n{"cveID": "CVE-2026-0001"},\n{"cveID": 3}, 7\n,\n{}]}',
     [(4, "'cveID' should be a CVE, not 3"), (4, "'cveID' should be a CVE, not None"),
      (6, "'cveID' should be a CVE, not None")]),
    (enrichment.kev, b'cveID,x\nCVE-2026-0001,"a\nb"\nCVE,1\n', [(4, "'cveID' should be a CVE, not 'CVE'")]),
    (enrichment.kev, b"\xff\xfe\x00", [(1, "is no KEV catalogue: needs the column cveID, has none")]),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "data", "faults"), FAULTY[:-1])
def test_all_faults_of_a_feed_with_their_lines(
    parse: Callable[[bytes], pl.DataFrame], data: bytes, faults: list[tuple[int, str]]
) -> None:
    with pytest.raises(Faulty) as caught:
        parse(data)
    assert caught.value.faults == faults


def test_bytes_that_are_no_text_are_refused() -> None:
    for parse in (enrichment.kev, enrichment.epss):
        with pytest.raises(Faulty, match="line 2: is no UTF-8 text"):
            parse(b"cve,epss\n\xff\xfe\x00")


def test_many_faults_are_counted() -> None:
    text = "cve,epss\n" + "x,0\n" * 50
    with pytest.raises(Faulty) as caught:
        enrichment.epss(text.encode())
    assert caught.value.faults[-1] == (22, "and 30 more faults from here on")


# ---- where they come from ----


def test_a_url_is_asked_once_in_full_and_then_by_its_etag(server: Server, tmp_path: Path) -> None:
    server.answer = (200, {"ETag": '"1"', "Last-Modified": "Sun, 03 May 2026 06:00:00 GMT"}, json.dumps(KEV).encode())
    settings = FeedSettings(kev=server.url)
    for day in range(3):
        held = shelf(tmp_path, day)
        assert ids(gather(settings, tmp_path, held)) == ["CVE-2026-0001"]
        assert held.warnings == []
    assert [a.get("If-None-Match") for a in server.asked] == [None, '"1"', '"1"']
    assert server.asked[1]["If-Modified-Since"] == "Sun, 03 May 2026 06:00:00 GMT"
    server.answer = (200, {"ETag": '"2"'}, json.dumps({"vulnerabilities": [{"cveID": "CVE-2026-0009"}]}).encode())
    assert ids(gather(settings, tmp_path, shelf(tmp_path, 3))) == ["CVE-2026-0009"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}, b""), "cannot be reached: _ServerFault: HTTP 500"),
        ((404, {}, b""), "was answered with HTTP 404"),
        ((200, {}, b"<html>log in</html>"), "is no KEV catalogue"),
        ((200, {}, b'{"vulnerabilities": []}'), "holds nothing"),
    ],
)
def test_what_cannot_be_had_is_used_stale_with_a_warning(
    server: Server, tmp_path: Path, answer: tuple[int, dict[str, str], bytes], said: str
) -> None:
    settings = FeedSettings(kev=server.url)
    server.answer = (200, {}, json.dumps(KEV).encode())
    gather(settings, tmp_path, shelf(tmp_path))
    server.answer = answer
    asked = len(server.asked)
    for day in (1, 2):
        held = shelf(tmp_path, day)
        assert ids(gather(settings, tmp_path, held)) == ["CVE-2026-0001"]
        (warning,) = held.warnings
        assert said in warning
        assert warning.startswith(f"feeds.kev: {server.url}: ")
        assert warning.endswith("the copy of 2026-05-03 is used")
    assert len(server.asked) - asked == 2 * (ATTEMPTS if answer[0] == 500 else 1)


def test_without_a_copy_rules_see_none_of_it(tmp_path: Path) -> None:
    held = shelf(tmp_path)
    feeds = gather(FeedSettings(kev="http://127.0.0.1:9/kev.json", epss="nowhere.csv"), tmp_path, held)
    assert feeds.kev.is_empty()
    assert feeds.epss.is_empty()
    assert [w.rpartition("; ")[2] for w in held.warnings] == [
        "there is no copy of it: rules see no kev", "there is no copy of it: rules see no epss",
    ]  # fmt: skip


def test_a_copy_that_was_damaged_is_fetched_in_full_again(server: Server, tmp_path: Path) -> None:
    server.answer = (200, {"ETag": '"1"'}, json.dumps(KEV).encode())
    settings = FeedSettings(kev=server.url)
    gather(settings, tmp_path, shelf(tmp_path))
    [copy] = [p for p in (tmp_path / "cache").iterdir() if not p.suffix]
    copy.write_bytes(json.dumps({"vulnerabilities": [{"cveID": "CVE-2026-0009"}]}).encode())
    assert ids(gather(settings, tmp_path, shelf(tmp_path))) == ["CVE-2026-0001"]
    assert server.asked[-1].get("If-None-Match") is None
    copy.write_bytes(b"{")
    server.answer = (500, {}, b"")
    held = shelf(tmp_path)
    assert gather(settings, tmp_path, held).kev.is_empty()
    assert "rules see no kev" in held.warnings[0]


def test_a_password_in_an_address_is_written_nowhere(server: Server, tmp_path: Path) -> None:
    source = server.url.replace("http://", "http://bob:s3cret@") + "?token=t0ken"
    server.answer = (200, {}, json.dumps(KEV).encode())
    gather(FeedSettings(kev=source), tmp_path, shelf(tmp_path))
    assert server.asked[0]["Authorization"].startswith("Basic ")
    server.answer = (404, {}, b"")
    held = shelf(tmp_path, 1)
    gather(FeedSettings(kev=source, epss="http://bob:s3cret@[bad/x"), tmp_path, held)
    told = " ".join([*held.warnings, *(p.read_text() for p in (tmp_path / "cache").iterdir())])
    assert len(held.warnings) == 2
    assert "s3cret" not in told
    assert "t0ken" not in told


def test_what_only_reads_asks_nobody_and_writes_nothing(server: Server, tmp_path: Path) -> None:
    server.answer = (200, {}, json.dumps(KEV).encode())
    settings = FeedSettings(kev=server.url)
    assert ids(gather(settings, tmp_path, shelf(tmp_path, keep=False))) == ["CVE-2026-0001"]
    assert not (tmp_path / "cache").exists()
    gather(settings, tmp_path, shelf(tmp_path))
    asked = len(server.asked)
    assert ids(gather(settings, tmp_path, shelf(tmp_path, keep=False, ask=False))) == ["CVE-2026-0001"]
    assert len(server.asked) == asked


# ---- joined ----


def test_feeds_are_joined_by_canonical_id_and_by_every_alias() -> None:
    findings = pl.DataFrame({"vulnerability": ["CVE-2026-0001", "GHSA-aaaa-bbbb-cccc", "CVE-2026-0003"]}).with_columns(
        kev=pl.lit(False), epss=pl.lit(None, dtype=pl.Float64)
    )
    aliases = pl.DataFrame({"alias": ["CVE-2026-0002"], "vulnerability": ["GHSA-aaaa-bbbb-cccc"]})
    kev = pl.DataFrame({"vulnerability": ["CVE-2026-0002", "CVE-2026-0001"], "ransomware": [True, False]})
    epss = pl.DataFrame({"vulnerability": ["CVE-2026-0002", "GHSA-aaaa-bbbb-cccc"], "epss": [0.7, 0.2]})
    told = enrichment.enriched(findings, Feeds(kev, epss), aliases).select("kev", "ransomware", "epss").rows()
    assert told == [(True, False, None), (True, True, 0.7), (False, False, None)]


def test_a_run_uses_both_feeds_and_goes_on_without_them(tmp_path: Path) -> None:
    rules = """rules:
  - {id: kev, when: {kev: true}, priority: P0, due: 3d, action: ticket, because: exploited}
  - {id: likely, when: {epss: ">= 0.5"}, priority: P1, action: ticket, because: likely}
  - {id: rest, when: {}, priority: P4, action: report, because: rest}
"""
    place = Place.create(tmp_path / "place", "rules: [r.yaml]\nfeeds: {kev: kev.json, epss: epss.csv.gz}\n")
    (place.folder / "r.yaml").write_text(rules)
    (place.folder / "kev.json").write_text(json.dumps({"vulnerabilities": [{"cveID": "CVE-2026-0007"}]}))
    (place.folder / "epss.csv.gz").write_bytes(gzip.compress(EPSS.encode()))
    entries = [vulnerability(f"CVE-2026-000{n}") for n in (1, 2)]
    scan = write(tmp_path / "w0", a=trivy("a/a:1", entries), b=trivy("a/b:1", [vulnerability("CVE-2026-0007")]))
    told = place.run(scan, NOW).document
    assert sorted((a["title"], a["priority"]) for a in told["actions"]) == [
        ("[P0] docker.io/a/b: 1 high to fix", "P0"), ("[P1] docker.io/a/a: 1 high to fix", "P1"),
    ]  # fmt: skip
    (place.folder / "kev.json").unlink()
    (place.folder / "epss.csv.gz").write_bytes(b"\x1f\x8b")
    later = place.run(write(tmp_path / "w1", **{"a": trivy("a/a:1", entries)}), NOW + timedelta(weeks=1))
    assert later.exit_code == 0
    assert sum("the copy of 2026-05-03 is used" in w for w in later.document["warnings"]) == 2
    assert later.document["plan"]["close"] == 0
