"""The page of real scans, date after date, in a browser: every figure against the naive oracle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Open, Opened
from conftest import SETTINGS, Place
from oracle import SEVERITIES, Finding, Oracle, read
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


def listed(oracle: Oracle) -> Listed:
    """Every finding that is believed: its severity, whether it is fixable, and the images that show it."""
    told: dict[Finding, tuple[str, bool, frozenset[str]]] = {}
    for (asset, tag, package, vulnerability), place in oracle.places().items():
        finding, image = (asset, package, vulnerability), f"{asset}:{tag}" if tag else asset
        _, fixable, shown = told.get(finding, ("", False, frozenset()))
        told[finding] = place.severity, fixable or place.fixable, shown | {image}
    return told


def images(found: Listed) -> dict[str, Counter[str]]:
    """What each image has: severities, `fixable` and `all`."""
    told: dict[str, Counter[str]] = {}
    for severity, fixable, shown in found.values():
        for image in shown:
            told.setdefault(image, Counter()).update([severity, "all", *(["fixable"] if fixable else [])])
    return told


def counted(told: Counter[str]) -> list[str]:
    """The cells of a row of counts."""
    return [f"{told[name]:,}" for name in ("critical", "high", "medium", "low", "fixable", "all")]


def check_figures(page: Opened, found: Listed, diff: Mapping[str, int], scanned: set[str]) -> None:
    """Everything that stands in the page before anything is asked. `scanned`: the images of the last scan."""
    totals = Counter(severity for severity, _, _ in found.values())
    fixable = Counter(severity for severity, is_fixable, _ in found.values() if is_fixable)
    rows = page.body("#severities")
    assert {name: (row[0], row[2], row[3]) for name, row in rows.items()} == {
        **{s: (f"{totals[s]:,}", f"{fixable[s]:,}", percent(fixable[s], totals[s])) for s in SEVERITIES if totals[s]},
        "All": (f"{totals.total():,}", f"{fixable.total():,}", percent(fixable.total(), totals.total())),
    }
    shares = {name: row[1] for name, row in rows.items() if name != "All"}
    assert sum(int(share.rstrip("%").replace(".", "")) for share in shares.values()) == 1000
    for name, share in shares.items():
        assert abs(float(share.rstrip("%")) - 100 * totals[name] / totals.total()) < 0.1
    has = images(found)
    serious = [image for image, held in has.items() if held["critical"] or held["high"]]
    every = scanned | set(has)
    parts = [
        f"{shares.get(severity, '0.0%')} {words}"
        + (f" ({percent(fixable[severity], totals[severity])} of those fixable)" if totals[severity] else "")
        for severity, words in (("critical", "of vulns are critical"), ("high", "are high"))
    ]
    sentence = f"{', '.join(parts)}; {len(serious)} of {len(every)} images have critical or high vulns."
    assert page.page.inner_text("h1") == sentence
    cards = page.page.eval_on_selector_all(".cards b", "all => all.map(b => b.textContent)")
    assert cards[:4] == [f"{n:,}" for n in (totals["critical"], totals["high"], len(serious), diff["current"])]
    said = page.page.inner_text(".facts dd >> nth=0").replace(",", "")
    assert re.findall(r"(\d+) ([a-z]+)", said) == [
        (str(diff["previous"]), "before"),
        *((str(diff[w]), w) for w in ("new", "reappeared", "fixed", "withdrawn", "merged") if diff[w]),
        (str(diff["current"]), "now"),
    ]
    teams = page.body("#teams")
    for team, name in (("a", "Team A"), ("b", "Team B"), ("rest", "The rest")):
        mine = {f: told for f, told in found.items() if team_of(f[0]) == team}
        grave = Counter(f"{severity}{fix}" for severity, fix, _ in mine.values())
        critical, high = ((grave[f"{s}True"], grave[f"{s}False"]) for s in ("critical", "high"))
        told = [
            sum(team_of(re.sub(":[^/]*$", "", image)) == team for image in every),
            sum(critical),
            sum(high),
            critical[0] + high[0],
        ]
        assert teams.get(name, ["0"] * 4)[:4] == [f"{n:,}" for n in told], team


def percent(part: int, whole: int) -> str:
    """As a share is written."""
    return f"{100 * part / whole:.1f}%" if whole else "0.0%"


def check_filters(page: Opened, found: Listed) -> None:
    """Each filter alone, and some together."""
    facts = [(team_of(f[0]), s, fixable, priority(s, fixable), shown) for f, (s, fixable, shown) in found.items()]

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
    most, _ = Counter(vulnerability for _, _, vulnerability in found).most_common(1)[0]
    assert sum(v == most for _, _, v in found) <= int(page.ask(f"#view=findings&text={most}").split()[0])


def check_images(page: Opened, found: Listed) -> None:
    """The table of images, with and without a filter."""
    page.ask("#view=images")
    told = {row[0]: row[2:8] for row in page.rows() if row[7] != "0"}
    assert told == {image: counted(has) for image, has in images(found).items()}
    page.ask("#view=images&severity=critical,high&fixable=yes")
    some = {f: told for f, told in found.items() if told[0] in ("critical", "high") and told[1]}
    assert {row[0]: row[2:8] for row in page.rows()} == {image: counted(has) for image, has in images(some).items()}


def check_upgrades(page: Opened, found: Listed) -> None:
    """The upgrades of the worst image clear, together and package by package, what the image has."""
    has = images(found)
    if not has:
        return
    image = max(sorted(has), key=lambda name: has[name]["all"])
    page.ask(f"#view=upgrades&image={image}")
    cleared: Counter[str] = Counter()
    for row in page.rows():
        cleared[row[0]] += int(row[-1].replace(",", ""))
    wanted = Counter(name_of(package) for (_, package, _), (_, _, shown) in found.items() if image in shown)
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
    for page, found, diff, scanned in pages(place, oracle, corpus, tmp_path, opened, name):
        check_figures(page, found, diff, scanned)
        check_filters(page, found)
        check_images(page, found)
        check_upgrades(page, found)
        counts = Counter(severity for severity, _, _ in found.values())
        came = diff["new"] + diff["reappeared"] if diff["previous"] else 0
        went = diff["fixed"] + diff["withdrawn"] + diff["merged"]
        fixable = sum(is_fixable for _, is_fixable, _ in found.values())
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
) -> Iterator[tuple[Opened, Listed, dict[str, int], set[str]]]:
    """The page after each scan of a series, what the oracle lists, its reconciling line, and the images of the scan."""
    for at, scan in enumerate(scans_of(corpus, name)):
        taken_at = scan.taken_at + timedelta(minutes=at)  # no two at the same time, for a trend has an order
        place.run(scan.laid_out(folder / f"scan-{at}"), taken_at, label=scan.label)
        figures = oracle.scan(scan.files.values(), f"{taken_at:%Y-%m-%d}")
        page = opened(written_page(place, taken_at + timedelta(minutes=20)), "#view=findings")
        assert page.found == figures.diff["current"]
        reports = [report for file in scan.files.values() if (report := read(file))]
        yield page, listed(oracle), figures.diff, {f"{r.asset}:{r.tag}" if r.tag else r.asset for r in reports}
