"""Where one of two copies of a history is damaged, the other one says what stood there: before the two are united.

A recorded scan is named after its content and does not change, so that a copy of it which cannot be read is a fault of
the disk and no change. It is judged as a whole folder; a small file of JSON by itself. What was removed as a whole was
removed on purpose, and a scan that can be read and says another time was moved on purpose: neither is touched here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from triagebot.errors import InputError
from triagebot.folder import Folder, read_json
from triagebot.snapshots import damage

_SCANS = "snapshots"
_SMALL = ("tickets", "intents", "trackers", "runs")

Ids = Mapping[str, str]


@dataclass
class Mended:
    """`changed`: files of ours that are others now; `settled`: below what nothing is left to unite."""

    changed: list[str] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)

    def settles(self, name: str) -> bool:
        """Whether nothing is left to unite of a file."""
        return unit_of(name) in self.settled


def mend(ours: Path, theirs: Path, mine: Ids, other: Ids, base: Ids, say: Callable[[str], None]) -> Mended:
    """Bring into the history `ours` what is damaged there and whole in `theirs`; `say` hears of each.

    What each file holds: in ours, in theirs, and in what both started from; by the name inside of a history.
    """
    done = Mended()
    theirs_of = _units(other)
    for unit, held in _units(mine).items():
        here, there = ours / unit, theirs / unit
        if unit not in theirs_of or held == theirs_of[unit]:
            continue
        why = damage_of(there)
        fault = damage_of(here) or ("" if why else _altered(held, theirs_of[unit], base))
        if why:
            if not fault:
                done.settled.add(unit)
                say(f"{here}: is damaged on the branch ({why}); the one here is kept")
        elif fault:
            done.changed += _taken(here, there, held, theirs_of[unit], unit)
            done.settled.add(unit)
            say(f"{here}: {fault}; it is taken from the branch")
    return done


def damaged(history: Path, mine: Ids, other: Ids, base: Ids) -> dict[str, str]:
    """What of a history is another than in a copy and is no change: folder or file, and what is wrong with it."""
    theirs_of = _units(other)
    differs = {unit: held for unit, held in _units(mine).items() if held != theirs_of.get(unit)}
    faults = {
        unit: damage_of(history / unit) or _altered(held, theirs_of.get(unit, {}), base)
        for unit, held in differs.items()
    }
    return {unit: why for unit, why in faults.items() if why}


def damage_of(path: Path) -> str:
    """Why a recorded scan or a file of JSON cannot be read; empty: it can be."""
    if path.parent.name == _SCANS:
        return damage(path)
    try:
        read_json(path)
    except (InputError, OSError):
        return "cannot be read"
    return ""


def unit_of(name: str) -> str:
    """What a file of a history is judged with: the folder of its scan, or itself; empty: it is not judged."""
    kind, *inside = name.split("/")
    if kind == _SCANS and len(inside) > 1:
        return f"{kind}/{inside[0]}"
    return name if kind in _SMALL and name.endswith(".json") else ""


def _units(ids: Ids) -> dict[str, dict[str, str]]:
    """The files of each unit."""
    found: dict[str, dict[str, str]] = {}
    for name, held in sorted(ids.items()):
        if unit := unit_of(name):
            found.setdefault(unit, {})[name] = held
    return found


def _altered(mine: Ids, other: Ids, base: Ids) -> str:
    """What is another than both started from in a scan that still says the same of itself."""
    metas = {held.get(name) for held in (mine, other) for name in other if name.endswith("/meta.json")}
    if len(metas) != 1:
        return ""
    tables = [name for name, held in other.items() if name.endswith(".parquet") and held == base.get(name)]
    altered = [name.rpartition("/")[2] for name in tables if mine.get(name) != other[name]]
    return f"{', '.join(altered)} is not what was recorded" if altered else ""


def _taken(here: Path, there: Path, mine: Ids, other: Ids, unit: str) -> list[str]:
    """Take their files one by one, the tables first: who is killed in between leaves what is mended the next time.

    A scan that was accepted here stays so.
    """
    changed = sorted((name for name in other if mine.get(name) != other[name]), key=lambda n: n.endswith("/meta.json"))
    for name in changed:
        inside = name.removeprefix(unit).removeprefix("/")
        aside = Folder(here.parent).aside("mended")
        aside.write_bytes((there / inside).read_bytes())
        aside.replace(here / inside)
    return changed
