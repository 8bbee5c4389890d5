"""An answer about exposure as the document of `--json` (docs/json.md)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from triagebot.exposure import Answer, Filed, Hit, Past


def as_values(answer: Answer) -> dict[str, Any]:
    """The answer as the document of `--json` (docs/json.md)."""
    return {
        "schema": 1,
        "asked": {"vulnerabilities": list(answer.question.ids), "package": answer.question.package},
        "affected": answer.affected,
        "images_scanned": answer.scanned,
        "images_not_scanned": len(answer.unscanned),
        "vulnerabilities": [_verdict(answer, asked) for asked in answer.question.ids],
        "similar_packages": list(answer.similar),
        "streams": [
            {
                "stream": g.stream, "label": g.label, "taken_at": g.taken_at.isoformat(), "ended": g.ended,
                "images_scanned": g.scanned, "images_not_scanned": len(g.unscanned),
                "not_scanned": [
                    {"image": look.image, "status": look.status, "why": look.why, "last_scanned": _iso(look.last)}
                    for look in g.unscanned
                ],
            }
            for g in answer.grounds
        ],
        "hits": [_hit(hit) for hit in answer.hits],
        "past": [_gone(past) for past in answer.past],
    }  # fmt: skip


def _verdict(answer: Answer, asked: str) -> dict[str, Any]:
    hits, past = answer.of(asked)
    return {
        "asked": asked,
        "names": list(answer.names[asked]),
        "images": len({(h.stream, h.image) for h in hits}),
        "images_affected": len({(h.stream, h.image) for h in hits if h.affects}),
        "images_past": len({(p.stream, p.image) for p in past}),
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "stream": hit.stream, "image": hit.image, "asset": hit.asset, "tag": hit.tag, "digest": hit.digest,
        "package": hit.package, "vulnerability": hit.vulnerability, "severity": hit.severity,
        "fixable": hit.fixable, "installed": list(hit.installed), "fixed_in": list(hit.fixed),
        "scanners": list(hit.scanners), "team": hit.team, "rule": hit.rule, "action": hit.action,
        "first_seen": hit.first_seen.isoformat(), "last_seen": hit.last_seen.isoformat(), "verified": hit.verified,
        "tickets": _tickets(hit.tickets), "affected": hit.affects,
        "covered_by": hit.cover.said if hit.cover else None,
    }  # fmt: skip


def _gone(past: Past) -> dict[str, Any]:
    return {
        "stream": past.stream, "image": past.image, "asset": past.asset, "tag": past.tag, "package": past.package,
        "vulnerability": past.vulnerability, "how": past.how, "label": past.label, "at": past.at.isoformat(),
        "first_seen": _iso(past.first_seen), "installed": past.installed, "version_after": past.version_after,
        "tag_after": past.tag_after, "team": past.team, "tickets": _tickets(past.tickets),
    }  # fmt: skip


def _tickets(tickets: Iterable[Filed]) -> list[dict[str, Any]]:
    return [{"id": t.id, "url": t.url, "open": t.is_open} for t in tickets]


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
