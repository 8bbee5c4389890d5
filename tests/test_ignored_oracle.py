"""What a rule ignores counts nowhere: summary, page, `--json` and sheet, now and in the trend, against the oracle."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import SETTINGS, Place
from oracle import SEVERITIES, Figures, Finding, Oracle
from test_histories import SCANS, named, scans_of
from test_week_oracle import SERIOUS, Told, apart, before, expected, total

from triagebot import app, asked, config, page
from triagebot.look import Options

RULES = """rules:
  - {id: keep, when: {severity: [critical, low], package: "*libcrypto*"}, priority: P4, action: report, because: Told.}
  - {id: quiet, when: {any: [{severity: low}, {package: "*ssl*"}, {all: [{severity: high}, {fixable: false}]}]},
     priority: P9, action: ignore, because: Quiet.}
  - {id: rest, when: {}, priority: P4, action: report, because: Counted.}
"""
PAST = [(name, at) for name in ("openaf", "sarif", "both-in-one") for at in range(len(SCANS[name]))]


def ignores(finding: Finding, severity: str, fixable: bool) -> bool:
    """As the rules say it."""
    if severity in ("critical", "low") and "libcrypto" in finding[1]:
        return False
    return severity == "low" or "ssl" in finding[1] or (severity == "high" and not fixable)


@dataclass(frozen=True)
class Week(Told):
    """One scan of a series: all that was said of it."""

    document: dict[str, Any]
    charts: list[dict[str, Any]]
    sheet: Any


Series = Callable[[str], list[Week]]


def settled(place: Place, rules: str = RULES) -> Place:
    """The place, with these rules; without any that of triagebot."""
    (place.folder / "rules.yaml").write_text(rules, encoding="utf-8")
    said = SETTINGS + ("rules: [rules.yaml]\n" if rules else "")
    (place.folder / "triagebot.yaml").write_text(said, encoding="utf-8")
    return place


def charts(place: Place, at: Any) -> list[dict[str, Any]]:
    """What the page draws."""
    settings, options = config.load(place.folder / "triagebot.yaml"), Options(now=at, dry_run=True)
    told = page.written(settings, options, app.standing(settings, options)).text
    [drawn] = re.findall(r'id="charts">(.*?)</script>', told)
    found: list[dict[str, Any]] = json.loads(drawn)
    return found


@pytest.fixture(scope="module")
def series(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Each series played from the beginning, and remembered."""

    @cache
    def play(name: str) -> list[Week]:
        base = tmp_path_factory.mktemp(name)
        place, oracle, found = settled(Place.create(base / "place")), Oracle(ignores), list[Week]()
        scans = [apart(scan, at) for at, scan in enumerate(scans_of(corpus, name))]
        figures: list[Figures] = []
        for at, scan in enumerate(scans):
            told = place.run(scan.laid_out(base / f"scan-{at}"), scan.taken_at, label=scan.label)
            figures.append(oracle.scan(scan.files.values()))
            settings = config.load(place.folder / "triagebot.yaml")
            sheet = asked.sheet(settings, Options(now=scan.taken_at, dry_run=True))
            found.append(
                Week(scan, told.summary, list(figures), scans[: at + 1], place, told.document,
                     charts(place, scan.taken_at), sheet)
            )  # fmt: skip
        return found

    return play


@pytest.mark.parametrize("where", PAST, ids=named)
def test_summary_json_and_sheet_count_what_the_oracle_counts(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    told = series(name)[at]
    now = told.figures[-1]
    for line in expected(told):
        assert line in told.text, f"{line}\n--- is not in\n{told.text}"
    totals = {s: {k: told.document["totals"][s][k] for k in ("total", "fixable")} for s in SEVERITIES}
    assert totals == now.totals
    assert (told.document["images_total"], told.document["images_with_critical_or_high"]) == now.images
    assert told.document["findings"]["ignored"] == len(now.ignored) == now.diff["current"] - total(now)
    assert told.document["diff"]["current"] == now.diff["current"]
    of_sheet = {row[0].lower(): {"total": row[1], "fixable": row[2]} for row in told.sheet.totals[:-1]}
    facts = dict(told.sheet.facts)
    assert of_sheet == now.totals
    assert facts["Images with critical or high"] == now.images[1]
    assert facts["Findings that a rule ignores (not counted)"] == len(now.ignored)


@pytest.mark.parametrize("where", PAST, ids=named)
def test_the_trend_of_summary_and_page_does_too(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    told = series(name)[at]
    drawn: dict[str, str] = dict(re.findall(r"^  (bar|line) \[(.*)\]$", told.text, re.MULTILINE))
    for kind, column in (("bar", "total"), ("line", "fixable")) if at >= 2 else ():
        wanted = [sum(f.totals[s][column] for s in SERIOUS) for f in told.figures]
        assert [int(n) for n in drawn[kind].split(", ")] == wanted
    lines = {line["name"]: line["counts"] for chart in told.charts for line in chart["series"]}
    assert lines == {
        "Critical": [f.totals["critical"]["total"] for f in told.figures],
        "High": [f.totals["high"]["total"] for f in told.figures],
        "All": [total(f) for f in told.figures],
        "Fixable": [total(f, "fixable") for f in told.figures],
        "Came": [f.moved[0] for f in told.figures],
        "Went": [f.moved[1] for f in told.figures],
    }


@pytest.mark.parametrize("where", PAST, ids=named)
def test_what_changed_adds_up_to_the_difference(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    told = series(name)[at]
    said = re.search(r"\*\*What changed\*\*(?: \(findings, by cause: (.*)\))?\n\n((?:- .*\n)+)", told.text)
    first = before(told)
    if first < 0 or not said:
        assert first < 0 or total(told.figures[at]) == total(told.figures[first])
        return
    change = total(told.figures[at]) - total(told.figures[first])
    assert sum(int(n.replace(",", "")) for n in re.findall(r" ([+-][\d,]+)(?:,|$)", said[1] or "")) == change
    items = [item for item in said[2].splitlines() if " rated " not in item]
    nets = [re.search(r": ([+-]?[\d,]+) (?:critical or high )?findings?", item) for item in items]
    assert sum(int(n[1].replace(",", "")) for n in nets if n) == change


def test_the_series_ignore_and_count_something(series: Series) -> None:
    for name in ("openaf", "sarif", "both-in-one"):
        assert all(told.figures[-1].ignored and total(told.figures[-1]) for told in series(name))


def test_rules_that_changed_since_count_past_scans_anew(series: Series, corpus: Path, tmp_path: Path) -> None:
    """The trend has no step where the rules changed: it is what it would be had they always been the same."""
    place, last = Place.create(tmp_path / "place"), series("openaf")[-1]
    for at, scan in enumerate(last.scans):
        place.run(scan.laid_out(tmp_path / f"scan-{at}"), scan.taken_at, label=scan.label)
    raw = charts(place, last.scan.taken_at)
    assert raw != last.charts
    assert charts(settled(place), last.scan.taken_at) == last.charts
    assert charts(settled(place, ""), last.scan.taken_at) == raw
