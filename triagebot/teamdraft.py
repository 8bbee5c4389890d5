"""A first team file, from what is there: the names of images, who owns the code, and which chart holds which image.

A draft that a person corrects: it guesses a few teams that are worth a look rather than one for every name.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from triagebot import codeowners
from triagebot.codeowners import OwnerLine
from triagebot.render import many

FEWEST = 3
"""Images that a group must have to be worth a team of its own."""
MOST = 12
"""Teams that are drafted from names: more are no help to whoever corrects them."""
MOST_PEOPLE = 10
"""Assignees that GitHub takes: https://docs.github.com/en/rest/issues/issues."""

REST = "platform"


@dataclass(frozen=True)
class DraftTeam:
    """A team to be. `why`: what it was drawn from; `owners`: as CODEOWNERS names them."""

    id: str
    why: str
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class TeamDraft:
    """A team file to be. `lines`: (`match` or `chart`, glob, team id), the first that matches decides."""

    teams: tuple[DraftTeam, ...]
    unowned: str
    lines: tuple[tuple[str, str, str], ...] = ()
    charts: tuple[tuple[str, str], ...] = ()
    """(chart, image) pairs for the chart map."""


@dataclass
class _Made:
    teams: dict[str, DraftTeam] = field(default_factory=dict)
    lines: dict[tuple[str, str], str] = field(default_factory=dict)

    def team(self, name: str, why: str, owners: tuple[str, ...] = ()) -> str:
        """The id of a team of this name; of another one that has the name already, with a number."""
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "team"
        number = 1
        while (held := self.teams.get(_numbered(base, number))) and held.owners != owners:
            number += 1
        made = _numbered(base, number)
        self.teams.setdefault(made, DraftTeam(made, why, owners))
        return made


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def draft(assets: Iterable[str], owners: Sequence[OwnerLine] = (), charts: Sequence[tuple[str, str]] = ()) -> TeamDraft:
    """Teams for these assets. What CODEOWNERS says comes first, then the charts, then groups by name."""
    made = _Made()
    left = sorted(set(assets))
    of_asset = _charts_of(left, charts)
    if owners:
        left = _by_owner(made, left, owners, of_asset)
    if charts:
        left = _by_chart(made, left, of_asset)
    if not owners and not charts:
        _by_name(made, left)
    fallback = codeowners.default(owners)
    unowned = _owned(made, fallback) if fallback else made.team(REST, "what no line matches")
    return TeamDraft(
        tuple(made.teams.values()), unowned, tuple((k, glob, team) for (k, glob), team in made.lines.items()),
        tuple(charts),
    )  # fmt: skip


def _by_owner(
    made: _Made, assets: Sequence[str], owners: Sequence[OwnerLine], charts: Mapping[str, Sequence[str]]
) -> list[str]:
    """Lines for images that are called like a folder which somebody owns, and the assets that none is for."""
    left = []
    for asset in assets:
        line = codeowners.of(owners, [base_name(asset)])
        by_chart = None if line else codeowners.of(owners, charts.get(asset, ()))
        if line and line.owners:
            made.lines["match", f"*/{base_name(asset)}"] = _owned(made, line)
        elif by_chart and by_chart.owners:
            made.lines["chart", by_chart.names[-1]] = _owned(made, by_chart)
        else:
            left.append(asset)
    return left


def _owned(made: _Made, line: OwnerLine) -> str:
    teams = [owner for owner in line.owners if "/" in owner]
    first = (teams or line.owners)[0]
    return made.team(first.lstrip("@").rpartition("/")[2], f"CODEOWNERS: {line.pattern}", line.owners)


def _by_chart(made: _Made, assets: Sequence[str], charts: Mapping[str, Sequence[str]]) -> list[str]:
    """Lines for charts, or families of charts, that hold several of these images."""
    held: dict[str, set[str]] = {}
    for asset in assets:
        for chart in charts.get(asset, ())[:1]:
            held.setdefault(chart, set()).add(asset)
    weights = {chart: len(found) for chart, found in held.items()}
    families = _families(weights)
    done: set[str] = set()
    for name, members in sorted(families, key=lambda f: (-f[0].count("-"), f[0])):
        found = {asset for chart in members for asset in held[chart]}
        team = made.team(name, f"{many(len(found), 'image')} in {many(len(members), 'chart')}")
        made.lines["chart", name if members == [name] else f"{name}-*"] = team
        if members != [name] and name in members:
            made.lines["chart", name] = team
        done |= found
    return [asset for asset in assets if asset not in done]


def _by_name(made: _Made, assets: Sequence[str]) -> None:
    """Lines for families of images of one registry path, and for paths that hold several images."""
    folders: dict[str, list[str]] = {}
    for asset in (a for a in assets if "://" not in a):
        folders.setdefault(asset.rpartition("/")[0], []).append(asset)
    groups: list[tuple[int, str, str, str]] = []
    for folder, held in folders.items():
        weights = dict(Counter(base_name(asset) for asset in held))
        families = _families(weights) if len(held) > 2 * FEWEST else []
        in_families = sum(len(members) for _, members in families)
        groups += [
            (len(members), name, f"{folder}/{name}-*", f"{len(members)} images called {name}-…")
            for name, members in families
            if len(members) > 1
        ]
        if len(held) - in_families >= FEWEST and not folder.endswith("/library"):
            name = folder.rpartition("/")[2]
            groups.append((len(held) - in_families, name, f"{folder}/*", f"{many(len(held), 'image')} of {folder}"))
    chosen = sorted(groups, key=lambda g: (-g[0], g[2]))[:MOST]
    for _, name, glob, why in sorted(chosen, key=lambda g: (-g[2].count("/"), -len(g[2]), g[2])):
        made.lines["match", glob] = made.team(name, why)


def _families(weights: Mapping[str, int]) -> list[tuple[str, list[str]]]:
    """Names by what they begin with, as many words as still hold `FEWEST`: `cray-dns` of `cray-dns-unbound` and others.

    `weights`: how much each name counts. A name that alone counts enough is a family of its own.
    """
    left, found = dict(weights), []
    longest = max((name.count("-") for name in left), default=0)
    for words in range(longest, 0, -1):
        grouped: dict[str, list[str]] = {}
        for name in left:
            parts = name.split("-")
            if len(parts) >= words:
                grouped.setdefault("-".join(parts[:words]), []).append(name)
        for prefix, members in sorted(grouped.items()):
            # One word that most begin with tells nothing apart.
            tells = words > 1 or 2 * sum(name.startswith(f"{prefix}-") for name in weights) < len(weights)
            if tells and sum(left[m] for m in members) >= FEWEST and (len(members) > 1 or members == [prefix]):
                found.append((prefix, sorted(members)))
                left = {name: weight for name, weight in left.items() if name not in members}
    alone = [(name, [name]) for name, weight in left.items() if weight >= FEWEST]
    return sorted([*found, *alone], key=lambda f: -sum(weights[m] for m in f[1]))[:MOST]


def _charts_of(assets: Iterable[str], charts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    wanted = set(assets)
    found: dict[str, list[str]] = {}
    for chart, asset in charts:
        if asset in wanted and chart not in found.setdefault(asset, []):
            found[asset].append(chart)
    return found


def base_name(asset: str) -> str:
    """The last step of an image's name."""
    return asset.rpartition("/")[2]


# As text


def told(made: TeamDraft, tracker: str) -> str:
    """The team file. `tracker`: the type of the default one; only GitHub knows logins."""
    lines = [
        "# Who owns which image. Ordered: the first line that matches decides. A draft: correct it as you like.",
        "# Team ids are stable (they stand in labels); `name` is display only and may change.",
        "teams:",
    ]
    for team in made.teams:
        people = [owner[1:] for owner in team.owners if "/" not in owner][:MOST_PEOPLE] if tracker == "github" else []
        groups = [owner for owner in team.owners if "/" in owner] if tracker == "github" else []
        fields = [f"name: {_text(team.id.replace('-', ' ').title())}", f"labels: [{_text(f'team/{team.id}')}]"]
        fields += [f"assignees: [{', '.join(map(_text, people))}]"] if people else []
        fields += [f"mention: {_text(' '.join(groups))}"] if groups else []
        lines.append(f"  {_text(team.id)}: {{{', '.join(fields)}}}  # {_plain(team.why)}")
    lines += [f"unowned: {_text(made.unowned)}"]
    if made.charts:
        lines.append("chart_map: chartmap.csv")
    if not made.lines:
        return "\n".join([*lines, "images: []", ""])
    return "\n".join([*lines, "images:", *(f"  - {{{k}: {_text(g)}, team: {_text(t)}}}" for k, g, t in made.lines), ""])


def chart_map(pairs: Sequence[tuple[str, str]]) -> str:
    """The chart map as triagebot reads it."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(("manifest", "chart", "image"))
    writer.writerows(("", chart, image) for chart, image in pairs)
    return held.getvalue()


def _plain(remark: str) -> str:
    """A remark: what could end it, or stands for nothing, is left out."""
    return re.sub(r"[^ -~]", "?", remark)


def _text(value: str) -> str:
    """A YAML scalar: bare where nothing could be read into it, else quoted as JSON, which is YAML."""
    bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9/_. -]*[A-Za-z0-9]", value) and value.lower() not in _SAID
    quoted = json.dumps(value, ensure_ascii=False)
    return value if bare else re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda c: f"\\u{ord(c[0]):04x}", quoted)


_SAID = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
"""What YAML takes for something else than a text."""
