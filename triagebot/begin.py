"""`triagebot init`: looks at a scan and at what says who owns what, and writes the files that a run needs.

Never writes over a file that is there unless it is told to.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from triagebot import __version__, archive, chartfile, clone, codeowners, drafts, formats, parts, teamdraft
from triagebot.clone import origin
from triagebot.drafts import Place, Sight
from triagebot.errors import InputError, ReportError
from triagebot.files import PROJECT, REPOSITORY, Settings
from triagebot.folder import Folder
from triagebot.identity import NO_IMAGE, parse_image
from triagebot.layout import Layout, day_of, is_archive
from triagebot.newest import UNORDERED, of_one, typed
from triagebot.render import many
from triagebot.scan import names_in

OLDER = 12
"""So many older scans are worth taking in: the trend shows no more."""
_NAMED = 3
_UNORDERED = (
    "the reports do not say that the older scans were made in the order of their names: "
    '"Past scans" in the README tells how to take them in'
)


@dataclass
class Begun:
    """What was seen, written and left, and what a person should know."""

    sight: Sight
    written: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    teams: int = 0
    scan: str = ""
    older: list[str] = field(default_factory=list)
    """Scans that were taken before it, the oldest first."""
    today: str = ""


@dataclass
class _Seen:
    """The reports of one scan: formats, images, and the names of files whose reports name none."""

    formats: Counter[str] = field(default_factory=Counter)
    images: dict[str, str] = field(default_factory=dict)
    """`asset:tag` -> asset."""
    nameless: list[str] = field(default_factory=list)
    broken: int = 0
    ignored: int = 0
    made: datetime | None = None
    """When the last of the reports was made, if they say so."""


def begin(
    scan: Path, base: Path, place: Place, now: datetime, owners: Path | None = None, charts: Path | None = None,
    force: bool = False,
) -> Begun:  # fmt: skip
    """Look at `scan`, and write the drafts below `base`. Raises `InputError` where there is nothing to look at."""
    if base.exists() and not base.is_dir():
        raise InputError(f"--folder {base}", "is no folder", "name the folder that the files are to be written to")
    found = of_one(scan)
    *older, newest = found.scans or [scan]
    seen = _look(newest)
    if not seen.images and not seen.nameless:
        known = ", ".join(f.NAME for f in formats.FORMATS)
        if scan.is_file() and not is_archive(scan.name):
            why = f"`triagebot explain --report {shlex.quote(str(scan))}` says why"
            raise InputError(str(scan), "is no report that can be read", f"{why}; give a scan, or a folder of scans")
        raise InputError(str(newest), "no scan reports in it", f"give the folder that holds them ({known})")
    template = _template(seen.nameless)
    reading = parts.Reading(now, image_paths=(template or _default_paths(),))
    for name in seen.nameless:
        image = parts.image_of(name, "", reading)
        seen.images[image.label] = image.asset
    assets = [asset for asset in seen.images.values() if not re.match(NO_IMAGE, asset)]
    sight = Sight(
        _spelt(scan, base), _inside(scan, base), seen.formats, len(set(seen.images)), template,
    )  # fmt: skip
    begun = Begun(sight, scan=typed(newest), today=f"{now:%Y-%m-%d}")
    older = older[-OLDER:]
    days = [] if found.are_dated else [*(_look(path).made for path in older), seen.made]
    if not any(days) or (all(days) and days == sorted(day for day in days if day)):
        begun.older = [*map(typed, older)]
    else:
        begun.notes.append(_UNORDERED)
    lines = codeowners.read(chartfile.text(owners)) if owners else []
    pairs = chartfile.pairs(charts) if charts else []
    made = teamdraft.draft(assets, lines, pairs)
    begun.teams = len(made.teams)
    begun.notes += _notes(found, scan, seen, made, lines, base, template)
    below = clone.below(base)
    if below:
        begun.notes.append("GitHub reads workflows at the root of a clone only: there it was written to")
    for name, text in drafts.files(begun.sight, place, made, __version__, below).items():
        target = base.resolve() / name if below else base / name
        if (target.exists() or target.is_symlink()) and not force:
            begun.left.append(name)
            continue
        Folder(target.parent).write(target, text)
        begun.written.append(name)
    return begun


def placed(base: Path, kind: str, repo: str, url: str, project: str) -> Place:
    """Where tickets shall go, by what a person said and what the folder is a clone of."""
    if kind not in ("", "local", "github", "jira"):
        raise InputError("--tracker", f"there is no tracker {kind!r}", "name local, github or jira")
    if not kind:
        kind = "jira" if project else "github" if repo or origin(base) else "local"
    if kind == "local":
        return Place(kind)
    if kind == "jira":
        project = project or "TRIAGE"
        if not re.fullmatch(PROJECT, project):
            raise InputError("--project", f"{project!r} is no project key", "write for example --project NET")
        return Place(kind, url=_address(url) or "https://jira.example.com", project=project)
    repo = repo or origin(base)
    if not re.fullmatch(REPOSITORY, repo):
        said = f"{repo!r} is no repository" if repo else "is needed for GitHub: this folder is no clone of a repository"
        raise InputError("--repo", said, "write --repo owner/name")
    return Place(kind, repo=repo, url=_address(url))


def _address(url: str) -> str:
    if url and not re.fullmatch(r"https?://\S+", url):
        raise InputError("--url", f"{url!r} is no address", "write for example https://jira.example.com")
    return url


def steps(begun: Begun, place: Place, base: Path) -> list[str]:
    """What to do next, as commands."""
    config = "" if base.resolve() == Path.cwd() else f" --config {shlex.quote((base / drafts.SETTINGS).as_posix())}"
    first = {
        "local": [],
        "github": ["export GITHUB_TOKEN=…     # may read and write issues, and contents for the history"],
        "jira": ["export JIRA_TOKEN=…       # and JIRA_USER for Jira Cloud"],
    }[place.kind]
    told = "     # for the trend; touches no ticket"
    return [
        *first,
        f"triagebot doctor{config}",
        *(f"triagebot run {_argument(begun, scan)}{config} --record-only{told}" for scan in begun.older),
        f"triagebot run {_argument(begun, begun.scan)}{config} --dry-run",
        f"triagebot run {_argument(begun, begun.scan)}{config}",
        *_shared(place, base, config),
    ]


def _shared(place: Place, base: Path, config: str) -> list[str]:
    """What the schedule must know before its first run: else it takes the tickets of this one for somebody else's."""
    here = origin(base)
    if not here and (place.kind != "github" or place.url):
        return []
    remote = "" if here else f" --remote https://github.com/{place.repo}.git"
    return [f"triagebot history push{config}{remote}     # before the schedule runs: it then knows these tickets"]


def _argument(begun: Begun, scan: str) -> str:
    """A scan as `run` takes it. Of several, each with its day: what their reports say of it may be something else."""
    day = day_of(Path(scan).name) if begun.older else ""
    same = [s for s in (*begun.older, begun.scan) if day_of(Path(s).name) == day]
    nth = f"T00:{same.index(scan):02}" if len(same) > 1 else ""  # several of one day keep their order
    is_past = "" < day <= begun.today  # where the day has begun that is still to come in UTC, `run` would refuse it
    return f"{shlex.quote(scan)} --taken-at {day}{nth}" if is_past else shlex.quote(scan)


# Scans


def _contents(scan: Path) -> Iterator[tuple[str, bytes | ReportError]]:
    if scan.is_dir():
        for name, _ in names_in(scan):
            yield name, archive.content(scan / name)
    elif is_archive(scan.name):
        yield from archive.members(scan)
    elif scan.is_file():
        yield scan.name, archive.content(scan)
    else:
        raise InputError(str(scan), "no such file or folder", "give a folder, a report or a .tar.gz of reports")


def _look(scan: Path) -> _Seen:
    seen = _Seen()
    for name, data in _contents(scan):
        if isinstance(data, ReportError):
            seen.broken += 1
            continue
        if not formats.is_report_like(data, name):
            seen.ignored += 1
            continue
        try:
            format_name, reports = formats.read(data)
        except ReportError:
            seen.broken += 1
            continue
        seen.formats[format_name] += 1
        for report in reports:
            if report.scanned_at:
                seen.made = max(report.scanned_at, seen.made or report.scanned_at)
            if report.image:
                image = parse_image(report.image)
                seen.images[image.label] = image.asset
            elif name not in seen.nameless:
                seen.nameless.append(name)
    return seen


def _default_paths() -> str:
    return Settings().image_paths[0]


def _template(names: Sequence[str]) -> str:
    """Where in these paths the image stands; empty: the default, or the file's own name, says it."""
    default = parts.template(_default_paths())
    if len(names) < 2 or all(default.search(name) for name in names):
        return ""
    steps = [name.split("/") for name in names]
    if len({path[-1] for path in steps}) > 1 or min(map(len, steps)) < 2:
        return ""
    common = 0
    while all(len(path) > common + 2 for path in steps) and len({path[common] for path in steps}) == 1:
        if re.search(r"[.:]", steps[0][common]):
            break  # a registry: the image begins here
        common += 1
    return "/".join([*steps[0][:common], "{image}", steps[0][-1]])


def _spelt(path: Path, base: Path) -> str:
    return _inside(path, base) or path.as_posix()


def _inside(path: Path, base: Path) -> str:
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return ""


# What a person should know


def _notes(
    found: Layout, scan: Path, seen: _Seen, made: teamdraft.TeamDraft,
    lines: Sequence[codeowners.OwnerLine], base: Path, template: str,
) -> list[str]:  # fmt: skip
    notes = []
    if len(found.scans) > 1:
        names = ", ".join(_some([p.name for p in found.scans]))
        notes.append(f"{_spelt(scan, base)} holds {many(len(found.scans), 'scan')} ({names}); the newest was looked at")
    if not found.is_ordered:
        notes.append(UNORDERED)
    if found.beside:
        names = ", ".join(_some(found.beside))
        notes.append(f"taken for no scans: {names}")
    if found.mixed:
        notes.append(
            "reports of several days lie in one folder and are read as one scan: put each day into a folder of its own"
        )
    if seen.broken:
        notes.append(f"{many(seen.broken, 'file')} could not be read; `triagebot explain --report FILE` says why")
    if template:
        notes.append(f"the reports name no image: it is taken from their paths ({template}); see `image_paths`")
    if lines and not made.lines:
        notes.append("no image is called like a folder of CODEOWNERS: only its default owner was taken")
    if not _inside(scan, base):
        notes.append(f"the scans lie outside this folder: say in {drafts.WORKFLOW} how they come into it")
    return notes


def _some(names: Sequence[str]) -> list[str]:
    """All of a few names; of many the first and the last ones, and how many are left out between."""
    left = len(names) - 2 * _NAMED
    return [*names] if left <= 1 else [*names[:_NAMED], f"… {left} more …", *names[-_NAMED:]]
