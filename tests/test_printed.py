"""What a run prints: also what it leaves alone and puts off, and never "nothing" where it wrote something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from oracle import failure_document
from reports import trivy, vulnerability, write

from triagebot.cli.runs import printed
from triagebot.document import Told

NOW = datetime(2026, 5, 5, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def scan(folder: Path, count: int) -> Path:
    held = {f"r{n}": trivy(f"shop/app-{n}:1", [vulnerability("CVE-2026-0001")]) for n in range(count)}
    return write(folder / f"s{count}", **held)


def failed(folder: Path, count: int) -> Path:
    path = folder / "failed"
    path.mkdir()
    for n in range(count):
        (path / f"r{n}.json").write_bytes(failure_document(f"shop/app-{n}:1"))
    return path


def lines(told: Told) -> list[str]:
    """All but how the scan and the findings are."""
    return printed(told.document, told.headline)[2:]


def title(n: int) -> str:
    return f"[P2] docker.io/shop/app-{n}: 1 high to fix"


@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
def test_what_is_left_alone_is_named_with_the_reason(tmp_path: Path, dry_run: bool) -> None:
    place = Place.create(tmp_path / "place")
    place.run(scan(tmp_path, 7), NOW)
    told = place.run(failed(tmp_path, 7), NOW + WEEK, dry_run=dry_run)
    named = "; ".join(title(n) for n in range(5))
    assert lines(told) == [
        f"  leave, not looked at by this scan: {named}; and 2 more (--json names all)",
        "tickets: 7 leave",
    ]


@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
def test_what_is_put_off_is_named_with_the_reason(tmp_path: Path, dry_run: bool) -> None:
    place = Place.create(tmp_path / "place", "limits: {new_tickets: 1}\n")
    told = place.run(scan(tmp_path, 3), NOW, dry_run=dry_run)
    first, *rest = lines(told)
    assert first.startswith(f"  {'planned' if dry_run else 'done'} create: {title(0)} (")
    assert rest == [
        f"  deferred create, limits.new_tickets of 1 is reached: {title(1)}; {title(2)}",
        "tickets: 1 create, 2 deferred",
    ]


def test_the_ticket_of_the_week_is_no_nothing(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place", "summary: {tracker: default}\n")
    path = write(tmp_path / "scan", one=trivy("shop/app:1", []))
    told = place.run(path, NOW)
    (ticket,) = (place.folder / "tickets").glob("*.md")
    assert lines(told) == [f"weekly summary: posted, {ticket}"]
    assert lines(place.run(path, NOW)) == ["tickets: nothing to do"]


def test_the_end_of_a_line_is_not_lost() -> None:
    action: dict[str, Any] = {
        "kind": "leave", "outcome": "done", "title": "x" * 400, "reason": "of a\nreason", "team": "a",
        "ticket": {"url": ""},
    }  # fmt: skip
    document = {
        "scan": {"label": "1", "images_scanned": 0, "images_failed": 0, "images_missing": 0},
        "actions": [action] * 9, "plan": {"leave": 9}, "summary": {"outcome": ""},
    }  # fmt: skip
    told = printed(document, "")[2]
    assert told.startswith("  leave, of a reason: xxx")
    assert told.endswith("; and 4 more (--json names all)")
