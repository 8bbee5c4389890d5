"""Two copies of what triagebot keeps become one: nothing that either of them recorded is lost.

Three-way: what both started from is known, so that a file which one of them removed on purpose (an intent that was
settled, a ticket that has another id) does not come back. Without that ground it is a plain union.

| file | both changed it | one changed it, the other removed it |
|---|---|---|
| `snapshots/` | content-named: the one that was believed | is kept |
| `tickets/` | the one that knows more: deleted, then closed, then open; the earliest times | stays removed |
| `intents/` | either: it is looked up before anything is filed | stays removed |
| tickets that are files | what people wrote in either (`ticketmerge`) | is kept if a person changed it |
| `trackers/` | neither: the next run lists all anew | is kept |
| all else, `runs/` among it | the one that was published first | is kept |

What is damaged in one of the copies is no change of it, and is mended first (`mending`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import msgspec

from triagebot.errors import TriagebotError
from triagebot.folder import Folder, read_json
from triagebot.history import PULLED, KnownTicket
from triagebot.mending import Mended, damaged, mend, unit_of
from triagebot.snapshots import FORMER
from triagebot.ticketmerge import is_touched, united

HISTORY = "history"
"""Under which name the history is kept; local tickets are under `tickets/<tracker>`."""

TICKETS = "tickets/"
_LEFT_OUT = (f"{HISTORY}/cache/", f"{HISTORY}/lease.json", f"{HISTORY}/{PULLED}")
_REMOVED_STAYS = (f"{HISTORY}/tickets/", f"{HISTORY}/intents/")

Ids = Mapping[str, str]
"""What each file holds, as Git names it: file name -> blob id."""
Held = Callable[[str], bytes | None]
"""What a file of the ground held, by its name; None: that is not known any more."""
Say = Callable[[str], None]
"""Hears what a person should look at."""


@dataclass(frozen=True)
class Kept:
    """The folders that are kept, by the name that each has in a copy."""

    folders: Mapping[str, Path]

    def path(self, name: str) -> Path | None:
        """Where a file of a copy belongs here; None: in no folder of ours."""
        for under, folder in self.folders.items():
            if name.startswith(f"{under}/") and ".." not in name.split("/"):
                return folder / name.removeprefix(f"{under}/")
        return None

    def among(self, ids: Ids) -> dict[str, str]:
        """Those of a copy that belong into a folder of ours; the others are not ours to judge."""
        return {name: held for name, held in ids.items() if self.path(name) is not None}

    def standing(self, ids: Ids) -> dict[str, str]:
        """Those whose folder is there."""
        there = tuple(f"{under}/" for under, folder in self.folders.items() if folder.is_dir())
        return {name: held for name, held in ids.items() if name.startswith(there)}

    def files(self) -> dict[str, Path]:
        """Every file, but what is only a shortcut or of this machine."""
        found = {}
        for under, folder in self.folders.items():
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                name = f"{under}/{inside.as_posix()}"
                aside = any(step.startswith(".aside-") for step in inside.parts)
                if aside or name.startswith(_LEFT_OUT) or _is_former(path):
                    continue
                if path.is_file() and not path.is_symlink():
                    found[name] = path
        return found

    def ids(self) -> dict[str, str]:
        """What each of them holds."""
        return {name: blob_id(path) for name, path in self.files().items()}


def _is_former(path: Path) -> bool:
    """Whether it is of a scan that moved and stands anew: what a killed run had no time to remove."""
    return path.parent.suffix == FORMER and (path.parent.with_suffix("") / "meta.json").exists()


def blob_id(path: Path) -> str:
    """The id that Git gives to the content of a file."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _unknown(name: str) -> None:
    """Nothing of the ground is at hand."""


def _unheard(line: str) -> None:
    """Nobody listens."""


def unite(ours: Kept, theirs: Kept, base: Ids, held: Held = _unknown, say: Say = _unheard) -> list[str]:
    """Bring into `ours` what `theirs` has. `base`: what both started from; empty: not known. The names that changed.

    `held`: what is asked for only where both changed a ticket; `say` hears of each that could not keep what both say.
    Afterwards `ours` holds all that either recorded since. The order of two copies does not matter but where the table
    above says "first".
    """
    mended = _mended(ours, theirs, base, say)
    here, there = ours.files(), theirs.files()
    mine, other = ours.ids(), theirs.ids()
    changed = [f"{HISTORY}/{name}" for name in mended.changed]
    for name in _sorted({*mine, *other, *base}):
        o, t, b = mine.get(name, ""), other.get(name, ""), base.get(name, "")
        target = ours.path(name)
        if t in (o, b) or target is None or mended.settles(name.removeprefix(f"{HISTORY}/")):
            continue  # the same in both, or only we changed it
        if o == b:
            _take(target, there.get(name))
        elif o and t and name.startswith(TICKETS):
            ground = held(name) if b else None
            if not _ticket(target, there[name], ground, say):
                continue
        elif o and t:
            if not _merge(name, here[name], there[name]):
                continue
        elif b and name.startswith(TICKETS):
            if not _deleted(target, there.get(name), held(name), say):
                continue
        elif b and name.startswith(_REMOVED_STAYS):
            target.unlink(missing_ok=True)
        elif t:
            _take(target, there[name])
        else:
            continue
        changed.append(name)
    return changed


def _mended(ours: Kept, theirs: Kept, base: Ids, say: Say) -> Mended:
    if not {HISTORY} <= ours.folders.keys() & theirs.folders.keys():
        return Mended()
    mine, other, ground = (_in_history(ids) for ids in (ours.ids(), theirs.ids(), base))
    return mend(ours.folders[HISTORY], theirs.folders[HISTORY], mine, other, ground, say)


def hurt(ours: Kept, theirs: Ids, base: Ids = MappingProxyType({})) -> dict[str, str]:
    """Files of ours that cannot be read, and what is wrong with each; with `base`, also those that lost what it had."""
    history = ours.folders[HISTORY]
    found = damaged(history, *map(_in_history, (ours.ids(), theirs, base)))
    under = f"{HISTORY}/"
    units = ((name, unit_of(name.removeprefix(under))) for name in {*ours.files(), *theirs} if name.startswith(under))
    return {name: f"{history / unit}: {found[unit]}" for name, unit in units if unit in found}


def _in_history(ids: Ids) -> dict[str, str]:
    """Those of the history, by the name inside of it."""
    under = f"{HISTORY}/"
    return {name.removeprefix(under): held for name, held in ids.items() if name.startswith(under)}


def _sorted(names: set[str]) -> Iterator[str]:
    """The tables of a snapshot before the `meta.json` that makes it one."""
    yield from sorted(names, key=lambda name: (name.endswith("/meta.json"), name))


def _take(target: Path, source: Path | None) -> None:
    if source is None:
        target.unlink(missing_ok=True)
        return
    _put(target, source.read_bytes())


def _put(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Folder(target.parent).aside("taken")
    aside.write_bytes(data)
    aside.replace(target)


def _merge(name: str, mine: Path, other: Path) -> bool:
    """Put into `mine` what both say; whether that changed it."""
    if name.startswith(f"{HISTORY}/snapshots/"):
        takes = name.endswith("/meta.json") and bool(_reasons(mine)) and not _reasons(other)
    elif name.startswith(f"{HISTORY}/tickets/"):
        merged = _known(mine, other)
        if merged is None:
            return False
        Folder(mine.parent).write(mine, merged)
        return True
    elif name.startswith(f"{HISTORY}/trackers/"):
        mine.unlink()
        return True
    else:
        takes = not name.startswith(f"{HISTORY}/intents/")
    if takes:
        _take(mine, other)
    return takes


def _ticket(mine: Path, published: Path, ground: bytes | None, say: Say) -> bool:
    """A ticket that both changed; whether ours is another one now."""
    before = mine.read_bytes()
    made = united(before, published.read_bytes(), ground)
    for line in made.lost:
        say(f"{mine}: {line}")
    if made.data == before:
        return False
    _put(mine, made.data)
    return True


def _deleted(mine: Path, published: Path | None, ground: bytes | None, say: Say) -> bool:
    """A ticket that one of us deleted, which is a decision, and the other one changed; whether ours is another now.

    It stays deleted where only triagebot changed it.
    """
    changed = published.read_bytes() if published else mine.read_bytes()
    if ground is not None and not is_touched(ground, changed):
        if published is None:
            mine.unlink()
        return published is None
    where = "here" if published else "on the branch"
    say(f"{mine}: was deleted {where} and changed in the other copy; it is kept: delete it again if that is meant")
    if published:
        _take(mine, published)
    return published is not None


def _reasons(path: Path) -> object:
    return read_json(path).get("reasons")


def _known(mine: Path, other: Path) -> str | None:
    """What both copies know of one ticket; None: what ours says."""
    try:
        two = [msgspec.convert(read_json(path), KnownTicket, strict=False) for path in (mine, other)]
    except (TriagebotError, msgspec.ValidationError):
        return None  # a file that cannot be read is named by the next run
    first = max(two, key=_weight)
    closed = min((k.closed_seen for k in two if k.closed_seen), default="") if first.closed_seen else ""
    deleted = min((k.deleted_seen for k in two if k.deleted_seen), default="")
    made = replace(first, closed_seen=closed, deleted_seen=deleted)
    return None if made == two[0] else msgspec.json.format(msgspec.json.encode(made), indent=1).decode()


def _weight(known: KnownTicket) -> tuple[bool, bool, bytes]:
    """Who knows more. Of two that know as much the choice only has to be the same for both copies."""
    return bool(known.deleted_seen), not known.ticket.is_open, msgspec.json.encode(known)
