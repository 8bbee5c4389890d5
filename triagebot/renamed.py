"""What tickets remember of a finding that has another name by now: it stays the same finding.

A ticket remembers ids, which are hashes of image, package and vulnerability. When a scan tells that a vulnerability
has a CVE, the finding has another id. What a person decided, what was promised and what was shown goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import polars as pl

from triagebot import keys
from triagebot.decisions import Held
from triagebot.identity import finding_id
from triagebot.model import FINDING, Belief, Ticket

_NEEDED = [*FINDING, "source_package"]


def renamed(belief: Belief, tickets: Iterable[Ticket], held: Mapping[str, Held]) -> Mapping[str, str]:
    """The ids that findings would have under their other names, each with the id that the finding has.

    Only findings that these tickets and decisions can be about: every other one is not worth a hash.
    """
    meant = {keys.bare(t.marker.key, t.marker.stream) for t in tickets} | {d.ticket for d in held.values()}
    if not meant or belief.aliases.is_empty():
        return {}
    rows = pl.concat([belief.shown.select(_NEEDED), belief.gone.select(_NEEDED)])
    called = belief.aliases.filter(pl.col("alias") != pl.col("vulnerability"))
    near = keys.near(rows.join(called, on="vulnerability").unique(), meant)
    return {
        finding_id(asset, package, alias): finding_id(asset, package, vulnerability)
        for asset, package, vulnerability, alias in near.select([*FINDING, "alias"]).iter_rows()
    }


def ticket(held: Ticket, ids: Mapping[str, str]) -> Ticket:
    """The ticket as if it had always been told the names of today."""
    if not ids:
        return held
    marker = held.marker
    marker = replace(
        marker, shown=_called(marker.shown, ids), serious=_called(marker.serious, ids),
        held=tuple(dict.fromkeys(_entry(entry, ids) for entry in marker.held)),
        promised=tuple(dict.fromkeys(_entry(entry, ids) for entry in marker.promised)),
    )  # fmt: skip
    remarks = tuple(replace(remark, shown=_called(remark.shown, ids)) for remark in held.remarks)
    return replace(held, marker=marker, remarks=remarks)


def decisions(held: Mapping[str, Held], ids: Mapping[str, str]) -> dict[str, Held]:
    """Decisions on findings, by the ids of today."""
    found: dict[str, Held] = {}
    for finding, decision in held.items():
        now = ids.get(finding, finding)
        if now not in found or found[now].until < decision.until:
            found[now] = decision
    return found


def _called(findings: Iterable[str], ids: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids.get(finding, finding) for finding in findings))


def _entry(entry: str, ids: Mapping[str, str]) -> str:
    finding, colon, rest = entry.partition(":")
    return f"{ids.get(finding, finding)}{colon}{rest}"
