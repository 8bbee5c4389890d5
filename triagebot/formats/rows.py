"""Entries as rows: what every format does the same way, so that the same fact is told the same way."""

from __future__ import annotations

from collections.abc import Iterable

from triagebot.formats.interface import Report, Row, severity
from triagebot.identity import UNNAMED, advisory_ids, build_package, canonical, check_id
from triagebot.model import SEVERITIES

OS_TYPES = ("apk", "deb", "rpm")
_TITLE = 120


def vulnerability(
    report: Report,
    own: str,
    package: str,
    *,
    others: Iterable[str | None] = (),
    source_package: str = "",
    installed: str = "",
    fixed: str = "",
    state: str = "",
    level: str = "",
    level_source: str = "",
    cvss: float | None = None,
    location: str = "",
    title: str = "",
    url: str = "",
) -> None:
    """Take one entry into the report: a row for each CVE that it names. One without any id is left out.

    `own` is the scanner's id, `others` what else the entry calls it; `fixed`: the versions, comma-separated. Without
    a package it is kept all the same, of an unnamed one: a report must not look clean because it says little.
    """
    report.entries += 1
    ids = advisory_ids(own, others)
    if not ids:
        report.skip("no identifier")
        return
    named, aliases = canonical(ids)
    report.aliases.update(aliases)
    report.added += len(named) - 1
    told = state or ("fixed" if fixed else "unknown")
    for chosen in named:
        row: Row = (
            "vulnerability", package or UNNAMED, source_package, installed, fixed, told, bool(fixed), chosen,
            severity(level), level_source, cvss, location, title[:_TITLE], url,
        )  # fmt: skip
        report.rows.append(row)


def misconfiguration(
    report: Report,
    check: str,
    *,
    policy: str = "",
    file: str = "",
    level: str = "",
    level_source: str = "",
    location: str = "",
    title: str = "",
    url: str = "",
    aliases: Iterable[str] = (),
) -> None:
    """Take one failed check into the report.

    Its package is `config:<file>` where it fails in a file, else `check:<policy>`: a finding is one check that fails
    in one place, however its words and its lines change.
    """
    report.entries += 1
    chosen, others = check_id(check)
    if not chosen:
        report.skip("no identifier")
        return
    report.aliases.update((alias, chosen) for alias in (*others, *aliases) if alias and alias != chosen)
    package = f"config:{file}" if file else f"check:{check_id(policy)[0] or chosen}"
    row: Row = (
        "misconfiguration", package, "", "", "", "unknown", False, chosen, severity(level), level_source, None,
        location, title[:_TITLE], url,
    )  # fmt: skip
    report.rows.append(row)


def secret(report: Report, rule: str, path: str, *, level: str = "", level_source: str = "", line: int = 0,
           title: str = "") -> None:  # fmt: skip
    """Take one secret into the report: where it lies and which rule saw it, never what it says."""
    report.entries += 1
    if not rule:
        report.skip("no identifier")
        return
    row: Row = (
        "secret", f"secret:{path}", "", "", "", "unknown", False, rule, severity(level), level_source, None,
        f"{path}:{line}" if line else path, title[:_TITLE], "",
    )  # fmt: skip
    report.rows.append(row)


def built(kind: str, name: str, distro: str = "") -> str:
    """A package from the scanner's type and name; of an OS type (`deb`), the distribution says which."""
    return build_package(distro if kind in OS_TYPES and distro else kind, name) if name else ""


def fold_checks(report: Report) -> None:
    """Keep one row of each check in each place, the worst: the same check fails once per container, pod and rule."""
    kept: dict[tuple[str, str, str], Row] = {}
    for row in report.rows:
        found = kept.setdefault((row[0], row[1], row[7]), row)
        if SEVERITIES.index(row[8]) < SEVERITIES.index(found[8]):
            kept[row[0], row[1], row[7]] = row
    report.skip("repeat", len(report.rows) - len(kept))
    report.rows = list(kept.values())
