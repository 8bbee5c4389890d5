"""Real scans of the same images, date after date: every figure and every ticket against the naive oracle.

Then again with each report of each later scan failed, or left out: what nobody looked at fixes and closes nothing.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import Place, closed_keys, written
from oracle import SEVERITIES, Figures, Finding, Oracle, failure_document, read

OPENAF = ("2026-05-03", "2026-05-10", "2026-05-17", "2026-05-24", "2026-05-31")
SARIF = ("2025-06-27", "2025-06-30", "2025-07-03", "2025-07-08")
DIMPACT = ("2025-06-07", "2025-06-08", "2025-06-27")
SCANNERS = ("trivy", "grype")
AGAIN = timedelta(minutes=20)
"""How long after a scan it is run once more: on the same day, for labels go by the calendar."""

MOST = 8
"""Reports of one scan that are taken away one by one: of a larger one every second or third stands for the rest."""

SCANS = {  # series -> its scans in order, each a date and the folders of the corpus that it is made of
    "openaf": [(date, {"": f"openaf-trivy-v1array-json/{date}"}) for date in OPENAF],
    "one-after-the-other": [(date, {s: f"dimpact-{s}-json/{date}"}) for date in DIMPACT for s in SCANNERS],
    "sarif": [(date, {"": f"dimpact-trivy-sarif/{date}"}) for date in SARIF],
    "both-in-one": [(date, {s: f"dimpact-{s}-json/{date}" for s in SCANNERS}) for date in DIMPACT],
}
EVERY = [(name, at) for name, scans in SCANS.items() for at in range(len(scans))]
LATER = [(name, at) for name, at in EVERY if at]


def named(value: object) -> str | None:
    """How a scan of a series is called in the name of a test."""
    match value:
        case (str(name), int(at)):
            date, folders = SCANS[name][at]
            return "-".join([name, date, *filter(None, folders if len(folders) == 1 else ())])
    return None


@dataclass(frozen=True)
class Dated:
    """A scan before it is laid out in a folder: its files under the names they get there."""

    label: str
    taken_at: datetime
    files: Mapping[str, Path]

    def laid_out(self, folder: Path) -> Path:
        """The scan as a folder; `folder` is made anew."""
        for name, file in self.files.items():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
        return folder

    def without(self, name: str) -> Dated:
        """The scan without one of its reports."""
        return replace(self, files={n: file for n, file in self.files.items() if n != name})

    def failed(self, name: str, document: Path, by: bytes) -> Dated:
        """The scan with one of its reports replaced by the document of a failure, which is written aside."""
        report = read(self.files[name])
        assert report
        failure = failure_document(f"{report.asset}:{report.tag}")
        document.write_bytes(failure.replace(b"aquasec/trivy", by))
        return replace(self, files={**self.files, name: document})


@dataclass(frozen=True)
class Chapter:
    """One scan of a series: what stood before it, what was said of it, and what the oracle says."""

    scan: Dated
    before: Place
    after: Place
    oracle_before: Oracle
    figures: Figures
    told: dict[str, Any]
    open_keys: set[str]
    tickets: dict[str, bytes]
    told_again: dict[str, Any]
    tickets_again: dict[str, bytes]


Series = Callable[[str], list[Chapter]]


def scans_of(corpus: Path, name: str) -> list[Dated]:
    """The scans of a series. Two of one date are an hour apart."""
    scans: list[Dated] = []
    for date, folders in SCANS[name]:
        files = {
            f"{prefix}/{file.name}".lstrip("/"): file
            for prefix, folder in folders.items()
            for file in sorted((corpus / "history" / folder).iterdir())
        }
        assert files, date
        evening = datetime.fromisoformat(f"{date}T23:30Z")  # after the times that the reports themselves tell
        earlier = sum(scan.label.startswith(date) for scan in scans)
        scans.append(Dated("-".join(filter(None, [date, *folders])), evening + timedelta(hours=earlier), files))
    return scans


@pytest.fixture(scope="module")
def series(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Series:
    """Each series played from the beginning, every scan run twice; played once and then remembered."""

    @cache
    def play(name: str) -> list[Chapter]:
        base = tmp_path_factory.mktemp(name)
        place, oracle, chapters = Place.create(base / "place"), Oracle(), []
        after = place.copy(base / "at-the-start")
        for at, scan in enumerate(scans_of(corpus, name)):
            before, oracle_before = after, copy.deepcopy(oracle)
            folder = scan.laid_out(base / f"scan-{at}")
            told = place.run(folder, scan.taken_at, label=scan.label).document
            keys, tickets = place.open_keys(), place.ticket_bytes()
            again = place.run(folder, scan.taken_at, AGAIN, label=scan.label).document
            figures = oracle.scan(scan.files.values())
            after = place.copy(base / f"after-{at}")
            chapters.append(
                Chapter(scan, before, after, oracle_before, figures, told, keys, tickets, again, after.ticket_bytes())
            )
        return chapters

    return play


def keys_of(figures: Figures, stream: str = "") -> set[str]:
    """The keys of the tickets that should be open."""
    return {f"image:{asset}{stream}" for asset in figures.open_assets}


def faults(told: Mapping[str, Any], figures: Figures) -> Iterator[str]:
    """Where what was said of a scan is not what the oracle says."""
    diff = told["diff"]
    if diff != figures.diff:
        yield f"diff is {diff}, the oracle says {figures.diff}"
    came = diff["previous"] + diff["new"] + diff["reappeared"]
    left = diff["fixed"] + diff["withdrawn"] + diff["merged"] + diff["retired"]
    if came - left != diff["current"]:
        yield f"the reconciling line does not hold: {diff}"
    totals = {name: {k: told["totals"][name][k] for k in ("total", "fixable")} for name in SEVERITIES}
    if totals != figures.totals or set(told["totals"]) != set(SEVERITIES):
        yield f"totals are {told['totals']}, the oracle says {figures.totals}"
    if told["errors"] or told["refused"]:
        yield f"errors {told['errors']}, refused {told['refused']}"


@pytest.mark.parametrize("where", EVERY, ids=named)
def test_figures_and_open_tickets_are_the_oracles(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    chapter = series(name)[at]
    assert list(faults(chapter.told, chapter.figures)) == []
    assert chapter.open_keys == keys_of(chapter.figures)


@pytest.mark.parametrize("where", EVERY, ids=named)
def test_the_same_scan_again_writes_nothing(series: Series, where: tuple[str, int]) -> None:
    name, at = where
    chapter = series(name)[at]
    assert written(chapter.told_again) == {}
    assert chapter.tickets_again == chapter.tickets
    assert list(faults(chapter.told_again, chapter.figures)) == []


def test_the_series_have_something_to_tell(series: Series, corpus: Path) -> None:
    """No assertion above is empty: findings come, go and stay unseen, tickets open, change and close."""
    for folder, dates in (("openaf-trivy-v1array-json", OPENAF), *((f"dimpact-{s}-json", DIMPACT) for s in SCANNERS)):
        assert sorted(path.name for path in (corpus / "history" / folder).iterdir()) == list(dates)
    openaf, apart = series("openaf"), series("one-after-the-other")
    for kind in ("create", "update", "close", "leave"):
        assert any(chapter.told["plan"][kind] for chapter in openaf), kind
    for change in ("new", "fixed", "unverified"):
        assert any(chapter.told["diff"][change] for chapter in openaf), change
        assert any(chapter.told["diff"][change] for chapter in apart), change
    assert openaf[0].told["scan"]["reports_failed"] == 4


def believed(place: Place) -> tuple[set[Finding], dict[str, str]]:
    """The findings that the product itself believes, and the ids that it replaces by others."""
    belief = place.belief()
    known = belief.known.select("asset", "package", "vulnerability")
    return set(known.iter_rows()), dict(belief.aliases.select("alias", "vulnerability").iter_rows())


def shown_by(place: Place, asset: str, tag: str, scanner: str) -> set[Finding]:
    """What the product believes because this scanner showed it on this image."""
    rows = place.belief().shown.select("asset", "tag", "scanner", "package", "vulnerability").iter_rows()
    return {(a, package, name) for a, t, s, package, name in rows if (a, t, s) == (asset, tag, scanner)}


@pytest.mark.parametrize(
    ("where", "variant"),
    [(where, variant) for where in LATER for variant in ("failed", "removed")]
    + [(where, "failed-unnamed") for where in LATER if where[0] == "both-in-one"],
    ids=named,
)
def test_a_report_that_is_missing_fixes_and_closes_nothing(
    series: Series, tmp_path: Path, where: tuple[str, int], variant: str
) -> None:
    name, at = where
    chapter, *later = series(name)[at:]
    after = later[0].scan if later else None
    wrong: list[str] = []
    reports = [file for file, path in chapter.scan.files.items() if read(path)]
    for number, file in enumerate(reports[:: 1 + len(reports) // MOST]):
        scanner = b"example/unnamed" if variant == "failed-unnamed" else b"aquasec/trivy"
        failed = chapter.scan.failed(file, tmp_path / f"failure-{number}.json", by=scanner)
        scan = chapter.scan.without(file) if variant == "removed" else failed
        place = chapter.before.copy(tmp_path / f"place-{number}")
        folder = scan.laid_out(tmp_path / f"scan-{number}")
        wrong += [f"{file} {variant}: {fault}" for fault in missing_faults(chapter, file, scan, folder, place, after)]
        shutil.rmtree(place.folder)
    assert wrong == [], "\n".join(wrong)


def missing_faults(
    chapter: Chapter, file: str, scan: Dated, folder: Path, place: Place, after: Dated | None
) -> Iterator[str]:
    """What goes wrong in the run of a scan in which one report is missing, and in that of the scan after it."""
    report = read(chapter.scan.files[file])
    assert report
    key = f"image:{report.asset}"
    was_open = place.open_keys()
    was_shown = shown_by(place, report.asset, report.tag, report.scanner)
    told = place.run(folder, scan.taken_at, label=scan.label).document
    oracle = copy.deepcopy(chapter.oracle_before)
    figures = oracle.scan(scan.files.values())
    yield from faults(told, figures)
    now_open = place.open_keys()
    if now_open != keys_of(figures):
        yield f"open are {sorted(now_open)}, the oracle says {sorted(keys_of(figures))}"
    mentioned = {key} if was_shown else set()  # a ticket may close without an image that showed nothing
    if extra := closed_keys(told) - (closed_keys(chapter.told) - mentioned):
        yield f"closed {sorted(extra)}"
    if lost := (was_open & (chapter.open_keys | mentioned)) - now_open:
        yield f"no longer open: {sorted(lost)}"
    known, renamed = believed(place)
    if known != figures.findings:
        yield f"believed besides the oracle: {sorted(known ^ figures.findings)[:3]}"
    still = {(asset, package, renamed.get(name, name)) for asset, package, name in was_shown}
    # Without its report a tag may be replaced by a new one of the same image; the oracle has judged that above.
    tags = {other.tag for path in scan.files.values() if (other := read(path)) and other.asset == report.asset}
    if (gone := still - known) and (report.tag in tags or not tags):
        yield f"{len(gone)} findings of {report.asset}:{report.tag} are gone, as {sorted(gone)[0]}"
    if after:
        folder = after.laid_out(folder.with_name(f"{folder.name}-after"))
        told = place.run(folder, after.taken_at, label=after.label).document
        figures = oracle.scan(after.files.values())
        yield from (f"at the scan after it: {fault}" for fault in faults(told, figures))
        if place.open_keys() != keys_of(figures):
            yield f"at the scan after it: open are {place.open_keys()}, the oracle says {keys_of(figures)}"


def shown_of(place: Place) -> dict[Finding, set[str]]:
    """Each finding that the product believes, and the scanners that show it."""
    showing: dict[Finding, set[str]] = {}
    for *finding, scanner in place.belief().shown.select("asset", "package", "vulnerability", "scanner").iter_rows():
        showing.setdefault(tuple(finding), set()).add(scanner)
    return showing


def test_what_both_scanners_show_is_one_finding(series: Series) -> None:
    for chapter in series("both-in-one"):
        alone = {
            scanner: Oracle().scan(file for name, file in chapter.scan.files.items() if name.startswith(scanner))
            for scanner in SCANNERS
        }
        shared = alone["trivy"].findings & alone["grype"].findings
        assert shared, "no finding of the corpus is shown by both: nothing is tested here"
        showing = shown_of(chapter.after)
        assert {finding: showing.get(finding) for finding in shared} == {finding: set(SCANNERS) for finding in shared}
        assert chapter.told["diff"]["current"] == len(showing) == chapter.after.belief().known.height
    first = series("both-in-one")[0].told["diff"]["current"]
    assert first == len(series("one-after-the-other")[1].figures.findings)


def test_what_only_one_scanner_shows_is_not_fixed_by_the_silence_of_the_other(series: Series) -> None:
    silent = 0
    for (_, folders), chapter in zip(SCANS["one-after-the-other"], series("one-after-the-other"), strict=True):
        (scanner,) = folders
        before, (known, renamed) = shown_of(chapter.before), believed(chapter.after)
        others = {(a, p, renamed.get(v, v)) for (a, p, v), scanners in before.items() if scanners - {scanner}}
        assert others - known == set(), chapter.scan.label
        shows = {finding for finding, scanners in shown_of(chapter.after).items() if scanner in scanners}
        silent += len(others - shows)
    assert silent, "no finding of the corpus is shown by one scanner only: nothing is tested here"


@pytest.mark.parametrize("where", LATER, ids=named)
def test_a_lost_history_neither_doubles_nor_closes_a_ticket(
    series: Series, tmp_path: Path, where: tuple[str, int]
) -> None:
    name, at = where
    chapters = series(name)
    place = chapters[at].before.copy(tmp_path / "place")
    standing = place.open_keys()
    assert standing or name != "openaf"
    shutil.rmtree(place.history)
    for number, chapter in enumerate(chapters[at:]):
        folder = chapter.scan.laid_out(tmp_path / f"scan-{number}")
        told = place.run(folder, chapter.scan.taken_at, label=chapter.scan.label).document
        assert any("history was lost" in warning for warning in told["warnings"]) == (number == 0 < len(standing))
        assert (told["errors"], told["refused"]) == ([], None)
        assert place.duplicates() == {}
        assert keys_of(chapter.figures) - place.open_keys() == set(), f"closed wrongly at {chapter.scan.label}"
        again = place.run(folder, chapter.scan.taken_at, AGAIN, label=chapter.scan.label).document
        assert written(again) == {}


def test_streams_do_not_interfere(corpus: Path, tmp_path: Path) -> None:
    """One stream sees every scan; the other, between them, each scan but the last, one date behind."""
    scans = scans_of(corpus, "openaf")
    place, oracles = Place.create(tmp_path / "place"), {"a": Oracle(), "b": Oracle()}
    open_keys: dict[str, set[str]] = {"a": set(), "b": set()}
    for at, scan in enumerate(scans):
        for stream, seen in (("a", scan), ("b", scans[at - 1])) if at else (("a", scan),):
            (other,) = open_keys.keys() - {stream}
            untouched = tickets_of(place, other)
            folder = tmp_path / f"scan-{seen.label}"
            told = place.run(
                folder if folder.exists() else seen.laid_out(folder), scan.taken_at, label=seen.label, stream=stream
            ).document
            figures = oracles[stream].scan(seen.files.values())
            open_keys[stream] = keys_of(figures, f"@{stream}")
            assert told["stream"] == stream
            assert list(faults(told, figures)) == []
            assert {action["key"].rpartition("@")[2] for action in told["actions"]} <= {stream}
            assert tickets_of(place, other) == untouched
            assert place.open_keys() == open_keys["a"] | open_keys["b"]
    assert all(open_keys.values())
    assert place.duplicates() == {}
    assert not place.belief("main").known.height


def tickets_of(place: Place, stream: str) -> dict[str, bytes]:
    """The tickets of one stream, byte for byte."""
    named_so = f"@{stream}\n".encode()
    return {name: text for name, text in place.ticket_bytes().items() if named_so in text.split(b"\n---\n")[0]}
