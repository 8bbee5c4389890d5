"""Each number of the weekly summary, for each date of the real scans, against the naive oracle.

What is compared is the text that people get. What it should say is put together here from the oracle's figures alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from conftest import Place
from oracle import SEVERITIES, Figures, Oracle
from test_histories import EVERY, Dated, named, scans_of

from triagebot.history import History

SERIOUS = ("critical", "high")
TERMS = ("new", "reappeared", "fixed", "withdrawn", "merged", "retired")


@dataclass(frozen=True)
class Told:
    """One scan of a series: what was said, and what the oracle says of it and of all before it."""

    scan: Dated
    text: str
    figures: list[Figures]
    scans: list[Dated]
    place: Place


@pytest.fixture(scope="module")
def series(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Told]]:
    """Each series played from the beginning, and remembered."""

    @cache
    def play(name: str) -> list[Told]:
        base = tmp_path_factory.mktemp(name)
        place, oracle, found = Place.create(base / "place"), Oracle(), []
        scans = [apart(scan, at) for at, scan in enumerate(scans_of(corpus, name))]
        figures: list[Figures] = []
        for at, scan in enumerate(scans):
            told = place.run(scan.laid_out(base / f"scan-{at}"), scan.taken_at, label=scan.label)
            figures.append(oracle.scan(scan.files.values()))
            found.append(Told(scan, told.summary, list(figures), scans[: at + 1], place))
        return found

    return play


Series = Callable[[str], list[Told]]


def apart(scan: Dated, at: int) -> Dated:
    """The scan late on its day; of two of one day the second is a little later."""
    day = datetime.fromisoformat(f"{scan.label[:10]}T23:40Z")
    return replace(scan, taken_at=day + timedelta(minutes=at))


def monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)


def before(told: Told) -> int:
    """The place of the last scan before the week; -1: there is none."""
    week = monday(told.scan.taken_at.date())
    return sum(monday(scan.taken_at.date()) < week for scan in told.scans) - 1


def total(figures: Figures, name: str = "total") -> int:
    return sum(figures.totals[severity][name] for severity in SEVERITIES)


def percent(part: int, whole: int) -> str:
    """To one place; a half goes to the even neighbour, as in all of Python."""
    return f"{part / whole * 100:.1f}%"


def shares(figures: Figures) -> dict[str, str]:
    """Tenths of a percent that add up to a hundred percent: who loses most by cutting off gets one more."""
    whole = total(figures)
    cut = {s: figures.totals[s]["total"] * 1000 // whole for s in SEVERITIES}
    lost = {s: figures.totals[s]["total"] * 1000 % whole for s in SEVERITIES}
    for severity in sorted(SEVERITIES, key=lambda s: -lost[s])[: 1000 - sum(cut.values())]:
        cut[severity] += 1
    return {severity: f"{tenths // 10}.{tenths % 10}%" for severity, tenths in cut.items()}


def of_those(figures: Figures, severity: str) -> str:
    held = figures.totals[severity]
    return f" ({percent(held['fixable'], held['total'])} of those fixable)" if held["total"] else ""


def signed(change: int) -> str:
    return f"+{change:,}" if change > 0 else f"{change:,}"


def expected(told: Told) -> list[str]:
    """Lines that must stand in the text, word for word."""
    now, at = told.figures[-1], before(told)
    was = told.figures[at] if at >= 0 else None
    share = shares(now)
    all_images, bad_images = now.images
    sentence = (
        f"{share['critical']} of vulns are critical{of_those(now, 'critical')}, "
        f"{share['high']} are high{of_those(now, 'high')}; "
        f"{bad_images:,} of {all_images:,} images have critical or high vulns."
    )
    verdict = [f"{s} fixable: {now.totals[s]['fixable']:,}" for s in SERIOUS]
    if was:
        then = shares(was)
        days = (monday(told.scan.taken_at.date()) - told.scans[at].taken_at.date()).days
        when = "Last week" if days <= 7 else f"On {told.scans[at].taken_at:%Y-%m-%d}"
        sentence += (
            f" {when}: {then['critical']} critical{of_those(was, 'critical')}, {then['high']} high"
            f"{of_those(was, 'high')}; {was.images[1]:,} of {was.images[0]:,} images."
        )
        verdict = [f"{s} fixable: {was.totals[s]['fixable']:,} -> {now.totals[s]['fixable']:,}" for s in SERIOUS]
    lines = [sentence, f"**{'; '.join(verdict)}; "]
    for severity in SEVERITIES:
        held = now.totals[severity]
        change = held["total"] - (was.totals[severity]["total"] if was else 0)
        if held["total"] or (was and change):
            fixable = percent(held["fixable"], held["total"]) if held["total"] else "-"
            cells = [severity, f"{held['total']:,}", share[severity], f"{held['fixable']:,}", fixable]
            lines.append(row(cells, [signed(change)] if was else []))
    whole = [f"{total(now):,}", "100.0%", f"{total(now, 'fixable'):,}", percent(total(now, "fixable"), total(now))]
    lines.append(row(["**all**", *whole], [signed(total(now) - total(was))] if was else []))
    summed = {term: sum(f.diff[term] for f in told.figures[at + 1 :]) for term in TERMS}
    came = "".join(f" + {summed[t]:,} {t}" for t in TERMS[:2] if summed[t])
    went = "".join(f" - {summed[t]:,} {t}" for t in TERMS[2:] if summed[t])
    lead = f"Since {told.scans[at].taken_at:%Y-%m-%d}" if was else "Since the beginning"
    note = f" ({len(now.ignored):,} of these are ignored by rules and counted nowhere else)" if now.ignored else ""
    lines.append(
        f"{lead}: {was.diff['current'] if was else 0:,} before{came}{went} = {now.diff['current']:,} now{note}"
    )
    return lines


def row(cells: list[str], more: list[str]) -> str:
    return f"| {' | '.join([*cells, *more])} |"


@pytest.mark.parametrize("where", EVERY, ids=named)
def test_every_figure_is_the_oracles(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    told = series(name)[at]
    for line in expected(told):
        assert line in told.text, f"{line}\n--- is not in\n{told.text}"
    rows = [line for line in told.text.splitlines() if re.match(rf"\| ({'|'.join(SEVERITIES)}|\*\*all\*\*) \|", line)]
    assert rows == [line for line in expected(told) if line.startswith("|")]
    assert total(told.figures[-1]) == told.figures[-1].diff["current"]


@pytest.mark.parametrize("where", EVERY, ids=named)
def test_the_trend_is_the_oracles(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    told = series(name)[at]
    chart: dict[str, str] = dict(re.findall(r"^  (bar|line) \[(.*)\]$", told.text, re.MULTILINE))
    if at < 2:
        assert chart == {}
        return
    shown = told.figures[-12:]
    for kind, column in (("bar", "total"), ("line", "fixable")):
        wanted = [sum(f.totals[s][column] for s in SERIOUS) for f in shown]
        assert [int(n) for n in chart[kind].split(", ")] == wanted


@pytest.mark.parametrize("name", ["openaf", "one-after-the-other", "sarif", "both-in-one"])
def test_what_changed_is_the_oracles(series: Series, name: str) -> None:
    """Per image, per week: as many findings came and went as the oracle counts; the causes tell each of them once."""
    played = series(name)
    events = History(played[-1].place.history).events("main", 0)
    for at, told in enumerate(played):
        rows = events.filter(pl.col("scan") == at)
        counted = Counter(rows["change"].to_list())
        wanted = {t: told.figures[at].diff[t] for t in TERMS} if at else dict.fromkeys(TERMS, 0)
        assert {t: counted[t] for t in TERMS} == wanted
        came = Counter(rows.filter(pl.col("change").is_in(TERMS[:2]))["asset"].to_list())
        came.subtract(rows.filter(pl.col("change").is_in(TERMS[2:]))["asset"].to_list())
        now, was = (Counter(a for a, _, _ in f.findings) for f in (told.figures[at], told.figures[at - 1]))
        if at:
            assert {a: n for a, n in came.items() if n} == {a: now[a] - was[a] for a in now | was if now[a] != was[a]}
        told_of = re.search(r"\*\*What changed\*\*(?: \(findings, by cause: (.*)\))?\n\n((?:- .*\n)+)", told.text)
        first = before(told)
        if first >= 0 and told_of:
            change = total(told.figures[at]) - total(told.figures[first])
            assert sum(int(n.replace(",", "")) for n in re.findall(r" ([+-][\d,]+)(?:,|$)", told_of[1] or "")) == change
            items = told_of[2].splitlines()
            nets = [re.search(r": ([+-]?[\d,]+) (?:critical or high )?findings?", item) for item in items]
            assert sum(int(n[1].replace(",", "")) for n in nets if n and " rated " not in n.string) == change


def test_the_series_have_changes_to_tell(series: Series) -> None:
    assert sum("**What changed**" in told.text for name in ("openaf", "sarif") for told in series(name)) >= 5
