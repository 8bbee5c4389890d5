"""Which version an upgrade must reach. Versions are compared by `univers`, in the package's own order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

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


def ordered(package: str, versions: Iterable[str]) -> tuple[list[str], bool]:
    """The versions without repeats, the lowest first, and whether they could be compared; else by their text."""
    wanted = sorted(set(versions))
    read = [(v, text) for text in wanted if (v := _read(package, text)) is not None]
    if len(read) != len(wanted):
        return wanted, False
    try:
        return [text for _, text in sorted(read, key=lambda pair: pair[0])], True
    except TypeError:
        return wanted, False


_CONSTRAINT = re.compile(r"^(>=|<=|!=|<|>|=)?\s*(\S+)$")


@cache
def satisfies(package: str, version: str, within: str) -> bool:
    """Whether a version lies in a range such as `vers:semver/>=1.0|<2.0`; False where it cannot be told.

    The algorithm is that of https://github.com/package-url/vers-spec, with versions in the package's own order.
    """
    parts = [_CONSTRAINT.match(unquote(part).strip()) for part in within.rpartition("/")[2].split("|")]
    here = _read(package, version)
    bounds = [(p[1] or "=", _read(package, p[2])) for p in parts if p]
    if within.endswith("/*"):
        return True
    if here is None or len(bounds) != len(parts) or any(v is None for _, v in bounds):
        return False
    try:
        return _is_inside(here, sorted(bounds, key=lambda bound: bound[1]))
    except TypeError:
        return False


def _is_inside(here: Any, bounds: list[tuple[str, Any]]) -> bool:
    for sign, bound in bounds:
        if here == bound and sign in ("=", "!=", ">=", "<="):
            return sign != "!="
    ordered = [(sign, bound) for sign, bound in bounds if sign not in ("=", "!=")]
    if not ordered:
        return all(sign == "!=" for sign, _ in bounds)
    if ordered[0][0] in ("<", "<=") and here < ordered[0][1]:
        return True
    if ordered[-1][0] in (">", ">=") and here > ordered[-1][1]:
        return True
    pairs = pairwise(ordered)
    return any(a[0] in (">", ">=") and b[0] in ("<", "<=") and a[1] < here < b[1] for a, b in pairs)


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
