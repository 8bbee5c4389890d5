"""Where decisions stand: how many findings are in which state, and which exceptions a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from triagebot import keys
from triagebot.decisions import Held
from triagebot.excuses import covers, in_force
from triagebot.files import Exemption
from triagebot.identity import finding_id
from triagebot.model import FINDING
from triagebot.render import many, number
from triagebot.rules import Aliases, Judge

ANNOUNCED = timedelta(days=14)
"""How long before its end an exception is announced."""
_SERIOUS = ["critical", "high"]


@dataclass(frozen=True)
class Buckets:
    """Every believed finding, once. `unverified`: not looked at by the last scan, and neither excused nor ignored."""

    open: int = 0
    excepted: int = 0
    decided: int = 0
    snoozed: int = 0
    unverified: int = 0
    ignored: int = 0
    """By a rule: in no other figure."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.open + self.excepted + self.decided + self.snoozed + self.unverified + self.ignored


@dataclass(frozen=True)
class Notice:
    """One exception that a person should look at. `state`: ending, ended or unused; `findings`: what it is about.

    `to_do`: those of which the rules make tickets and that nothing else excuses on the day on which it ends.
    """

    exception: str
    state: str
    findings: int
    serious: int
    day: str = ""
    to_do: int = 0
    to_do_serious: int = 0

    @property
    def name(self) -> str:
        """What people read of it: the kind in words."""
        kind, of, what = self.exception.partition(" of ")
        return f"{kind.replace('-', ' ')}{of}{what}"


def buckets(judged: pl.DataFrame, held: Mapping[str, Held]) -> Buckets:
    """How many findings are in which state. `judged` has `excused`; `held`: people's decisions by finding id."""
    free = judged.filter(pl.col("excused").is_null())
    excepted = judged.height - free.height
    decided = snoozed = of_unverified = 0
    for row, decision in _decided(free, held):
        snoozed += decision.kind == "snooze"
        decided += decision.kind != "snooze"
        of_unverified += not row["verified"]
    unverified = free.height - int(free["verified"].sum()) - of_unverified
    return Buckets(
        free.height - decided - snoozed - unverified, excepted, decided, snoozed, unverified
    )  # fmt: skip


def decided(judged: pl.DataFrame, held: Mapping[str, Held]) -> dict[tuple[str, str, str], Held]:
    """People's decisions on what no exception covers, by finding."""
    free = judged.filter(pl.col("excused").is_null())
    return {(row["asset"], row["package"], row["vulnerability"]): d for row, d in _decided(free, held)}


def _decided(free: pl.DataFrame, held: Mapping[str, Held]) -> Iterator[tuple[dict[str, Any], Held]]:
    named = {decision.ticket for decision in held.values()}
    for row in keys.near(free, named).select([*FINDING, "verified"]).iter_rows(named=True):
        if decision := held.get(finding_id(row["asset"], row["package"], row["vulnerability"])):
            yield row, decision


def notices(
    judged: pl.DataFrame, exemptions: Sequence[Exemption], aliases: Aliases, now: datetime,
    ignoring: Sequence[int] = (), acting: Sequence[int] = (), held: Mapping[str, Held] | None = None,
) -> tuple[Notice, ...]:  # fmt: skip
    """What is to be said of exceptions: those that end within 14 days, ended, or excuse nothing, in their order.

    `ignoring`: the rules (by index) whose findings count nowhere, and will need no action when the exception ends;
    `acting`: those that make tickets; `held`: people's decisions by finding id.
    """
    if not exemptions or judged.is_empty():
        return tuple(Notice(named(e), "unused", 0, 0) for e in exemptions)
    today = now.astimezone(UTC).date()
    judge = Judge(judged, aliases)
    covered = [covers(exemption, judge) for exemption in exemptions]
    counts_at_all = ~judged["rule"].is_in(list(ignoring)) if ignoring else pl.repeat(True, judged.height, eager=True)
    serious = judged["severity"].is_in(_SERIOUS)
    told = []
    for at, exemption in enumerate(exemptions):
        counted = covered[at] & counts_at_all
        counts = int(counted.sum()), int((counted & serious).sum())
        day = f"{exemption.expires:%Y-%m-%d}" if exemption.expires else ""
        if not in_force(exemption, now):
            told.append(Notice(named(exemption), "ended", *counts, day))
        elif not covered[at].any():
            told.append(Notice(named(exemption), "unused", 0, 0, day))
        elif counts[0] and exemption.expires and exemption.expires <= today + ANNOUNCED:
            others = [
                c for c, e in zip(covered, exemptions, strict=True) if not e.expires or exemption.expires < e.expires
            ]
            comes = counted & judged["rule"].is_in(list(acting))
            for other in others:
                comes = comes & ~other
            comes = comes & judged["stated"].is_null() if "stated" in judged.columns else comes
            comes = comes & _undecided(judged, comes, held or {}, exemption.expires)
            told.append(
                Notice(named(exemption), "ending", *counts, day, int(comes.sum()), int((comes & serious).sum()))
            )
    return tuple(told)


def _undecided(judged: pl.DataFrame, meant: pl.Series, held: Mapping[str, Held], day: date) -> pl.Series:
    """Which of the findings that are meant no person has decided on beyond a day."""
    if not held:
        return meant
    rows = judged.with_row_index("at").filter(meant).select("at", *FINDING).iter_rows()
    free = [at for at, *finding in rows if (d := held.get(finding_id(*finding))) is None or d.until <= day]
    return pl.int_range(judged.height, eager=True).is_in(free)


def words(notice: Notice, where: str = "") -> str:
    """One notice as a sentence. `where`: of what the figures are, if they are not of all that there is."""
    about = f"{many(notice.findings, 'finding')}, {number(notice.serious)} of them critical or high"
    comes = f"{about}, will need action"
    if notice.to_do < notice.findings:
        comes = (
            f"{number(notice.to_do)} of {many(notice.findings, 'finding')} will need action, "
            f"{number(notice.to_do_serious)} of them critical or high"
        )
    if not notice.to_do:
        comes = f"{many(notice.findings, 'finding')}, none of them to act on then"
    return {
        "ending": f"ends on {notice.day}: {comes}",
        "ended": f"ended on {notice.day}: it excuses nothing any more" + (f" ({about})" if notice.findings else ""),
        "unused": f"excuses nothing{where}: no finding matches it",
    }[notice.state]


def named(e: Exemption) -> str:
    """What an exception is about, as its file says it."""
    told = [("", e.asset), ("package ", e.package), ("source ", e.source_package), ("", e.vulnerability)]
    told += [("team ", e.team), ("severity ", "/".join(e.severity) or "*")]
    return f"{e.kind} of {', '.join(word + text for word, text in told if text != '*')}"
