"""What is excused by a file: exceptions, and statements of VEX documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from triagebot.files import Exemption
from triagebot.render import markdown_url
from triagebot.rules import VULNERABILITY, Aliases, Judge
from triagebot.statements import Statement

Excuse = Exemption | Statement
"""What is not a person's word on a ticket: an exception of the file, or a statement of a VEX document."""


def excused(findings: pl.DataFrame, exemptions: Sequence[Exemption], aliases: Aliases, now: datetime) -> pl.Series:
    """The index of the first exception in force that covers each finding; null where none does."""
    active = [(i, e) for i, e in enumerate(exemptions) if in_force(e, now)]
    if not active or findings.is_empty():
        return pl.Series("excused", [None] * findings.height, dtype=pl.Int32)
    judge = Judge(findings, aliases)
    found = judge.first([covers(e, judge) for _, e in active])
    places = {at: i for at, (i, _) in enumerate(active)}
    return found.replace_strict(places, default=None, return_dtype=pl.Int32).alias("excused")


def covers(e: Exemption, judge: Judge) -> pl.Series:
    """Which findings an exception is about, whether it is in force or not.

    One that names neither a package nor a vulnerability is about vulnerabilities: that an image is locked to a version
    says nothing of a secret that lies in it.
    """
    held = judge.holds({"severity": e.severity} if e.severity else {})
    if e.package == e.vulnerability == "*":
        held = held & judge.holds({"kind": VULNERABILITY})
    for name in ("asset", "source_package", "vulnerability", "team"):
        if (pattern := getattr(e, name)) != "*":
            held = held & judge.text(name, [pattern])
    if e.package != "*":
        held = held & (judge.text("package", [e.package]) | judge.text("source_package", [e.package]))
    return held


def in_force(e: Exemption, now: datetime) -> bool:
    """Whether an exception still covers anything: from the day `expires` on it does not."""
    return e.expires is None or now.astimezone(UTC).date() < e.expires


def link(e: Excuse) -> str:
    """The address of the ticket that carries the work, where an exception names one.

    What is no address (`BASE-7`, or one that markups refuse) is text, and among what is `said`.
    """
    return markdown_url(e.url) if isinstance(e, Exemption) else ""


def said(e: Excuse, with_link: bool = True) -> str:
    """What excuses, in words, for the ticket. `with_link`: whether the address that it names is among them."""
    if isinstance(e, Statement):
        return e.said + (f" (until {e.until:%Y-%m-%d})" if e.until else "")
    until = f" until {e.expires:%Y-%m-%d}" if e.expires else ""
    where = f" ({e.url})" if e.url and (with_link or not link(e)) else ""
    return f"{e.kind.replace('-', ' ')}{until}: {e.reason}{where}, approved by {e.approved_by}"
