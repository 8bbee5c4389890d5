"""What the page knows: every believed finding with its places, as columns that a browser can search.

Findings are rows in the order in which they should be read. A *place* is one image that shows a finding; the places of
finding `i` are rows `starts[i]` to `starts[i + 1]`. A place names a *step*: one upgrade in one image. All words are
coded: a column of numbers, and the words that they stand for, sorted: the order of the numbers is that of the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from triagebot import standing
from triagebot.decisions import Held
from triagebot.excuses import Excuse, said
from triagebot.files import Rule
from triagebot.identity import finding_id, package_name
from triagebot.model import FINDING, SEVERITIES, Draft, Ticket
from triagebot.render import plain, web_url
from triagebot.rules import NO_RULE, VULNERABILITY
from triagebot.versions import branch_fix, highest, split

KINDS = (VULNERABILITY, "misconfiguration", "secret")
STATES = ("open", "unverified", "excepted", "decided", "snoozed")
"""As `standing.buckets` counts them."""
UNSCORED = 255
"""In `cvss`, which is ten times the score."""
UNRATED = 65535
"""In `epss`, which is ten thousand times the probability."""
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Grounds:
    """What the findings are told by: `judged` without what rules ignore, and what is believed of their places."""

    judged: pl.DataFrame
    shown: pl.DataFrame
    coverage: pl.DataFrame
    aliases: pl.DataFrame
    rules: Sequence[Rule]
    excuses: Sequence[Excuse]
    held: Mapping[str, Held]
    tickets: Sequence[Ticket]
    drafts: Sequence[Draft]
    team_of: Mapping[str, str]
    team_names: Mapping[str, str]


@dataclass
class Columns:
    """What `columns.packed` takes."""

    numbers: dict[str, Sequence[int]] = field(default_factory=dict)
    words: dict[str, Sequence[str]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def code(self, name: str, column: pl.Series) -> None:
        """Add a column of words: its numbers under `name`, its words under `name` too."""
        values = column.unique().sort()
        places = pl.Series(range(values.len()), dtype=pl.UInt32)
        self.numbers[name] = column.replace_strict(values, places, return_dtype=pl.UInt32).to_list()
        self.words[name] = [plain(word) for word in values]


def columns(grounds: Grounds) -> Columns:
    """Everything that the page can search, filter and count."""
    made = Columns()
    findings = _ordered(grounds)
    teams = sorted(grounds.team_names, key=lambda team: (grounds.team_names[team], team))
    made.told["severities"], made.told["kinds"], made.told["states"] = SEVERITIES, KINDS, STATES
    made.told["teams"] = [[team, plain(grounds.team_names[team])] for team in teams]
    made.told["rules"] = [[plain(r.id), r.priority, plain(r.because), r.action] for r in (*grounds.rules, NO_RULE)]
    made.told["tickets"] = [_ticket(t, grounds.drafts) for t in grounds.tickets]
    _add_findings(made, findings, teams, grounds)
    _add_places(made, findings, teams, grounds)
    return made


def _ordered(grounds: Grounds) -> pl.DataFrame:
    """The findings, the most urgent first."""
    rules = [*grounds.rules, NO_RULE]
    priorities = {i: rule.priority for i, rule in enumerate(rules)}
    table = grounds.judged.with_columns(
        priority=pl.col("rule").replace_strict(priorities, return_dtype=pl.String),
        rank=pl.col("severity").replace_strict(_codes(SEVERITIES), return_dtype=pl.UInt8),
    )
    return table.sort(["priority", "rank", *FINDING]).with_row_index("row")


def _codes(words: Sequence[str]) -> dict[str, int]:
    return {word: i for i, word in enumerate(words)}


def _add_findings(made: Columns, findings: pl.DataFrame, teams: Sequence[str], grounds: Grounds) -> None:
    ids = [finding_id(*finding) for finding in findings.select(FINDING).iter_rows()]
    numbers = made.numbers
    numbers["id"] = [int(name, 16) for name in ids]
    numbers["severity"] = findings["rank"].to_list()
    numbers["kind"] = findings["kind"].replace_strict(_codes(KINDS), return_dtype=pl.UInt8).to_list()
    numbers["team"] = findings["team"].replace_strict(_codes(teams), return_dtype=pl.UInt32).to_list()
    numbers["rule"] = findings["rule"].to_list()
    numbers["fixable"] = findings["fixable"].cast(pl.UInt8).to_list()
    numbers["missed"] = findings["missed"].clip(0, 255).to_list()
    numbers["first_seen"] = (findings["first_seen"].dt.epoch("us") // _DAY).clip(0).to_list()
    numbers["cvss"] = _scaled(findings["cvss"], 10, UNSCORED)
    numbers["kev"] = findings["kev"].cast(pl.UInt8).to_list()
    numbers["epss"] = _scaled(findings["epss"], 10_000, UNRATED)
    numbers["state"], excuses = _states(findings, ids, grounds)
    made.code("excuse", pl.Series(excuses, dtype=pl.String))
    for name in ("asset", "vulnerability", "package", "title", "severity_source", "scanner"):
        made.code(name, findings[name].fill_null(""))
    made.code("url", findings["url"].fill_null(""))
    made.words["url"] = [web_url(word) for word in findings["url"].fill_null("").unique().sort()]
    made.words["name"] = [plain(package_name(p)) for p in findings["package"].unique().sort()]
    made.words["alias"] = _aliases(findings["vulnerability"].unique().sort().to_list(), grounds.aliases)
    numbers["ticket"] = _tickets(ids, grounds)


def _scaled(column: pl.Series, by: int, missing: int) -> list[int]:
    """A score as a whole number; what is not there or no score is `missing`."""
    scaled = (column.cast(pl.Float64) * by).round()
    scaled = scaled.set(~scaled.is_finite().fill_null(False), missing)
    held: list[int] = scaled.clip(0, missing).cast(pl.UInt32).to_list()
    return held


def _states(findings: pl.DataFrame, ids: Sequence[str], grounds: Grounds) -> tuple[list[int], list[str]]:
    """In which of `STATES` each finding is, and what excuses it."""
    decided = standing.decided(findings, grounds.held)
    spoken = [said(excuse) for excuse in grounds.excuses]
    states, excuses = [], []
    for finding, name, excused, verified in zip(
        findings.select(FINDING).iter_rows(), ids, findings["excused"], findings["verified"], strict=True
    ):
        state, words = "open" if verified else "unverified", ""
        if excused is not None:
            state, words = "excepted", spoken[excused]
        elif finding in decided:
            held = grounds.held[name]
            state, words = "snoozed" if held.kind == "snooze" else "decided", held.words
        states.append(STATES.index(state))
        excuses.append(words)
    return states, excuses


def _aliases(vulnerabilities: Sequence[str], aliases: pl.DataFrame) -> list[str]:
    """What else each vulnerability is called, in one line."""
    told = (
        aliases.filter(pl.col("vulnerability").is_in(vulnerabilities))
        .group_by("vulnerability")
        .agg(pl.col("alias").sort().str.join(" "))
    )
    known = dict(told.iter_rows())
    return [plain(known.get(name, "")) for name in vulnerabilities]


def _ticket(ticket: Ticket, drafts: Sequence[Draft]) -> dict[str, Any]:
    title = ticket.title or next((d.subject for d in drafts if d.key == ticket.marker.key), ticket.marker.key)
    return {
        "id": plain(ticket.id), "url": web_url(ticket.url), "title": plain(title), "open": ticket.is_open,
        "priority": ticket.marker.priority, "due": ticket.marker.due, "closed_as": ticket.closed_as,
        "tracker": plain(ticket.tracker),
    }  # fmt: skip


def _tickets(ids: Sequence[str], grounds: Grounds) -> list[int]:
    """Which ticket shows each finding: one more than its place in the list; 0 for none. Open ones come first."""
    by_key: dict[str, int] = {}
    of: dict[str, int] = {}
    for at, ticket in sorted(enumerate(grounds.tickets, 1), key=lambda pair: not pair[1].is_open):
        by_key.setdefault(ticket.marker.key, at)
        for name in ticket.marker.shown:
            of.setdefault(name, at)
    for draft in grounds.drafts:
        if at_ := by_key.get(draft.key):
            for line in (*draft.lines, *draft.attached, *draft.excused):
                of.setdefault(line.id, at_)
    return [of.get(name, 0) for name in ids]


def _add_places(made: Columns, findings: pl.DataFrame, teams: Sequence[str], grounds: Grounds) -> None:
    """Where each finding is, and what to do there."""
    places = (
        grounds.shown.select([*FINDING, "tag", "installed_version", "fixed_version"])
        .unique(maintain_order=True)
        .join(findings.select([*FINDING, "row", "fixable"]), on=FINDING, how="inner")
        .with_columns(image=_label(), target=pl.lit(""))
        .sort(["row", "image", "installed_version", "fixed_version"])
    )
    images = _images(grounds)
    made.words["image"] = [plain(label) for label in images["image"]]
    made.numbers["image_team"] = images["team"].replace_strict(_codes(teams), return_dtype=pl.UInt32).to_list()
    made.numbers["image_status"] = images["status"].to_list()
    made.told["image_statuses"] = IMAGE_STATUSES
    made.code("installed", places["installed_version"].fill_null(""))
    made.code("fixed", places["fixed_version"].fill_null(""))
    steps = _steps(places)
    rank = images.select("image", image_at=pl.int_range(pl.len(), dtype=pl.UInt32))
    steps = steps.join(rank, on="image", how="left", maintain_order="left")
    of_place = places.join(
        steps.select("image", "package", "has_fix", step=pl.int_range(pl.len(), dtype=pl.UInt32)),
        left_on=["image", "package", pl.col("fixed_version") != ""], right_on=["image", "package", "has_fix"],
        how="left", maintain_order="left",
    )  # fmt: skip
    made.numbers["step"] = of_place["step"].to_list()
    made.numbers["step_image"] = steps["image_at"].to_list()
    upgrades = steps.select("package", "to", "fixable").unique().sort("package", "to", "fixable")
    named = upgrades.with_columns(upgrade=pl.int_range(pl.len(), dtype=pl.UInt32))
    made.numbers["step_upgrade"] = steps.join(
        named, on=["package", "to", "fixable"], how="left", maintain_order="left"
    )["upgrade"].to_list()
    packages = _codes(findings["package"].unique().sort().to_list())
    made.numbers["upgrade_package"] = [packages[p] for p in upgrades["package"]]
    made.numbers["upgrade_fixable"] = upgrades["fixable"].cast(pl.UInt8).to_list()
    made.words["upgrade_to"] = [plain(to) for to in upgrades["to"]]
    counted = places.group_by("row").len().sort("row")["len"].cum_sum().to_list()
    made.numbers["starts"] = [0, *counted]


def _label() -> pl.Expr:
    """An image as people write it; what has no tag goes without."""
    return pl.when(pl.col("tag") == "").then(pl.col("asset")).otherwise(pl.col("asset") + ":" + pl.col("tag"))


IMAGE_STATUSES = ("scanned", "failed", "not looked at")


def _images(grounds: Grounds) -> pl.DataFrame:
    """All images of the last scan and all that are believed in, with `team` and `status`."""
    told = (
        grounds.coverage.with_columns(image=_label())
        .group_by("image", "asset")
        .agg(status=(pl.col("status") != "scanned").any().cast(pl.UInt8))
    )
    believed = grounds.shown.with_columns(image=_label()).select("image", "asset").unique()
    missing = believed.join(told, on="image", how="anti")
    table = pl.concat([told, missing.with_columns(status=pl.lit(2, dtype=pl.UInt8))])
    team = pl.col("asset").replace_strict(grounds.team_of, return_dtype=pl.String)
    return table.with_columns(team=team).unique("image", keep="first", maintain_order=True).sort("image")


def _steps(places: pl.DataFrame) -> pl.DataFrame:
    """One row per image, package and whether a fixed version is named: the version that clears all of it there."""
    told = (
        places.select("image", "package", "installed_version", "fixed_version", "fixable")
        .unique(maintain_order=True)
        .with_columns(has_fix=pl.col("fixed_version") != "")
        .group_by("image", "package", "has_fix", maintain_order=True)
        .agg("installed_version", "fixed_version", pl.col("fixable").any())
    )
    targets = [
        _target(*row) if row[3] else ""
        for row in told.select("package", "installed_version", "fixed_version", "has_fix").iter_rows()
    ]
    return told.select("image", "package", "has_fix", "fixable", to=pl.Series(targets, dtype=pl.String))


def _target(package: str, installed: Sequence[str], fixed: Sequence[str], has_fix: bool) -> str:
    fixes = {branch_fix(package, here, split(there)) for here, there in zip(installed, fixed, strict=True)}
    return highest(package, (part for fix in fixes for part in fix.split(", ")))
