"""Why a ticket or a finding is as it is, and what a file is taken for, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from triagebot import archive, formats, reasons
from triagebot.config import Config
from triagebot.errors import InputError, ReportError
from triagebot.excuses import said
from triagebot.files import Rule
from triagebot.formats import Report
from triagebot.identity import finding_id
from triagebot.look import Options, View, by_alias
from triagebot.model import FINDING, Draft, Ticket
from triagebot.render import many, plain
from triagebot.rules import NO_RULE, VULNERABILITY
from triagebot.scan import Reading, image_of
from triagebot.severity import by_vulnerability


def explained(config: Config, options: Options, view: View, what: str) -> str:
    """A few lines per ticket or finding that `what` names. Raises `InputError` where it names nothing."""
    lines = _ticket(view, what) + _findings(config, view, what)
    if not lines:
        raise InputError(
            what,
            "no ticket, finding or vulnerability of that name is known",
            "give a ticket key or file, an 8-digit finding id, or a CVE",
        )
    return _said(lines)


def report(path: Path, reading: Reading) -> tuple[str, bool]:
    """What a file is taken for and why, and whether it is read at all. `path` as it lies in its scan.

    Raises `InputError` for what is not even like a report.
    """
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "give one report")
    data = archive.content(path)
    try:
        if isinstance(data, ReportError):
            raise data
        if not formats.is_report_like(data, path.name):
            raise InputError(
                str(path), "is no report, neither called nor written like one; in a scan it is counted as ignored",
                "give a report, as a scanner writes it",
            )  # fmt: skip
        name, reports = formats.read(data)
    except ReportError as error:
        return _said([
            f"{path}: taken for no report: {error.cause}", f"  what to do: {error.remedy}",
            "  it is a failed report: it is counted and named, and nothing reads as fixed because of it",
        ]), False  # fmt: skip
    lines = [f"{path}: taken for {name}: {formats.reason(data, name)}"]
    for held in reports[:_REPORTS]:
        lines += _report(path, held, reading)
    if len(reports) > _REPORTS:
        lines.append(f"  and {many(len(reports) - _REPORTS, 'more report')} in it")
    return _said(lines), True


def _said(lines: Iterable[str]) -> str:
    """The lines as inert text that keep how far they are set in."""
    return "".join(f"{line[: len(line) - len(line.lstrip())]}{plain(line, 900)}\n" for line in lines)


_REPORTS = 20


def _report(path: Path, held: Report, reading: Reading) -> list[str]:
    image = image_of(path.as_posix(), held.image, reading)
    by = "as the report says" if held.image else "by the path: the report names none"
    scanner = f"{held.scanner} {held.scanner_version}".strip()
    lines = [f"  {image.label} ({by}), {scanner or 'scanner unknown'}"]
    lines.append(
        f"    made {f'{held.scanned_at:%Y-%m-%d %H:%M}' if held.scanned_at else 'at a time that it does not say'}, "
        f"{f'digest {held.digest}' if held.digest or image.digest else 'no digest'}, "
        f"{f'database of {held.db_date:%Y-%m-%d}' if held.db_date else 'database date unknown'}"
    )
    left = ", ".join(f"{n} {rule}" for rule, n in sorted(held.left_out.items()))
    added = many(held.added, "row")
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(row[0] for row in held.rows).items())
    lines.append(
        f"    {many(held.entries, 'entry', 'entries')}: {many(len(held.rows), 'row')}{f' ({kinds})' if kinds else ''}"
        f"{f', left out: {left}' if left else ''}{f'; {added} more, one for each CVE' if held.added else ''}"
    )
    return [*lines, f"    it failed: {held.error}"] if held.error else lines


def _ticket(view: View, what: str) -> list[str]:
    name = what.rpartition("/")[2]
    drafts = {d.key: d for d in view.drafts}
    found = [t for t in view.tickets if what in (t.marker.key, t.id, t.url) or t.id == name]
    lines: list[str] = []
    for ticket in found:
        lines += [f"ticket {ticket.id} ({ticket.marker.key}): {_standing(ticket)}"]
        if draft := drafts.get(ticket.marker.key):
            lines += _why(draft)
    for draft in view.drafts:
        if draft.key == what and not found:
            lines += [f"no ticket yet for {draft.key}", *_why(draft)]
    return lines


def _standing(ticket: Ticket) -> str:
    if ticket.is_open:
        return f"open, priority {ticket.marker.priority}, due {ticket.marker.due or 'not set'}"
    who = "triagebot" if ticket.closed_by_us else ticket.closed_by or "a person"
    when = f" on {ticket.closed_at:%Y-%m-%d}" if ticket.closed_at else ""
    because = f", because {ticket.closed_because}" if ticket.closed_because else ""
    return f"closed as {ticket.closed_as} by {who}{when}{because}"


def _why(draft: Draft) -> list[str]:
    counted = (
        f"{many(len(draft.lines), 'finding')} to act on "
        f"({sum(x.verified for x in draft.lines)} seen by the last scan), "
        f"{len(draft.attached)} attached, {len(draft.excused)} excused, {len(draft.gone)} gone"
    )
    lines = [f"  should be: {draft.want.value}; {counted}"]
    lines += [
        f"  {x.id} {x.vulnerability} in {x.name} {', '.join(x.installed)}: rule {x.rule} ({x.because})"
        for x in draft.lines
    ]
    return lines + [f"  {x.id} {x.vulnerability} in {x.name}: {x.excuse}" for x in draft.excused]


def _findings(config: Config, view: View, what: str) -> list[str]:
    aliases = dict(view.state.belief.aliases.iter_rows())
    named = {what, what.upper(), aliases.get(what, what)}
    rows = view.judged.filter(pl.col("vulnerability").is_in(sorted(named)))
    if rows.is_empty() and len(what) == 8:
        ids = [finding_id(*f) == what for f in view.judged.select(FINDING).iter_rows()]
        rows = view.judged.filter(pl.Series(ids, dtype=pl.Boolean))
    lines = [line for row in rows.iter_rows(named=True) for line in _finding(config, view, row)]
    for row in view.state.belief.gone.iter_rows(named=True):
        finding = finding_id(row["asset"], row["package"], row["vulnerability"])
        if what == finding or row["vulnerability"] in named:
            lines.append(
                f"finding {finding}: {row['vulnerability']} in {row['package']} of {row['asset']}: "
                f"{row['how']} in scan {row['label']}"
            )
    return lines


def _rated(view: View, vulnerability: str) -> list[str]:
    """What each source says of its severity."""
    ratings = by_vulnerability(view.state.belief.ratings, [vulnerability]).get(vulnerability, ())
    scored = sorted((name, f"{word} {score:g}" if score else word) for name, word, score in ratings)
    return [f"{word} by {name}" for name, word in scored]


def _untold(config: Config, row: dict[str, Any], rule: Rule) -> str:
    """Why what the rules would make a ticket of has none, where it is not excused."""
    if config.settings.backlog == "baseline" and row["baseline"] and rule.action == "ticket":
        return ": the first scan had it, and `backlog: baseline` makes no tickets of that"
    return ""


def _finding(config: Config, view: View, row: dict[str, Any]) -> list[str]:
    rule = [*config.rules, NO_RULE][row["rule"]]
    finding = finding_id(row["asset"], row["package"], row["vulnerability"])
    excuse = said(view.excuses[row["excused"]]) if row["excused"] is not None else ""
    if not excuse and finding in view.held:
        excuse = view.held[finding].words
    seen = "seen by the last scan" if row["verified"] else f"not looked at for {many(row['missed'], 'scan')}"
    shown = [t.id if t.is_open else f"{t.id} ({_standing(t)})" for t in view.tickets if finding in t.marker.shown]
    fix = (
        f"{'fixable' if row['fixable'] else 'not fixable'}, installed {row['installed_version']}, "
        f"fixed in {row['fixed_version'] or 'no version'}"
    )
    before = reasons.earlier(config.rules, row["rule"], row, by_alias(view.state.belief))
    rated = _rated(view, row["vulnerability"])
    told = ["exploited in the wild (KEV)"] if row["kev"] else []
    told += [f"EPSS {row['epss']:.2%}"] if row["epss"] is not None else []
    told += [f"VEX says {row['vex']}"] if row["vex"] else []
    return [
        f"finding {finding}: {row['vulnerability']} in {row['package']} of {row['asset']}",
        f"  {row['severity']} by {row['severity_source'] or row['scanner']}, "
        f"{fix if row['kind'] == VULNERABILITY else row['kind']}",
        *([f"  rated {', '.join(rated)}"] if rated else []),
        f"  first seen {row['first_seen']:%Y-%m-%d}, {seen}; team {row['team']}",
        *([f"  {', '.join(told)}"] if told else []),
        f"  rule {rule.id}: {rule.action}, {rule.priority}: {rule.because}"
        + (f"; excused: {excuse}" if excuse else ""),
        *(f"    before it, {earlier.id}: {why}" for earlier, why in before),
        f"  ticket: {', '.join(shown) if shown else 'none shows it'}{'' if shown else _untold(config, row, rule)}",
    ]
