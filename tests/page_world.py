"""A small platform of two teams, and its page. What it holds can be counted on the fingers.

shop/web:1.4  openssl CVE-2026-0001 critical, fixed in r1 · openssl CVE-2026-0002 high, fixed in r2
              zlib CVE-2026-0003 high, no fix · busybox CVE-2026-0004 low, fixed in r1
shop/db:2.0   openssl CVE-2026-0001 critical, fixed in r1
net/dns:1.0   bind CVE-2026-0005 medium, no fix
net/dhcp:1.0  clean
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from conftest import SETTINGS, Place
from reports import trivy, vulnerability, write

from triagebot import app, config
from triagebot.look import Options, View
from triagebot.page import written

AT = datetime(2026, 5, 3, 6, tzinfo=UTC)
TEAMS = """teams: {shop: {name: Shop}, net: {name: Network}}
unowned: net
images: [{match: "*/shop/*", team: shop}, {match: "*/net/*", team: net}]
"""
OPENSSL = vulnerability("CVE-2026-0001", "openssl", severity="CRITICAL")
WEB = [
    OPENSSL,
    vulnerability("CVE-2026-0002", "openssl", fixed="1.0-r2"),
    vulnerability("CVE-2026-0003", "zlib", fixed=""),
    vulnerability("CVE-2026-0004", "busybox", severity="LOW"),
]
REPORTS = {
    "web": trivy("registry.example/shop/web:1.4", WEB),
    "db": trivy("registry.example/shop/db:2.0", [OPENSSL]),
    "dns": trivy("registry.example/net/dns:1.0", [vulnerability("CVE-2026-0005", "bind", severity="MEDIUM", fixed="")]),
    "dhcp": trivy("registry.example/net/dhcp:1.0", []),
}
Changed = Callable[[View], View]


def page_of(
    folder: Path,
    scans: Iterable[dict[str, Any]] = (REPORTS,),
    *,
    teams: str = TEAMS,
    changed: Changed = lambda view: view,
    label: str = "",
) -> Path:
    """The page after these scans, a week apart, each with its tickets. `changed`: what is done to the view before."""
    place = Place.create(folder / "place", f"{SETTINGS}teams: teams.yaml\n")
    (place.folder / "teams.yaml").write_text(teams, encoding="utf-8")
    at = AT
    for number, reports in enumerate(scans):
        at = AT + timedelta(weeks=number)
        place.run(write(folder / f"scan-{number}", **reports), at, label=label or f"1.{number}")
    settings = config.load(place.folder / "triagebot.yaml")
    options = Options(now=at + timedelta(hours=1), dry_run=True)
    view = changed(app.standing(settings, options))
    file = folder / "report.html"
    file.write_text(written(settings, options, view).text, encoding="utf-8")
    return file


def on_a_server(view: View) -> View:
    """As if the tickets were issues with addresses."""
    facts = {
        name: replace(held, tickets=tuple(
            replace(t, url=f"https://git.example/acme/platform/issues/{at}") for at, t in enumerate(held.tickets, 1)
        ))
        for name, held in view.facts.items()
    }  # fmt: skip
    return replace(view, facts=facts)
