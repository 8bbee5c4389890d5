"""What a run has to say: the document of `--json` (DESIGN section 5) and the summary."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from triagebot import summary
from triagebot.errors import UnsafeError
from triagebot.look import Options, View
from triagebot.model import Action, Cause, Kind, Outcome, Plan
from triagebot.render import many
from triagebot.scan import Loaded
from triagebot.standing import words
from triagebot.summary import Summary
from triagebot.weekly import Posted

SCHEMA = 1
_NAMED = 5


@dataclass
class Told:
    """The document, the first sentence of the summary, all of it in Markdown when asked for, and the exit code."""

    document: dict[str, Any]
    write: Callable[[], str] = str
    headline: str = ""
    exit_code: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The weekly summary."""
        return self.write()


def tell(
    said: Summary, options: Options, loaded: Loaded | None, view: View, plan: Plan, outcomes: list[Outcome],
    posted: Posted, write: Callable[[], str],
) -> Told:  # fmt: skip
    """Put what was done into words and figures. `write`: writes the summary."""
    errors = [*(str(e) for e in (loaded.errors if loaded else ())), *view.errors, *posted.errors]
    errors += [f"{o.action.key}: {o.error}" for o in outcomes if o.error and o.outcome != "deferred"]
    halted = Counter(o.error for o in outcomes if o.outcome == "deferred")
    errors = [e for e in errors if e not in halted]
    errors += [f"{e} ({many(n, 'ticket waits', 'tickets wait')})" for e, n in halted.items()]
    claimed = Counter(f"{a.tracker}: {a.reason}" for a in plan.deferred if a.cause is Cause.CLAIMED)
    errors += [f"{e} ({many(n, 'ticket waits', 'tickets wait')})" for e, n in claimed.items()]
    warnings = [*view.warnings, *plan.warnings, *(note for t in view.trackers.values() for note in t.notes)]
    warnings += [*(loaded.notes if loaded else []), *posted.notes]
    if loaded and loaded.left_out:
        told = ", ".join(f"{n} × {rule}" for rule, n in sorted(loaded.left_out.items()) if rule != "repeat")
        warnings += [f"entries that are no findings and were left out: {told}"] if told else []
    if loaded and loaded.ignored:
        warnings.append(f"{many(loaded.ignored, 'file is no report and was', 'files are no reports and were')} ignored")
    if said.coverage.failures:
        warnings.append(_unread([report for report, _ in said.coverage.failures]))
    warnings += [f"exception {n.name} {words(n)}" for n in said.notices if n.state == "ending"]
    left = [o.action for o in outcomes if o.outcome == "deferred"]
    document = {
        "schema": SCHEMA,
        "run_id": f"{options.now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        "stream": options.stream,
        "scan": _scan(said),
        "diff": asdict(view.state.arithmetic),
        "totals": {
            r.severity: {"total": r.total, "fixable": r.fixable, "excepted": r.excepted} for r in said.severities
        },
        "posture": {
            r.kind: {name: n for name, n in asdict(r).items() if name != "kind"} for r in said.posture
        },
        "images_total": said.images_total,
        "images_with_critical_or_high": said.images_serious,
        "findings": {**asdict(said.buckets), "overdue_tickets": said.overdue, "due_soon_tickets": said.due_soon},
        "exceptions": [asdict(notice) for notice in said.notices],
        "plan": _counts(plan),
        "actions": _actions(plan, outcomes, options),
        "trackers": [
            {
                "name": name, "reachable": not facts.incomplete,
                "deferred": sum(a.tracker == name for a in (*plan.deferred, *left)),
                "reads": view.trackers[name].reads, "writes": view.trackers[name].writes,
            }
            for name, facts in view.facts.items()
        ],
        "summary": {
            "week": posted.week, "outcome": posted.outcome, "ticket": {"id": posted.ticket, "url": posted.url},
        },
        "waiting": list(said.waiting),
        "unassignable": list(said.unassignable),
        "stuck": [
            {"tracker": s.tracker, "ticket": {"id": s.ticket, "url": s.url}, "state": s.state} for s in said.stuck
        ],
        "refused": plan.refused or None,
        "warnings": warnings,
        "errors": errors,
    }  # fmt: skip
    code = UnsafeError.exit_code if plan.refused else int(bool(errors))
    return Told(document, write, summary.headline(said), code, outcomes)


def _unread(reports: Sequence[str]) -> str:
    count = many(len(reports), "report failed: its image was", "reports failed: their images were")
    more = f" and {len(reports) - _NAMED} more" if len(reports) > _NAMED else ""
    return f"{count} not looked at: {', '.join(reports[:_NAMED])}{more}"


def _scan(said: summary.Summary) -> dict[str, Any]:
    c = said.coverage
    return {
        "label": said.label, "taken_at": said.taken_at.isoformat(), "reports_scanned": c.reports_scanned,
        "reports_failed": c.reports_failed, "images_scanned": c.images_scanned, "images_failed": c.images_failed,
        "images_missing": c.images_missing,
    }  # fmt: skip


def _counts(plan: Plan) -> dict[str, int]:
    counted = Counter(a.kind.value for a in plan.actions)
    return {**{kind.value: counted.get(kind.value, 0) for kind in Kind}, "deferred": len(plan.deferred)}


def _actions(plan: Plan, outcomes: Sequence[Outcome], options: Options) -> list[dict[str, Any]]:
    done = {id(o.action): o for o in outcomes}
    pending = "refused" if plan.refused else "planned"
    told = [_action(a, done.get(id(a)), pending) for a in plan.actions]
    return told + [_action(a, None, "deferred") for a in plan.deferred]


def _action(action: Action, outcome: Outcome | None, pending: str) -> dict[str, Any]:
    return {
        "kind": action.kind.value, "cause": action.cause.value, "key": action.key, "team": action.team,
        "tracker": action.tracker, "priority": action.priority, "title": action.title, "reason": action.reason,
        "ticket": {"id": outcome.ticket if outcome else action.ticket, "url": outcome.url if outcome else action.url},
        "outcome": outcome.outcome if outcome else pending,
    }  # fmt: skip
