"""How scans lie in a folder: one folder per scan, one archive per scan, one file per scan, or all of it one scan."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from triagebot import formats
from triagebot.drafts import ARCHIVES
from triagebot.errors import ReportError
from triagebot.identity import masked
from triagebot.scan import names_in

_DAY = "[12][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
NUMBERED = "*[0-9]*"
_DATE = re.compile(r"(?<!\d)([12]\d{3}-[01]\d-[0-3]\d)(?!\d)")
_RELEASE = re.compile(r"^(?:v|release-|scan-)?\d", re.IGNORECASE)
_HEAD = 256


@dataclass(frozen=True)
class Layout:
    """What lies in a folder. `scans`: the oldest first; none: the folder is one scan itself.

    `beside`: names of what lies there as well and is taken for no scan, though it may look like one; `pattern`: the
    shell's pattern that the name of a scan meets, an archive's without its ending; `mixed`: it is one scan, but holds
    the same report of several days.
    """

    scans: tuple[Path, ...] = ()
    beside: tuple[str, ...] = ()
    pattern: str = NUMBERED
    mixed: bool = False

    @property
    def are_dated(self) -> bool:
        """Whether the name of each scan says the day on which it was made."""
        return all(day_of(path.name) for path in self.scans)

    @property
    def are_files(self) -> bool:
        """Whether each scan is one report."""
        return bool(self.scans) and self.scans[-1].is_file() and not is_archive(self.scans[-1].name)


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
    """
    if not folder.is_dir():
        return Layout()
    inside = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and not _is_alias(p, folder)]
    packed = [p for p in inside if p.is_file() and is_archive(p.name)]
    stems = {_stem(p) for p in inside if p.is_dir()}
    packed = [p for p in packed if _stem(p) not in stems]  # the rest lies there unpacked, too
    folders = [p for p in inside if p.is_dir() and _has_report(p)]
    files = [p for p in inside if p.is_file() and not is_archive(p.name)]
    if not folders and not packed:
        return _of_files([p for p in files if _reads_like_one(p)])
    loose = [p for p in files if _is_report(p)]
    if dated := _dated([*packed, *folders]):
        return _told(dated, [*packed, *folders, *loose])
    numbered = [p for p in (*packed, *folders) if re.search(r"\d", p.name)]
    if not loose and 2 * len(numbered) > len(packed) + len(folders) and _are_scans(numbered):
        return _told(numbered, [*packed, *folders])
    return _told(packed, packed, "*") if len(packed) == 1 and not folders and not loose else Layout()


def _of_files(found: Sequence[Path]) -> Layout:
    dated = [p for p in found if day_of(p.name)]
    names = Counter(_undated(p) for p in dated)
    if not names or names.most_common(1)[0][1] < 2:
        return Layout()
    if len(names) == 1 and not any(_is_report(p) for p in found if p not in dated):
        return _told(dated, dated)
    return Layout(mixed=True)


def _told(scans: Sequence[Path], every: Sequence[Path], pattern: str = "") -> Layout:
    ordered = tuple(sorted(scans, key=lambda p: _natural(p.name)))
    return Layout(ordered, tuple(sorted(p.name for p in every if p not in scans)), pattern or _pattern(ordered))


def _pattern(scans: Sequence[Path]) -> str:
    """Names that are the same but for their dates; what would have to be quoted is left open."""
    if not all(day_of(p.name) for p in scans) or len({_undated(p) for p in scans}) != 1:
        return NUMBERED
    parts = _DATE.split(_stem(scans[-1]))[::2]
    return _DAY.join(parts) if re.fullmatch(r"[A-Za-z0-9._-]*", "".join(parts)) else f"*{_DAY}*"


def _is_alias(path: Path, folder: Path) -> bool:
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
    folders = sorted((p for p in found if p.is_dir()), key=lambda p: _natural(p.name))
    held = [{masked(name) for name, _ in names_in(p)} for p in folders]
    if len(found) == 1 or max(map(len, held), default=2) < 2:  # their names alone have to tell
        are_called_so = all(_RELEASE.match(p.name) or day_of(p.name) for p in folders)
        if not are_called_so and (len(found) == 1 or len({masked(p.name) for p in folders}) > 1):
            return False
    return all(2 * len(a & b) >= min(len(a), len(b)) > 0 for a, b in pairwise(held))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """In the order in which people count: `1.9` before `1.10`."""
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in re.split(r"(\d+)", name) if p]


def _has_report(folder: Path) -> bool:
    return any(_reads_like_one(folder / name) for name, _ in names_in(folder))


def _reads_like_one(path: Path) -> bool:
    with path.open("rb") as file:
        return formats.is_report_like(file.read(_HEAD), path.name)


def _is_report(path: Path) -> bool:
    """Whether a file that lies beside scans is a report: an index or a list of theirs is none."""
    if not _reads_like_one(path):
        return False
    try:
        formats.read(path.read_bytes())
    except ReportError:
        return False
    return True
