"""Feeds that nobody could have meant: whatever a table, a file or an address is, the run goes on and is told why."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from triagebot import enrichment
from triagebot.enrichment import Feeds
from triagebot.feeds import Shelf, gather
from triagebot.files import FeedSettings
from triagebot.jsonplaces import Faulty

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
ROW = "CVE-2026-0001,0.5"
BY = "by commas, not by "
HEADER = "is no EPSS table: needs the columns cve and epss, has "


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(Faulty) as caught:
        enrichment.epss(text.encode())
    return caught.value.faults


@pytest.mark.parametrize(
    "text",
    [
        f"cve,epss,,\n{ROW},,\n",
        f"cve,epss,x,x\n{ROW},1,2\n", f"cve,epss\n{ROW}\n\n\n", f"\n#x\n\ncve,epss\n\n{ROW}\n",
        '"cve","epss"\n"CVE-2026-0001","0.5"\n', f"cve,epss\r\n{ROW}\r\n\r\n", f"cve,epss\n{ROW},more,than,that\n",
        f"x,cve,epss\n1,{ROW}\n,,\n",
    ],
)  # fmt: skip
def test_what_is_a_table_is_read(text: str) -> None:
    assert enrichment.epss(text.encode()).rows() == [("CVE-2026-0001", 0.5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cve,epss,epss\nCVE-2026-0001,0.5,0.6\n", [(1, "is no EPSS table: has several columns epss")]),
        ("cve;epss\nCVE-2026-0001;0.5\n", [(1, f"{HEADER}cve;epss; its columns should be parted {BY}';'")]),
        ("cve\tepss\n", [(1, f"{HEADER}cve\tepss; its columns should be parted {BY}tabs")]),
        ("CVE,epss\n", [(1, f"{HEADER}CVE, epss; its 'CVE' should be called 'cve'")]),
        ("#x\n#y\n", [(1, "holds nothing")]),
        ("\n\n", [(1, "holds nothing")]),
        ("#x\n\ncve,epss\n\nCVE-2026-0001,2\n", [(5, "epss: '2' is no number between 0 and 1")]),
    ],
)  # fmt: skip
def test_what_is_none_is_told_with_its_line(text: str, expected: list[tuple[int, str]]) -> None:
    assert faults(text) == expected


def gathered(folder: Path, **sources: str) -> tuple[Feeds, list[str]]:
    shelf = Shelf(folder / "cache", NOW, True, True, sleep=lambda _: None)
    return gather(FeedSettings(**sources), folder, shelf), shelf.warnings


@pytest.mark.parametrize(
    "address",
    ["http://a..b/x", "http://[::1", "http://", "http://exa mple/x", "http://127.0.0.1:99999/x", "https://é..x/y",
     "http://" + 70 * "a" + ".invalid/x", "http://%zz/x", "\x00", "http://127.0.0.1:1/\ud800"],
)  # fmt: skip
def test_no_address_fails_a_run(tmp_path: Path, address: str) -> None:
    feeds, warnings = gathered(tmp_path, kev=address, epss=address)
    assert feeds.kev.is_empty()
    assert [w.rpartition("; ")[2] for w in warnings] == [
        "there is no copy of it: rules see no kev", "there is no copy of it: rules see no epss",
    ]  # fmt: skip
    assert "\n" not in "".join(warnings)


def test_the_scheme_of_an_address_is_written_in_any_case(tmp_path: Path) -> None:
    _, [warning] = gathered(tmp_path, kev="HTTP://bob:s3c@ret@127.0.0.1:1/kev.json?key=t0ken")
    assert warning.startswith("feeds.kev: HTTP://127.0.0.1:1/kev.json: cannot be reached: ")
    assert not any(secret in warning for secret in ("s3c", "ret", "t0ken"))


def test_a_long_address_hides_its_password_too(tmp_path: Path) -> None:
    _, [warning] = gathered(tmp_path, kev=f"http://bob:s3cret@a..b/{300 * 'x'}?key=t0ken")
    assert "s3cret" not in warning
    assert "t0ken" not in warning


def test_what_a_reader_did_not_foresee_is_a_warning_and_the_copy_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: bytes) -> pl.DataFrame:
        raise RecursionError("too deep")

    (tmp_path / "kev.json").write_text(json.dumps({"vulnerabilities": [{"cveID": "CVE-2026-0001"}]}))
    assert gathered(tmp_path, kev="kev.json")[0].kev.height == 1
    monkeypatch.setattr(enrichment, "kev", breaks)
    feeds, [warning] = gathered(tmp_path, kev="kev.json")
    assert feeds.kev.is_empty()
    assert "cannot be used: RecursionError: too deep; there is no copy" in warning


PIECES = st.sampled_from(["cve", "epss", "percentile", "", " cve", '"cve"', "cveID", "knownRansomwareCampaignUse", "x",
                          "CVE-2026-0001", "0.5", '"', "\x00", "\r", "é", "#", "1e999", "nan", ";"])  # fmt: skip
TABLES = st.lists(st.lists(PIECES, max_size=5).map(",".join), max_size=6).map("\n".join)


@given(TABLES | TABLES.map(lambda t: "cve,epss,x\n" + t) | TABLES.map(lambda t: "cveID,x\n" + t) | st.text(max_size=40))
@settings(max_examples=150)
@example("cve,epss,epss\nCVE-2026-0001,0.5,0.6\n")
def test_any_table_is_used_or_refused(text: str) -> None:
    for parse in (enrichment.kev, enrichment.epss):
        found: list[tuple[int, str]] = []
        try:
            found = [(1, "rows")] if not parse(text.encode("utf-8", "surrogatepass")).is_empty() else []
        except Faulty as fault:
            found = fault.faults
        assert found
        assert all(line >= 1 and said for line, said in found)


@given(st.text(alphabet="a.:/@[]%?# -é0\x00\\", max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_address_is_a_warning(text: str) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no network")

    import socket

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refused)
        _, warnings = gathered(Path("/nonexistent"), kev=f"http://{text}")
    assert len(warnings) == 1
