"""What a ticket asks for: upgrades by what they clear, and what is to be put right in configuration and secrets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triagebot.identity import package_name
from triagebot.model import SEVERITIES, Draft, Line
from triagebot.render import many
from triagebot.versions import highest

PLACES = 6
"""So many places, or packages, are named; the rest is counted."""


@dataclass(frozen=True)
class Upgrade:
    """One thing to do: what to upgrade, the version that clears `told`, and where it is needed.

    `packages`: the binary packages, where several are built from the one that `name` names. `to`: empty where no
    fixed version is known.
    """

    name: str
    to: str
    packages: tuple[str, ...]
    more_packages: int
    told: str
    places: tuple[str, ...]
    more_places: int


def upgrades(draft: Draft) -> list[Upgrade]:
    """What to upgrade, once for each source package and version: the most urgent, worst and most clearing first."""
    by_package: dict[tuple[str, bool], list[Line]] = defaultdict(list)
    for line in draft.lines:
        by_package[line.package, bool(line.fixed)].append(line)
    by_source: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for (package, has_fix), lines in by_package.items():
        to = highest(package, (part for line in lines for part in line.fixed.split(", "))) if has_fix else ""
        source = next((line.source for line in lines if line.source), "")
        by_source[f"{package.rpartition('/')[0]}/{source}" if source else package, to].extend(lines)
    made = [(_urgency(lines), _upgrade(source, to, lines, draft)) for (source, to), lines in by_source.items()]
    return [upgrade for _, upgrade in sorted(made, key=lambda m: (m[0], m[1].name, m[1].to))]


def _urgency(lines: Sequence[Line]) -> tuple[str, int, int]:
    worst = min(SEVERITIES.index(line.severity) for line in lines)
    return min(line.priority for line in lines), worst, -len({line.vulnerability for line in lines})


def _upgrade(source: str, to: str, lines: Sequence[Line], draft: Draft) -> Upgrade:
    by_image = draft.key.startswith("image:")
    names = sorted({line.name for line in lines})
    places = sorted({place for line in lines for place in (line.tags if by_image else (line.asset,))})
    several = tuple(names[:PLACES]) if len(names) > 1 else ()
    return Upgrade(
        source.rpartition("/")[2] if several else names[0], to, several, max(0, len(names) - PLACES) if several else 0,
        counted(lines), tuple(places[:PLACES]), max(0, len(places) - PLACES),
    )  # fmt: skip


def counted(lines: Sequence[Line]) -> str:
    """`11 CVEs (2 critical, 5 high)`: each vulnerability once, as its worst finding; only the worst are told apart."""
    worst: dict[str, int] = {}
    for line in lines:
        rank = SEVERITIES.index(line.severity)
        worst[line.vulnerability] = min(rank, worst.get(line.vulnerability, rank))
    ranks = list(worst.values())
    told = [rank for rank in sorted(set(ranks)) if SEVERITIES[rank] in ("critical", "high")] or [min(ranks)]
    shown = ", ".join(f"{ranks.count(rank)} {SEVERITIES[rank]}" for rank in told)
    are_cves = all(name.startswith("CVE-") for name in worst)
    nouns = ("CVE", "CVEs") if are_cves else ("vulnerability", "vulnerabilities")
    return f"{many(len(worst), *nouns)} ({shown})"


def to_act_on(lines: Sequence[Line]) -> str:
    """How many vulnerabilities there are, and in how many findings, where these are more."""
    count = len({line.vulnerability for line in lines})
    said = f"{many(count, 'vulnerability', 'vulnerabilities')} to act on"
    return said if count == len(lines) else f"{said} ({many(len(lines), 'finding')})"


def cleared(lines: Sequence[Line]) -> str:
    """How many of the vulnerabilities go away by upgrades alone."""
    stuck = {line.vulnerability for line in lines if not line.fixed}
    total = len({line.vulnerability for line in lines})
    left = total - len(stuck)
    if not left:
        return "no upgrade clears it yet" if total == 1 else "no upgrade clears any of them yet"
    if left == total:
        return "an upgrade clears it" if total == 1 else "upgrades clear all of them"
    return f"upgrades clear {left} of them"


@dataclass(frozen=True)
class Task:
    """One thing to put right: a check that fails, or a secret that anyone can read there. `what`: its own words."""

    check: str
    what: str
    url: str
    is_secret: bool
    places: tuple[str, ...]
    more_places: int


def tasks(draft: Draft) -> list[Task]:
    """What to put right, in the order of the findings: the most urgent first."""
    by_check: dict[tuple[str, bool], list[Line]] = defaultdict(list)
    for line in draft.lines:
        by_check[line.vulnerability, is_secret(line)].append(line)
    made = []
    for (check, secret), lines in by_check.items():
        places = sorted({where(line, draft.subject) for line in lines})
        left = max(0, len(places) - PLACES)
        url = _first(line.url for line in lines)
        what = _first(line.title for line in lines if line.title != check)
        made.append(Task(check, what, url, secret, tuple(places[:PLACES]), left))
    return made


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def is_secret(line: Line) -> bool:
    """Whether a finding is a secret, and not a check that fails."""
    return line.package.startswith("secret:")


def where(line: Line, subject: str = "") -> str:
    """Where a check fails or a secret lies: the file, the workload within its namespace, or both."""
    inside = line.asset.removeprefix(subject).strip("/") if subject else line.asset
    file = line.name if line.package.startswith(("secret:", "config:")) else ""
    return ": ".join(filter(None, (inside, file))) or package_name(line.asset)
