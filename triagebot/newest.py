"""Which scan of several is the newest: one rule for `init`, for what it drafts, and for the Action."""

from __future__ import annotations

from glob import glob
from pathlib import Path

from triagebot.errors import InputError
from triagebot.layout import Layout, has_report, is_alias, is_archive, layout, natural, reads_like_one

UNORDERED = (
    "the scans are called after commits, and not all reports say when they were made: the last by name was taken; "
    "call each scan after its day"
)


def newest(text: str) -> tuple[Path, str]:
    """The newest of the scans of a folder, or of those that a pattern of the shell matches, and what to know of it.

    A folder of reports is one scan itself. Of a pattern each folder and archive with reports is a scan. Raises
    `InputError` where there is none, or where it cannot be told which is meant.
    """
    path = Path(text)
    if path.exists():
        found = of_one(path)
        return (found.scans or (path,))[-1], "" if found.is_ordered else UNORDERED
    if path.name == "*" and path.parent.is_dir():
        return newest(str(path.parent))
    matched = [p for p in map(Path, glob(text)) if not is_alias(p, p.parent)]  # noqa: PTH207 - as a shell reads it
    scans = [p for p in matched if (has_report(p) if p.is_dir() else is_archive(p.name))]
    if scans:
        return _last(scans)
    reports = {p for p in matched if p.is_file() and reads_like_one(p)}
    if not reports:
        raise InputError(text, "there is no scan", "give a folder of scans, a scan, or a pattern that matches scans")
    folder = next(iter(reports)).parent
    found = layout(folder)
    if dated := [p for p in found.scans if p in reports]:
        return dated[-1], ""
    if len(reports) == 1:
        return next(iter(reports)), ""
    if {p for p in folder.iterdir() if p.is_file() and reads_like_one(p)} == reports:
        return folder, ""
    raise InputError(
        text,
        "matches several reports, which make no scan each",
        "put the reports of a scan into a folder, and name that",
    )


def _last(scans: list[Path]) -> tuple[Path, str]:
    """The newest of some scans: those of one folder in the order that they have there, others by name."""
    if len({p.parent for p in scans}) == 1:
        found = layout(scans[0].parent)
        meant = [p for p in found.scans if p in scans]
        if len(meant) == len(scans):
            return meant[-1], "" if found.is_ordered else UNORDERED
    return max(scans, key=lambda p: natural(str(p))), ""


def of_one(folder: Path) -> Layout:
    """How scans lie in a folder. Raises `InputError` where they are of several kinds, one folder each."""
    found = layout(folder)
    if found.nested:
        first = typed(folder / found.nested[0])
        raise InputError(
            str(folder), f"holds folders that hold scans of several days each ({', '.join(found.nested)})",
            f"name one of them, for example {first}; give each a --stream of its own",
        )  # fmt: skip
    return found


def typed(path: Path) -> str:
    """As it can be typed behind a command here; a name that begins with a dash would be an option."""
    return f"./{path}" if path.as_posix().startswith("-") else path.as_posix()
