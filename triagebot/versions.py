"""Which version an upgrade must reach. Versions are compared by `univers`, in the package's own order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

_SPLIT = re.compile(r"[,\s|]+")


def split(fixed: str) -> tuple[str, ...]:
    """`"25.0.2, 24.0.9"` -> both; empty parts are dropped."""
    return tuple(dict.fromkeys(part for part in _SPLIT.split(fixed) if part))


@cache
def branch_fix(package: str, installed: str, fixed: tuple[str, ...]) -> str:
    """The smallest fixed version above the installed one, on the installed major line where it names one.

    Versions that cannot be compared, or none above: all of them, listed.
    """
    choices = [c for c in dict.fromkeys(fixed) if c]
    here = _read(package, installed)
    read = [(v, c) for c in choices if (v := _read(package, c)) is not None]
    if here is None or len(read) != len(choices):
        return ", ".join(choices)
    try:
        above = sorted((pair for pair in read if pair[0] > here), key=lambda pair: pair[0])
    except TypeError:
        return ", ".join(choices)
    same_line = [pair for pair in above if _major(pair[1]) == _major(installed)]
    best = same_line or above
    return best[0][1] if best else ", ".join(choices)


def highest(package: str, versions: Iterable[str]) -> str:
    """The version that clears all: the largest; where they cannot be compared, all of them, listed."""
    wanted = sorted({v for v in versions if v})
    read = [(v, text) for text in wanted if (v := _read(package, text)) is not None]
    if not read or len(read) != len(wanted):
        return ", ".join(wanted)
    try:
        return max(read, key=lambda pair: pair[0])[1]
    except TypeError:
        return ", ".join(wanted)


def _major(version: str) -> str:
    return re.split(r"[.\-+~]", version.partition(":")[2] or version)[0].lstrip("v")


@cache
def _class_of(purl_type: str) -> Any:
    from univers import versions as v  # noqa: PLC0415 - 50 ms that most runs do not need

    return {
        "apk": v.AlpineLinuxVersion, "deb": v.DebianVersion, "rpm": v.RpmVersion, "npm": v.SemverVersion,
        "pypi": v.PypiVersion, "maven": v.MavenVersion, "golang": v.GolangVersion, "gem": v.RubygemsVersion,
        "composer": v.ComposerVersion, "nuget": v.NugetVersion, "cargo": v.SemverVersion,
    }.get(purl_type, v.SemverVersion)  # fmt: skip


@cache
def _read(package: str, version: str) -> Any | None:
    purl_type = package.removeprefix("pkg:").partition("/")[0]
    text = version.removeprefix("v") if purl_type == "golang" else version
    try:
        return _class_of(purl_type)(text)
    except Exception:
        return None
