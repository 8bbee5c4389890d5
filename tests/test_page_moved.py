"""What the last scan changed, as the page tells it: the words of the weekly summary, safe and readable."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Open, serious
from page_world import OPENSSL, REPORTS, page_of
from reports import trivy, vulnerability
from test_page_browser import FIXED, hostile_reports
from week_world import MONDAY, Platform, found

from triagebot import app, config
from triagebot.look import Options
from triagebot.page import MOVERS, written


def moved(text: str) -> list[str]:
    """The panel, line by line, as it is read; nothing where there is none."""
    part = re.search(r'<section class="panel" id="moved".*?</section>', text, re.DOTALL)
    said = re.findall(r"<(?:h2|p|li)\b[^>]*>(.*?)</(?:h2|p|li)>", part[0] if part else "", re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", line)) for line in said]


def scans(many: int) -> list[dict[str, Any]]:
    """One scan and the next, which finds another fault in each of so many packages."""
    held = [vulnerability(f"CVE-2026-{at:04}", f"p{at:02}") for at in range(many)]
    return [{"a": trivy("registry.example/shop/web:1", entries)} for entries in ([OPENSSL], [OPENSSL, *held])]


def test_the_causes_stand_beside_what_they_explain(tmp_path: Path) -> None:
    text = page_of(tmp_path, [FIXED, REPORTS]).read_text(encoding="utf-8")
    assert moved(text) == [
        "What changed since 1.0, 3 May 2026",
        "Findings, by cause: advisory data changed +1",
        "openssl CVE-2026-0001: +1 critical or high finding in 1 image; advisory data changed",
    ]
    assert '<a href="#view=findings&amp;kind=vulnerability&amp;text=CVE-2026-0001">CVE-2026-0001</a>' in text


def test_it_is_what_the_weekly_summary_says(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path)
    platform.run(0)
    platform.fix("dns-kea", 9, 10)
    platform.held["web-front"] += [found(60 + at, "openssl") for at in range(3)]
    told = platform.run(1)
    settings = config.load(platform.place.folder / "triagebot.yaml")
    options = Options(now=MONDAY + timedelta(weeks=1, hours=1), dry_run=True)
    text = written(settings, options, app.standing(settings, options)).text
    of_summary = told.summary.partition("**What changed**")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert moved(text)[2:] == [line.removeprefix("- ") for line in of_summary.splitlines()]


@pytest.mark.parametrize("reports", [[REPORTS], [REPORTS, REPORTS]], ids=["first", "same"])
def test_where_nothing_changed_there_is_none(tmp_path: Path, reports: list[dict[str, Any]]) -> None:
    text = page_of(tmp_path, reports).read_text(encoding="utf-8")
    assert moved(text) == []
    assert "What changed" not in text


@pytest.mark.parametrize(
    ("left", "rest"), [(0, []), (1, ["1 smaller change: +1 finding"]), (2, ["2 smaller changes: +2 findings"])]
)
def test_a_long_list_says_what_it_leaves_out(tmp_path: Path, left: int, rest: list[str]) -> None:
    lines = moved(page_of(tmp_path, scans(MOVERS + left)).read_text(encoding="utf-8"))
    assert lines[2 + MOVERS :] == rest


def test_a_change_leads_to_its_findings(tmp_path: Path, opened: Open) -> None:
    told = opened(page_of(tmp_path, [FIXED, REPORTS]))
    told.page.click("#moved a")
    told.says("2 findings of 6")
    assert {row[0] for row in told.rows()} == {"CVE-2026-0001"}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_text_is_read_and_does_nothing(tmp_path: Path, opened: Open, width: int, scheme: Any) -> None:
    reports = hostile_reports()
    long = vulnerability("CVE-2026-7777", "x" * 300, severity="CRITICAL")
    reports["a"]["Results"][0]["Vulnerabilities"] += [
        long,
        vulnerability("<img/src=x>&#x27;", "odd", severity="CRITICAL"),
    ]
    before = {"a": trivy("registry.example/shop/web:1.4", [OPENSSL])}
    file = page_of(tmp_path, [before, reports], label="<script>hacked('label')</script>")
    told = opened(file, width=width, scheme=scheme)
    page = told.page
    assert page.locator("#moved li").count() == MOVERS + 1
    assert page.locator("#moved :is(img, svg, iframe, script, style, input)").count() == 0
    for at in range(page.locator("#moved a").count()):
        page.locator("#moved a").nth(at).click()
        told.until("location.hash.startsWith('#view=findings&kind=vulnerability&text=')")
        assert told.found >= 1
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious(page) == []


def test_paper_gets_it_too(tmp_path: Path, opened: Open) -> None:
    page = opened(page_of(tmp_path, scans(MOVERS + 2))).page
    page.emulate_media(media="print")
    assert page.locator("#moved li").count() == MOVERS + 1
    assert all(page.locator("#moved li").nth(at).is_visible() for at in range(MOVERS + 1))
