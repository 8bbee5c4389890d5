"""How scans lie in a folder: one folder per scan, one archive per scan, one file per scan, or all of it one scan."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

from triagebot import archive, formats
from triagebot.drafts import ARCHIVES
from triagebot.errors import ReportError
from triagebot.identity import masked
from triagebot.scan import names_in

_DATE = re.compile(r"(?<!\d)([12]\d{3}-[01]\d-[0-3]\d)(?!\d)")
_RELEASE = re.compile(r"^(?:v|release-|scan-)?\d", re.IGNORECASE)
_ONLY_NUMBERS = re.compile(r"\d[\d._T:+-]*Z?")
_COMMIT = re.compile(r"(?:.*[-_.])?(?P<hash>[0-9a-f]{7,40})")
_HEAD = 256


@dataclass(frozen=True)
class Layout:
    """What lies in a folder. `scans`: the oldest first; none: the folder is one scan itself.

    `beside`: names of what lies there as well and is taken for no scan, though it may look like one; `mixed`: it is
    one scan, but holds the same report of several days; `nested`: folders of which each holds several scans: which of
    them is meant only a person can say; `is_ordered`: whether names or reports say which scan is the older.
    """

    scans: tuple[Path, ...] = ()
    beside: tuple[str, ...] = ()
    mixed: bool = False
    nested: tuple[str, ...] = ()
    is_ordered: bool = True

    @property
    def are_dated(self) -> bool:
        """Whether the name of each scan says the day on which it was made."""
        return all(day_of(path.name) for path in self.scans)


def is_archive(name: str) -> bool:
    """Whether a file of this name is read as an archive of reports."""
    return name.endswith(ARCHIVES)


def day_of(name: str) -> str:
    """The date in the name of a scan; empty: there is none."""
    found = _DATE.search(name)
    try:
        return date.fromisoformat(found[1]).isoformat() if found else ""
    except ValueError:
        return ""


def layout(folder: Path) -> Layout:
    """Tell the scans of a folder from what lies beside them.

    Folders and archives are scans if their names are the same but for a date. Where there is no date, but a number in
    each name, folders are scans if most of what lies in one lies in the next, give or take tags; archives always are.
    Reports are scans, one each, if nothing else is and their names are the same but for a date. A folder that has a
    number or date in its name and lies there alone is the first scan of several to come.

    Scans may lie one level below, as `2026/05` or `platform/2026-05-01`, in folders that are called by numbers alone.
    """
    if not folder.is_dir():
        return Layout()
    told = _level(folder)
    if told.scans:
        scans = tuple(below for p in told.scans for below in (_level(p).scans if _holds_scans(p) else (p,)))
        return replace(told, scans=scans)
    folders = [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]
    nested = [p for p in folders if _holds_scans(p)]
    if len(nested) == 1 and not any(has_report(p) for p in folders if p not in nested):
        return _level(nested[0])
    return replace(told, nested=tuple(p.name for p in nested))


def _holds_scans(folder: Path) -> bool:
    """Whether a folder that lies among others is a folder of scans: an image may be called by a number, too."""
    if not folder.is_dir() or sum(bool(_ONLY_NUMBERS.fullmatch(p.name)) for p in folder.iterdir()) < 2:
        return False
    scans = _level(folder).scans
    return len(scans) > 1 and all(_ONLY_NUMBERS.fullmatch(_stem(p)) for p in scans)


def _level(folder: Path) -> Layout:
    inside = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and not is_alias(p, folder)]
    packed = [p for p in inside if p.is_file() and is_archive(p.name)]
    stems = {_stem(p) for p in inside if p.is_dir()}
    packed = [p for p in packed if _stem(p) not in stems]  # the rest lies there unpacked, too
    folders = [p for p in inside if p.is_dir() and has_report(p)]
    files = [p for p in inside if p.is_file() and not is_archive(p.name)]
    if not folders and not packed:
        return _of_files([p for p in files if reads_like_one(p)])
    loose = [p for p in files if _is_report(p)]
    if dated := _dated([*packed, *folders]):
        return _told(dated, [*packed, *folders, *loose])
    numbered = [p for p in (*packed, *folders) if re.search(r"\d", p.name)]
    if not loose and 2 * len(numbered) > len(packed) + len(folders) and _are_scans(numbered):
        return _told(numbered, [*packed, *folders])
    return _told(packed, packed) if len(packed) == 1 and not folders and not loose else Layout()


def _of_files(found: Sequence[Path]) -> Layout:
    dated = [p for p in found if day_of(p.name)]
    names = Counter(_undated(p) for p in dated)
    if not names or names.most_common(1)[0][1] < 2:
        return Layout()
    if len(names) == 1 and not any(_is_report(p) for p in found if p not in dated):
        return _told(dated, dated)
    return Layout(mixed=True)


def _told(scans: Sequence[Path], every: Sequence[Path]) -> Layout:
    ordered = tuple(sorted(scans, key=lambda p: natural(p.name)))
    beside = tuple(sorted(p.name for p in every if p not in scans))
    if len(ordered) == 1 or not _are_commits(ordered):
        return Layout(ordered, beside)
    made = {p: day for p in ordered if (day := _made(p))}
    if len(made) < len(ordered):
        return Layout(ordered, beside, is_ordered=False)
    return Layout(tuple(sorted(ordered, key=made.__getitem__)), beside)


def _are_commits(scans: Sequence[Path]) -> bool:
    """Whether they are called after commits, whose order says nothing."""
    found = [_COMMIT.fullmatch(_stem(p)) for p in scans]
    return all(found) and any(f and not f["hash"].isdecimal() for f in found)


def _made(scan: Path) -> datetime | None:
    """When the first of its reports that says so was made."""
    files = archive.members(scan) if scan.is_file() else ((n, archive.content(scan / n)) for n, _ in names_in(scan))
    for name, data in files:
        if isinstance(data, ReportError) or not formats.is_report_like(data, name):
            continue
        try:
            _, reports = formats.read(data)
        except ReportError:
            continue
        if at := next((report.scanned_at for report in reports if report.scanned_at), None):
            return at
    return None


def is_alias(path: Path, folder: Path) -> bool:
    """Whether it is a link to what lies there under its own name, such as `latest`."""
    return path.is_symlink() and path.resolve().parent == folder.resolve()


def _stem(path: Path) -> str:
    return next((path.name.removesuffix(end) for end in ARCHIVES if path.name.endswith(end)), path.name)


def _undated(path: Path) -> str:
    return _DATE.sub("", _stem(path))


def _dated(found: Sequence[Path]) -> list[Path]:
    """Those with a date in their names, if the names are the same without it. A tag of an image may be a date, too."""
    dated = [p for p in found if day_of(p.name)]
    names = {_undated(p) for p in dated}
    is_most = names == {""} or 2 * len(dated) > len(found)
    return dated if len(dated) > 1 and len(names) == 1 and is_most else []


def _are_scans(found: Sequence[Path]) -> bool:
    """Whether what has a number in its name is a scan each, and not an image each."""
    folders = sorted((p for p in found if p.is_dir()), key=lambda p: natural(p.name))
    held = [{masked(name) for name, _ in names_in(p)} for p in folders]
    if len(found) == 1 or max(map(len, held), default=2) < 2:  # their names alone have to tell
        are_called_so = all(_RELEASE.match(p.name) or day_of(p.name) for p in folders)
        if not are_called_so and (len(found) == 1 or len({masked(p.name) for p in folders}) > 1):
            return False
    return all(2 * len(a & b) >= min(len(a), len(b)) > 0 for a, b in pairwise(held))


def natural(name: str) -> list[tuple[int, int, str]]:
    """The order in which people count: `1.9` before `1.10`."""
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in re.split(r"(\d+)", name) if p]


def has_report(folder: Path) -> bool:
    """Whether a file that reads like a report lies in it or below."""
    return any(reads_like_one(folder / name) for name, _ in names_in(folder))


def reads_like_one(path: Path) -> bool:
    """Whether a file begins like a report."""
    with path.open("rb") as file:
        return formats.is_report_like(file.read(_HEAD), path.name)


def _is_report(path: Path) -> bool:
    """Whether a file that lies beside scans is a report: an index or a list of theirs is none."""
    if not reads_like_one(path):
        return False
    try:
        formats.read(path.read_bytes())
    except ReportError:
        return False
    return True
