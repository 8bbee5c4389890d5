"""The weekly summary as managers read it: one expected page for each kind of week, and its form elsewhere."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from jira_cloud import is_document
from test_render import golden
from week_world import MONDAY, ZLIB, Platform, found

from triagebot import config, week
from triagebot.app import told as stands
from triagebot.look import Options
from triagebot.render.blocks import Chart, written

EXCEPTIONS = """exceptions:
  - {asset: "*/web-front", package: busybox, vulnerability: CVE-2026-1031, kind: accepted-risk,
     reason: not reachable, approved_by: security, expires: 2026-06-22}
  - {asset: "*/gone", kind: version-lock, reason: waits for a migration, approved_by: security, expires: 2027-01-31}
"""


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform.at(tmp_path)


def page(name: str, said: str) -> None:
    """As expected, and short."""
    golden(f"week-{name}.md", said)
    assert said.count("\n") < 60, name


def grown(platform: Platform) -> None:
    """Six weeks of an ordinary life."""
    platform.run(0)
    for number in range(1, 6):
        platform.fix("dns-kea", 8 + number)
        platform.held["web-front"].append(found(60 + number, "openssl"))
        platform.run(number)


def test_the_first_week_ever(platform: Platform) -> None:
    page("first", platform.run(0).summary)


def test_a_quiet_week(platform: Platform) -> None:
    platform.run(0)
    page("quiet", platform.run(1).summary)


def test_a_bad_week(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path, "rules: [exceptions.yaml]\n")
    (platform.place.folder / "exceptions.yaml").write_text(EXCEPTIONS)
    grown(platform)
    for image in ("dns-unbound", "dns-kea", "web-gateway", "web-front"):
        platform.held[image].append(ZLIB)
    platform.fix("web-gateway", 18, 21)
    platform.held["new-cache"] = [found(80 + i, "glibc") for i in range(3)]
    page("bad", platform.run(6).summary)


def test_a_week_with_failed_scans(platform: Platform) -> None:
    grown(platform)
    platform.failed = ("web-front", "lone-tool")
    page("failed", platform.run(6).summary)


def test_everything_fixed(platform: Platform) -> None:
    grown(platform)
    platform.clear()
    page("fixed", platform.run(6).summary)


def test_two_streams(platform: Platform) -> None:
    grown(platform)
    platform.run(5, "0.9.1", day=1, stream="0.9")
    platform.held["web-front"].append(ZLIB)
    platform.run(6, "0.9.2", stream="0.9")
    page("streams", platform.run(6, day=1).summary)


def sheet_of(platform: Platform, at: int) -> str:
    settings = config.load(platform.place.folder / "triagebot.yaml")
    return stands(settings, Options(now=MONDAY + timedelta(weeks=at, minutes=10), dry_run=True), False).summary


def test_the_command_prints_what_was_posted(platform: Platform) -> None:
    grown(platform)
    posted = platform.run(6).summary
    assert sheet_of(platform, 6) == posted


def test_figures_that_are_old_are_said_to_be(platform: Platform) -> None:
    grown(platform)
    assert "more than a week ago" not in sheet_of(platform, 5)
    assert "the last scan is of 2026-06-08, more than a week ago: these figures are as old as it is" in sheet_of(
        platform, 7
    )


def test_a_week_without_a_scan_does_not_pass_for_one(platform: Platform) -> None:
    """Nothing on it reads as if it were of this week: the days and the week that it tells of are named."""
    grown(platform)
    platform.fix("web-gateway", 18)
    platform.run(6)
    said = sheet_of(platform, 9)
    page("stale", said)
    assert said.startswith("## Week 28 of 2026: no scan; the last one is 1.6 of 2026-06-15\n")
    assert "Last week" not in said
    assert " On 2026-06-08: " in said
    assert "this week" not in said
    assert "| Fixed in week 25 |" in said
    of_week = sheet_of(platform, 6)
    assert of_week.startswith("## Week 25 of 2026: 1.6\n")
    assert "Last week: " in of_week
    assert "| Fixed this week |" in of_week


def test_the_first_scan_of_all_and_no_other_since(platform: Platform) -> None:
    platform.run(0)
    assert "; the first scan: next week is compared with it**" in sheet_of(platform, 0)
    assert "; the first scan: the next is compared with it**" in sheet_of(platform, 2)


def test_of_two_streams_each_says_of_which_day_it_tells(platform: Platform) -> None:
    platform.run(0)
    platform.run(0, "0.9.1", stream="0.9")
    said = platform.run(1).summary
    assert said.startswith("## Week 20 of 2026\n")
    assert "\n### Stream main: 1.1\n" in said
    assert "\n### Stream 0.9: no scan; the last one is 0.9.1 of 2026-05-04\n" in said


def test_what_a_scan_of_sunday_changed_is_told_on_monday(platform: Platform) -> None:
    platform.run(0)
    platform.fix("web-gateway", 18)
    platform.run(1, day=-1)  # on Sunday evening
    said = sheet_of(platform, 1)
    assert said.startswith("## Week 20 of 2026: no scan; the last one is 1.1 of 2026-05-10\n")
    assert "Since the beginning: 0 before + 30 new - 1 fixed = 29 now" in said  # both are scans of one week
    platform.fix("web-gateway", 21)
    platform.run(2, day=-1)
    assert "Since 2026-05-10: 29 before - 1 fixed = 28 now" in sheet_of(platform, 2)


def test_the_page_is_the_same_in_each_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[week.Sheet] = []
    real = week.text
    monkeypatch.setattr(week, "text", lambda sheet, markup, *a: seen.append(sheet) or real(sheet, markup, *a))
    platform = Platform.at(tmp_path, "rules: [exceptions.yaml]\n")
    (platform.place.folder / "exceptions.yaml").write_text(EXCEPTIONS)
    grown(platform)
    platform.held["web-front"].append(ZLIB)
    platform.run(6).summary  # noqa: B018 - writes it
    golden("week.wiki", real(seen[0], "jira", ("trend-main-01234567.png",)))
    nodes = json.loads(real(seen[0], "adf", ("trend-main-01234567.png",)))
    assert is_document({"type": "doc", "version": 1, "content": nodes})
    golden("week.adf.json", json.dumps(nodes, indent=1, ensure_ascii=False) + "\n")


def test_a_platform_of_many_teams_has_a_short_page_too(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path)
    teams = "".join(f"  t{n}: {{name: Team {n}}}\n" for n in range(30))
    lines = "".join(f'  - {{match: "*/of-{n}-*", team: t{n}}}\n' for n in range(30))
    (platform.place.folder / "teams.yaml").write_text(f"teams:\n{teams}unowned: t0\nimages:\n{lines}")
    platform.held = {f"of-{n}-{m}": [found(10 * n + m, f"p{n}")] for n in range(30) for m in range(3)}
    for at in range(4):
        platform.run(at)
    platform.failed = tuple(f"of-{n}-1" for n in range(20))
    for n in range(25):
        platform.held[f"of-{n}-0"] = [found(900 + n, f"q{n}")]
    for stream in ("main", "b", "c"):
        said = platform.run(5, f"{stream}.5", stream=stream).summary
    assert said.count("\n") < 60
    assert said.count("\n### ") == 3


def test_the_name_of_a_scan_does_nothing_in_a_chart() -> None:
    hostile = '"] \n```\n<script>x</script> %%{init: {}}%% @acme/dns #1 ](https://example.com)'
    said = written([Chart("Critical", (hostile, "画像 1.2", '"'), (1, 2, 3), (0, 1, 2))], "markdown")
    assert said.splitlines()[3] == '  x-axis ["  scriptx/script init: ", "画像 1.2", "-"]'
    assert said.count("```") == 2
