"""Rules that ignore: what they cost a run, and what moves with them although no finding comes or goes."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_ignored_oracle import charts, settled
from week_world import MONDAY, Platform

from triagebot import app, config, diff
from triagebot.look import Options

LOW = "rules: [{id: low, when: {severity: low}, priority: P9, action: ignore, because: Small.}]\n"
OLD = "rules: [{id: old, when: {age: '>= 7', team: dns}, priority: P9, action: ignore, because: Known.}]\n"


def platform(folder: Path, rules: str) -> Platform:
    made = Platform.at(folder)
    settings = (made.place.folder / "triagebot.yaml").read_text(encoding="utf-8")
    settled(made.place, rules)
    (made.place.folder / "triagebot.yaml").write_text(f"{settings}rules: [rules.yaml]\n", encoding="utf-8")
    return made


def said(made: Platform, **later: float) -> app.Told:
    settings = config.load(made.place.folder / "triagebot.yaml")
    return app.told(settings, Options(now=MONDAY + timedelta(**later), dry_run=True), False)


def drawn(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"^  bar \[(.*)\]$", text, re.MULTILINE)[0].split(", ")]


def serious(document: dict[str, Any]) -> int:
    return sum(int(document["totals"][severity]["total"]) for severity in ("critical", "high"))


def test_a_run_takes_no_past_scan_in_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = platform(tmp_path, LOW)
    for week in range(3):
        made.run(week)
    taken: list[int] = []
    advance = diff.advance
    monkeypatch.setattr("triagebot.history.advance", lambda *a: taken.append(1) or advance(*a))
    assert len(drawn(made.run(3).summary)) == 4
    assert taken == []
    settled(made.place, LOW.replace("low", "medium"))
    made.place.folder.joinpath("triagebot.yaml").write_text("teams: teams.yaml\nrules: [rules.yaml]\n")
    assert len(drawn(made.run(4).summary)) == 5
    assert len(taken) == 5  # other rules: each scan once
    assert len(drawn(made.run(5).summary)) == 6
    assert len(taken) == 5
    assert len(list((made.place.history / "cache" / "trail" / "main").iterdir())) == 2 * 6


def test_what_gets_old_enough_to_be_ignored_is_told_as_such(tmp_path: Path) -> None:
    made = platform(tmp_path, OLD)
    for week in range(3):
        told = made.run(week, day=week)  # each a week and a day after the other
        assert told.document["findings"]["ignored"] == (12 if week else 0)
    assert drawn(told.summary) == [10, 6, 6]
    assert "No vulnerability that counts came or went since 2026-05-12." in told.summary
    again = platform(tmp_path / "again", OLD)
    again.run(0)
    told = again.run(1, day=1)
    assert "(findings, by cause: what rules ignore changed -12)" in told.summary
    assert (
        "- rules ignore more than before: -12 findings (-4 critical or high); what rules ignore changed" in told.summary
    )
    assert "30 before = 30 now (12 of these are ignored by rules and counted nowhere else)" in told.summary
    assert "high fixable: 7 -> 4;" in told.summary


def test_tables_and_trend_agree_also_when_time_went_by_since_the_scan(tmp_path: Path) -> None:
    made = platform(tmp_path, OLD)
    for day in (0, 1, 2):
        made.run(0, f"1.{day}", day=day)
    before, after = said(made, days=3), said(made, days=8)
    assert drawn(before.summary) == [10, 10, 10]
    assert drawn(after.summary) == [10, 10, 6]
    assert (serious(before.document), serious(after.document)) == (10, 6)
    page = charts(made.place, MONDAY + timedelta(days=8))
    assert page[0]["series"][1]["counts"] == [10, 10, 6]


def test_who_owns_what_counts_where_a_rule_asks_for_it(tmp_path: Path) -> None:
    made = platform(tmp_path, OLD)
    for week in range(3):
        made.run(week, day=week)
    teams = made.place.folder / "teams.yaml"
    teams.write_text(teams.read_text(encoding="utf-8").replace('"*/web-*", team: web', '"*/web-*", team: dns'))
    assert drawn(said(made, weeks=2, days=3).summary) == [10, 2, 2]


def test_what_is_ignored_waits_for_nobody(tmp_path: Path) -> None:
    """Not looked at again, or excused by an exception that ends: what is ignored needs no attention."""
    made = platform(tmp_path, LOW)
    made.run(0)
    made.failed = ("dns-unbound",)
    told = made.run(1)
    assert told.document["diff"]["unverified"] == 6
    assert told.document["findings"]["unverified"] == 4
    assert "4 findings not looked at again; they count until they are" in told.summary


def test_the_end_of_an_exception_is_announced_for_what_counts(tmp_path: Path) -> None:
    made = platform(tmp_path, LOW)
    exception = "{asset: '*', vulnerability: %s, kind: accepted-risk, reason: a, approved_by: b, expires: 2026-05-10}"
    both = ", ".join(exception % name for name in ("CVE-2026-1001", "CVE-2026-1002", "CVE-2026-9999"))
    settled(made.place, f"{LOW}exceptions: [{both}]\n")
    told = made.run(0).document
    assert [(e["exception"].split(" of ")[-1], e["state"], e["findings"]) for e in told["exceptions"]] == [
        ("CVE-2026-1001", "ending", 1), ("CVE-2026-9999", "unused", 0),
    ]  # fmt: skip
