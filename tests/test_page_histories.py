"""The page of real scans, date after date, in a browser: every figure against the naive oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Open, Opened
from conftest import SETTINGS, Place
from oracle import SEVERITIES, Finding, Oracle
from test_histories import SCANS, scans_of

from triagebot import app, config
from triagebot.look import Options
from triagebot.page import written

TEAMS = """teams: {a: {name: Team A}, b: {name: Team B}, rest: {name: The rest}}
unowned: rest
images: [{match: "*/*a*", team: a}, {match: "*[0-9]*", team: rest}, {match: "*/*b*", team: b}]
"""
Listed = Mapping[Finding, tuple[str, bool, frozenset[str]]]


def team_of(asset: str) -> str:
    """As the team file says it: `[0-9]` is no pattern there."""
    path = asset.partition("/")[2]
    return "a" if "a" in path else "b" if "b" in path else "rest"


def priority(severity: str, fixable: bool) -> str:
    """As the shipped rules say it."""
    if severity in ("critical", "high"):
        return ("P1" if severity == "critical" else "P2") if fixable else "P3"
    return "P4"


def written_page(place: Place, at: Any) -> Path:
    """The page of a place."""
    settings = config.load(place.folder / "triagebot.yaml")
    options = Options(now=at, dry_run=True)
    file = place.folder / "report.html"
    file.write_text(written(settings, options, app.standing(settings, options)).text, encoding="utf-8")
    return file


def images(listed: Listed) -> dict[str, Counter[str]]:
    """What each image has: severities, `fixable` and `all`."""
    told: dict[str, Counter[str]] = {}
    for severity, fixable, shown in listed.values():
        for image in shown:
            told.setdefault(image, Counter()).update([severity, "all", *(["fixable"] if fixable else [])])
    return told


def counted(told: Counter[str]) -> list[str]:
    """The cells of a row of counts."""
    return [f"{told[name]:,}" for name in ("critical", "high", "medium", "low", "fixable", "all")]


def check_figures(page: Opened, listed: Listed) -> None:
    """The tables that stand in the page."""
    totals = Counter(severity for severity, _, _ in listed.values())
    fixable = Counter(severity for severity, is_fixable, _ in listed.values() if is_fixable)
    rows = page.body("#severities")
    assert {name: (row[0], row[2]) for name, row in rows.items()} == {
        **{s: (f"{totals[s]:,}", f"{fixable[s]:,}") for s in SEVERITIES if totals[s]},
        "All": (f"{totals.total():,}", f"{fixable.total():,}"),
    }
    serious = {image for severity, _, shown in listed.values() if severity in ("critical", "high") for image in shown}
    headline = page.page.inner_text("h1")
    assert f"; {len(serious)} of " in headline
    by_team = Counter((team_of(finding[0]), severity) for finding, (severity, _, _) in listed.items())
    names = {"a": "Team A", "b": "Team B", "rest": "The rest"}
    teams = page.body("#teams")
    for team, name in names.items():
        told = teams.get(name, ["0"] * 4)
        assert told[1:3] == [f"{by_team[team, 'critical']:,}", f"{by_team[team, 'high']:,}"], team


def check_filters(page: Opened, listed: Listed) -> None:
    """Each filter alone, and some together."""
    facts = [(team_of(f[0]), s, fixable, priority(s, fixable), shown) for f, (s, fixable, shown) in listed.items()]

    def expect(fragment: str, wanted: int) -> None:
        page.ask(f"#view=findings&{fragment}")
        assert page.found == wanted, fragment

    for severity in SEVERITIES:
        expect(f"severity={severity}", sum(s == severity for _, s, _, _, _ in facts))
        for word, flag in (("yes", True), ("no", False)):
            wanted = sum(s == severity and f is flag for _, s, f, _, _ in facts)
            expect(f"severity={severity}&fixable={word}", wanted)
    expect("severity=critical,high", sum(s in ("critical", "high") for _, s, _, _, _ in facts))
    for name in ("P1", "P2", "P3", "P4"):
        expect(f"priority={name}", sum(p == name for _, _, _, p, _ in facts))
    for team in ("a", "b", "rest"):
        expect(f"team={team}", sum(t == team for t, _, _, _, _ in facts))
        expect(f"team={team}&severity=high", sum(t == team and s == "high" for t, s, _, _, _ in facts))
    for image in sorted({image for *_, shown in facts for image in shown})[:6]:
        expect(f"image={image}", sum(image in shown for *_, shown in facts))
    most, _ = Counter(vulnerability for _, _, vulnerability in listed).most_common(1)[0]
    assert sum(v == most for _, _, v in listed) <= int(page.ask(f"#view=findings&text={most}").split()[0])


def check_images(page: Opened, listed: Listed) -> None:
    """The table of images, with and without a filter."""
    page.ask("#view=images")
    told = {row[0]: row[2:8] for row in page.rows() if row[7] != "0"}
    assert told == {image: counted(has) for image, has in images(listed).items()}
    page.ask("#view=images&severity=critical,high&fixable=yes")
    some = {f: told for f, told in listed.items() if told[0] in ("critical", "high") and told[1]}
    assert {row[0]: row[2:8] for row in page.rows()} == {image: counted(has) for image, has in images(some).items()}


def check_upgrades(page: Opened, listed: Listed) -> None:
    """The upgrades of the worst image clear, together and package by package, what the image has."""
    has = images(listed)
    if not has:
        return
    image = max(sorted(has), key=lambda name: has[name]["all"])
    page.ask(f"#view=upgrades&image={image}")
    cleared: Counter[str] = Counter()
    for row in page.rows():
        cleared[row[0]] += int(row[-1].replace(",", ""))
    wanted = Counter(name_of(package) for (_, package, _), (_, _, shown) in listed.items() if image in shown)
    assert cleared == wanted


def name_of(package: str) -> str:
    """What a package is called."""
    kind, _, path = package.removeprefix("pkg:").partition("/")
    path = path.replace("%40", "@").replace("%2B", "+").replace("%2b", "+")
    if kind in ("apk", "deb", "rpm"):
        return path.rpartition("/")[2]
    return path.replace("/", ":") if kind == "maven" else path


@pytest.mark.parametrize("name", SCANS)
def test_every_number_of_the_page_is_the_oracles(corpus: Path, tmp_path: Path, opened: Open, name: str) -> None:
    place, oracle = Place.create(tmp_path / "place", f"{SETTINGS}teams: teams.yaml\n"), Oracle()
    (place.folder / "teams.yaml").write_text(TEAMS, encoding="utf-8")
    trend: list[list[str]] = []
    for page, listed, diff in pages(place, oracle, corpus, tmp_path, opened, name):
        check_figures(page, listed)
        check_filters(page, listed)
        check_images(page, listed)
        check_upgrades(page, listed)
        counts = Counter(severity for severity, _, _ in listed.values())
        came = diff["new"] + diff["reappeared"] if diff["previous"] else 0
        went = diff["fixed"] + diff["withdrawn"] + diff["merged"]
        fixable = sum(is_fixable for _, is_fixable, _ in listed.values())
        numbers = [counts["critical"], counts["high"], counts.total(), fixable, came, went]
        trend.append([f"{n:,}" for n in numbers])
        tables = page.page.eval_on_selector_all(
            ".trend tbody", "all => all.map(t => [...t.rows].map(r => [...r.cells].slice(2).map(c => c.textContent)))"
        )
        if len(trend) > 1:
            told = [[cell for row in rows for cell in row] for rows in zip(*tables, strict=True)]
            assert told == trend


def pages(
    place: Place, oracle: Oracle, corpus: Path, folder: Path, opened: Open, name: str
) -> Iterator[tuple[Opened, Listed, dict[str, int]]]:
    """The page after each scan of a series, what the oracle lists, and its reconciling line."""
    for at, scan in enumerate(scans_of(corpus, name)):
        taken_at = scan.taken_at + timedelta(minutes=at)  # no two at the same time, for a trend has an order
        place.run(scan.laid_out(folder / f"scan-{at}"), taken_at, label=scan.label)
        figures = oracle.scan(scan.files.values())
        page = opened(written_page(place, taken_at + timedelta(minutes=20)), "#view=findings")
        assert page.found == figures.diff["current"]
        yield page, oracle.listed(), figures.diff
