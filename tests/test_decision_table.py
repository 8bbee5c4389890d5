"""The table of decisions: who and why, as far as anybody said it; `docs/local.md` tells how to say it in a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Place
from reports import trivy, vulnerability, write

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
WHO, WHY = "\nclosed_by: ann", "\nbecause: not reachable"


@pytest.mark.parametrize(
    ("said", "head", "row"),
    [
        (("", ""), "| Until | What | Ticket |", "|"),
        ((WHO, ""), "| Until | What | Who | Ticket |", "| ann |"),
        (("", WHY), "| Until | What | Why | Ticket |", "| not reachable |"),
        ((WHO, WHY), "| Until | What | Who | Why | Ticket |", "| ann | not reachable |"),
        ((WHO + WHY, None), "| Until | What | Who | Why | Ticket |", "| not said | - |"),
    ],
    ids=["nothing", "who", "why", "both", "one of two"],
)
def test_only_what_somebody_said_has_a_column(
    tmp_path: Path, said: tuple[str, str | None], head: str, row: str
) -> None:
    """Of two tickets the second says nothing."""
    place = Place.create(tmp_path / "place")
    scan = write(tmp_path / "s", **{n: trivy(f"shop/{n}:1", [vulnerability("CVE-2026-1")]) for n in ("one", "two")})
    place.run(scan, NOW)
    one, two = sorted((place.folder / "tickets").glob("*.md"))
    for path, words in ((one, "".join(filter(None, said))), (two, "" if said[1] is None else None)):
        if words is not None:
            closed = f"state: closed\nclosed_as: not-planned{words}"
            path.write_text(path.read_text().replace("state: open", closed, 1))
    told = place.run(scan, NOW + timedelta(days=1)).summary
    assert head in told
    name = (two if said[1] is None else one).name
    assert f"| closed as not-planned {row} `{name}` |".replace("| |", "|") in told


def test_a_deleted_ticket_is_among_the_decisions(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    scan = write(tmp_path / "s", one=trivy("shop/one:1", [vulnerability("CVE-2026-1")]))
    place.run(scan, NOW)
    [path] = (place.folder / "tickets").glob("*.md")
    path.unlink()
    assert "| 2026-08-01 | ticket deleted |" in place.run(scan, NOW).summary
    assert "`image:docker.io/shop/one`" in place.run(scan, NOW + timedelta(days=80)).summary
    assert "ticket deleted" not in place.run(scan, NOW + timedelta(days=91)).summary
