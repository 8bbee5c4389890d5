"""Figures of `--json` whose names read alike, and how they hang together (docs/json.md)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import SETTINGS, Place
from oracle import failure_document
from reports import trivy, vulnerability, write

AT = datetime(2026, 5, 4, 6, tzinfo=UTC)
RULES = """rules:
  - {id: low, when: {severity: low}, priority: P9, action: ignore, because: Small.}
  - {id: act, when: {severity: [critical, high], fixable: true}, priority: P1, due: 7d, action: ticket, because: Grave.}
  - {id: rest, when: {}, priority: P4, action: report, because: Counted.}
  - {id: posture, when: {kind: secret}, priority: P4, action: report, because: Counted.}
exceptions:
  - {asset: "*/db", vulnerability: CVE-2026-0002, kind: accepted-risk, reason: a, approved_by: b, expires: 2027-01-01}
  - {asset: "*/web", vulnerability: key, kind: accepted-risk, reason: a, approved_by: b, expires: 2027-01-01}
"""
DB = [
    vulnerability("CVE-2026-0001", severity="CRITICAL"),  # a person closed its ticket
    vulnerability("CVE-2026-0002"),  # an exception
    vulnerability("CVE-2026-0003", severity="LOW"),  # a rule ignores it
    vulnerability("CVE-2026-0004", severity="MEDIUM"),  # nothing: it counts
]


def web() -> dict[str, Any]:
    made = trivy(
        "registry.example/web:1", [vulnerability("CVE-2026-0005"), vulnerability("CVE-2026-0003", severity="LOW")]
    )
    secrets = [
        {"RuleID": name, "Severity": "HIGH", "Title": name, "StartLine": 3, "Match": "x"} for name in ("key", "pem")
    ]
    made["Results"].append({"Target": "/app/.env", "Class": "secret", "Secrets": secrets})
    return made


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two scans; in the second one report failed and one is missing."""
    folder = tmp_path_factory.mktemp("document")
    place = Place.create(
        folder / "place", f"{SETTINGS}rules: [rules.yaml]\nlimits: {{new_tickets: 1}}\ndrop_fraction: 1\n"
    )
    (place.folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    cache = trivy("registry.example/cache:1", [vulnerability("CVE-2026-0006", severity="MEDIUM")])
    first = write(folder / "1", web=web(), db=trivy("registry.example/db:1", DB), cache=cache)
    told = [place.run(first, AT).document]
    [ticket] = (place.folder / "tickets").glob("*db*.md")
    ticket.write_text(ticket.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    second = write(folder / "2", web=web())
    (second / "db.json").write_bytes(failure_document("registry.example/db:1"))
    return [*told, place.run(second, AT + timedelta(weeks=1)).document]


BUCKETS = ("open", "excepted", "decided", "snoozed", "unverified", "ignored")


def test_what_was_not_looked_at_is_counted_with_and_without_what_is_settled(documents: list[dict[str, Any]]) -> None:
    diff, findings = documents[1]["diff"], documents[1]["findings"]
    assert diff["unverified"] == 5  # all of db, and that of cache
    assert findings["unverified"] == 2  # CVE-2026-0004 and -0006
    assert {name: findings[name] for name in BUCKETS} == {
        "open": 2, "excepted": 2, "decided": 1, "snoozed": 0, "unverified": 2, "ignored": 2,
    }  # fmt: skip


@pytest.mark.parametrize("at", [0, 1])
def test_figures_that_read_alike_hang_together(documents: list[dict[str, Any]], at: int) -> None:
    told = documents[at]
    diff, findings, scan = told["diff"], told["findings"], told["scan"]
    tables = [*told["totals"].values(), *told["posture"].values()]
    assert sum(findings[name] for name in BUCKETS) == diff["current"]
    assert sum(row["total"] for row in tables) + findings["ignored"] == diff["current"]
    assert sum(row["excepted"] for row in tables) == findings["excepted"]
    assert findings["unverified"] <= diff["unverified"]
    assert scan["images_scanned"] + scan["images_failed"] + scan["images_missing"] == told["images_total"] == 3
    assert len(told["actions"]) == sum(told["plan"].values())
    deferred = sum(action["outcome"] == "deferred" for action in told["actions"])
    assert deferred == sum(tracker["deferred"] for tracker in told["trackers"]) == told["plan"]["deferred"]
    assert told["plan"]["deferred"] == (1, 0)[at]
