"""The figures of a summary, from what is believed and judged of one stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from triagebot import decisions, summary
from triagebot.config import Config
from triagebot.counted import ignoring
from triagebot.history import History
from triagebot.look import Options, View, assets, by_alias
from triagebot.looked import counted
from triagebot.model import DUE_SOON, FINDING, Outcome, Plan
from triagebot.render import many
from triagebot.rules import VULNERABILITY
from triagebot.sla import flag
from triagebot.standing import buckets, decided, notices
from triagebot.summary import Stuck
from triagebot.trend import Point


@dataclass(frozen=True)
class Left:
    """What a run of a stream left undone: why tickets wait, who cannot be assigned, what people must open or close."""

    waiting: tuple[str, ...] = ()
    unassignable: tuple[str, ...] = ()
    stuck: tuple[Stuck, ...] = ()


def summarised(config: Config, options: Options, view: View, left: Left) -> summary.Summary:
    """The figures of the summary, as things stand. `left`: of the last run of the stream."""
    belief, last = view.state.belief, view.state.last
    judged = view.judged.filter(~pl.col("rule").is_in(ignoring(config)))
    vulnerabilities = judged.filter(pl.col("kind") == VULNERABILITY)
    stream = options.stream
    mine = [t for t in view.tickets if t.marker.stream == stream]
    decided = decisions.in_force([*view.former, *mine], config.settings.decision_expiry, options.now)
    listed = sorted((i.asset, i.tag) for i in config.inventory or ())
    total, serious, excepted = summary.images(vulnerabilities, belief.shown, view.coverage, len(config.exemptions))
    return summary.Summary(
        label=last.label if last else "", stream=stream, taken_at=last.taken_at if last else options.now,
        severities=summary.severities(vulnerabilities), posture=summary.posture(judged),
        arithmetic=view.state.arithmetic,
        coverage=summary.coverage(view.coverage, belief.shown, listed),
        images_total=total, images_serious=serious, images_serious_excepted=excepted,
        teams=summary.teams(judged, counted(view.coverage, belief.shown), mine, config.teams, view.ownership.team_of,
                            options.now, _oldest(config, judged, view)),
        ignored=view.judged.height - judged.height, unverified=judged.filter(~pl.col("verified")).height,
        unowned=tuple(sorted(view.ownership.unowned & assets(belief, view.coverage))),
        buckets=replace(buckets(judged, view.held), ignored=view.judged.height - judged.height),
        notices=notices(
            view.judged, config.exemptions, by_alias(belief), options.now, ignoring(config),
            _acting(config), view.held,
        ),
        due_soon=sum(flag(t.marker.due, options.now, config.settings.due_soon) == DUE_SOON for t in mine if t.is_open),
        decisions=(*decided, *decisions.deleted(view.held.values(), mine)),
        unassignable=left.unassignable, waiting=tuple(map(config.portable, left.waiting)),
        unread=tuple((t.id, t.fault) for f in view.facts.values() for t in f.unread if t.stream in ("", stream)),
        stuck=tuple(s for s in left.stuck if _is_stuck(s, view)),
    )  # fmt: skip


def trail(history: History, said: summary.Summary, keep: bool = False) -> list[Point]:
    """The points of a stream. The last one has the figures of its summary.

    What a rule asks for may have moved since that scan: age, a feed, an owner. Tables and trend tell the same.
    """
    points = history.trail(said.stream, keep)
    if points and (points[-1].label, points[-1].taken_at) == (said.label, said.taken_at):
        totals = {row.severity: (row.total, row.fixable) for row in said.severities}
        points[-1] = replace(
            points[-1], totals=totals, images_total=said.images_total, images_serious=said.images_serious
        )  # fmt: skip
    return points


def left_by(run: Mapping[str, Any]) -> Left:
    """The same, of a run's document."""
    stuck = [Stuck(s["tracker"], s["ticket"]["id"], s["ticket"]["url"], s["state"]) for s in run.get("stuck", ())]
    return Left(tuple(run.get("waiting", ())), tuple(run.get("unassignable", ())), tuple(stuck))


def left(view: View, plan: Plan, outcomes: Sequence[Outcome], before: Left, options: Options) -> Left:
    """What this run leaves undone. `before`: what the last one left; it is still true of what was not tried again."""
    told = Counter(f"{a.tracker}: {a.reason.removeprefix(f'{a.tracker}: ')}" for a in plan.deferred)
    waiting = [f"{many(n, 'ticket waits', 'tickets wait')} for the next run; {w}" for w, n in told.items()]
    found = [(place, person) for facts in view.facts.values() for place, person in sorted(facts.unassignable)]
    unassignable = [f"{person} cannot be assigned in {place}" for place, person in found]
    return Left(tuple(waiting), tuple(unassignable), tuple(_stuck(view, plan, outcomes, before, options)))


def _stuck(view: View, plan: Plan, outcomes: Sequence[Outcome], before: Left, options: Options) -> list[Stuck]:
    asked = [(o.action, o) for o in outcomes if o.outcome == "asked"]
    told = {(a.tracker, o.ticket): Stuck(a.tracker, o.ticket, o.url, a.state) for a, o in asked}
    wanted = {(a.tracker, a.ticket, a.state) for a in (*plan.actions, *plan.deferred)}
    for s in before.stuck:
        facts = view.facts.get(s.tracker)
        unseen = options.record_only or (facts and (facts.incomplete or facts.shut))
        if unseen or (s.tracker, s.ticket, s.state) in wanted:
            told.setdefault((s.tracker, s.ticket), s)
    return sorted(told.values(), key=lambda s: (s.tracker, s.ticket))


def _is_stuck(s: Stuck, view: View) -> bool:
    """Whether the ticket is not yet as it should be, as far as can be seen."""
    facts = view.facts.get(s.tracker)
    if facts is None or facts.incomplete:
        return True
    return any(t.id == s.ticket and t.is_open != (s.state == "open") for t in facts.tickets)


def _acting(config: Config) -> list[int]:
    """The rules (by index) that make tickets."""
    return [at for at, rule in enumerate(config.rules) if rule.action == "ticket"]


def _oldest(config: Config, judged: pl.DataFrame, view: View) -> Mapping[str, date]:
    """Since when each team has something to do: the oldest finding that should have a ticket and is not excused."""
    mine = judged.filter(pl.col("rule").is_in(_acting(config)) & pl.col("excused").is_null())
    if held := decided(mine, view.held):
        keys = pl.DataFrame(list(held), schema=dict.fromkeys(FINDING, pl.String), orient="row")
        mine = mine.join(keys, on=FINDING, how="anti")
    rows = mine.group_by("team").agg(pl.col("first_seen").min()).iter_rows()
    return {team: seen.date() for team, seen in rows}
