"""Our decisions as one OpenVEX 0.2.0 document: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md

A false positive and what is not affected are `not_affected`. An accepted risk, a version lock, what is tracked
elsewhere or snoozed do affect the product and are said to: `affected`, with what is done about it. So nobody who reads
the document is told that a risk is none; a note in each statement tells us, when it is fed back, that it excuses.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from triagebot.decisions import OPEN_END, Held
from triagebot.files import Exemption
from triagebot.identity import is_cve
from triagebot.model import FINDING
from triagebot.openvex import CONTEXT
from triagebot.products import name_of_image, purls_of_package

_HARMLESS = ("false-positive", "not-affected")
_LINKS = {
    "CVE": "https://nvd.nist.gov/vuln/detail/{}", "GHSA": "https://github.com/advisories/{}",
}  # fmt: skip
Finding = tuple[str, str, str]


@dataclass(frozen=True)
class Decision:
    """What is said of some findings: status, why, and the note by which we know it again."""

    status: str
    why: str
    note: str
    at: str = ""

    @staticmethod
    def of_exception(e: Exemption) -> Decision:
        """An exception of the file."""
        where = f" Tracked in {e.url}" if e.url else ""
        until = f" until {e.expires:%Y-%m-%d}" if e.expires else ""
        note = f"triagebot: excused{until}; {e.kind}, approved by {e.approved_by}"
        status = "not_affected" if e.kind in _HARMLESS else "affected"
        return Decision(status, f"{e.reason}{'' if e.reason.endswith('.') else '.'}{where}", note)

    @staticmethod
    def of_person(held: Held) -> Decision:
        """A person's decision on a ticket."""
        status = "not_affected" if held.kind in _HARMLESS else "affected"
        until = "" if held.until == OPEN_END else f" until {held.until:%Y-%m-%d}"
        note = f"triagebot: excused{until}; {held.said}"
        return Decision(status, held.because or held.said, note, f"{held.at:%Y-%m-%d}T00:00:00Z" if held.at else "")


def document(
    decided: Mapping[Finding, Decision],
    shown: pl.DataFrame,
    aliases: pl.DataFrame,
    now: datetime,
    author: str,
    tool: str,
) -> dict[str, Any]:
    """The decisions on these findings. `shown`: the places that show them. Without decisions there is no document."""
    names: dict[str, list[str]] = defaultdict(list)
    for alias, vulnerability in aliases.sort("alias").iter_rows():
        names[vulnerability].append(alias)
    places = _places(shown, decided)
    grouped: dict[tuple[str, Decision], dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for finding in sorted(decided):
        products = grouped[finding[2], decided[finding]]
        for image, package in places.get(finding, ()):
            products[image][package] = None
    statements = [
        _statement(vulnerability, names[vulnerability], decision, products)
        for (vulnerability, decision), products in sorted(grouped.items(), key=lambda g: (g[0][0], g[0][1].note))
    ]
    said = json.dumps(statements, sort_keys=True)
    return {
        "@context": CONTEXT,
        "@id": f"urn:triagebot:vex:{hashlib.sha256(said.encode()).hexdigest()[:32]}",
        "author": author,
        "role": "Vulnerability triage",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "version": 1,
        "tooling": tool,
        "statements": statements,
    }


def _places(shown: pl.DataFrame, decided: Iterable[Finding]) -> dict[Finding, list[tuple[str, str]]]:
    """Where each finding is shown: (image, package with version), as URIs."""
    wanted = pl.DataFrame(sorted(decided), schema=dict.fromkeys(FINDING, pl.String), orient="row")
    found: dict[Finding, list[tuple[str, str]]] = defaultdict(list)
    rows = shown.join(wanted, on=FINDING, how="semi").select(*FINDING, "tag", "digest", "installed_version").unique()
    for asset, package, vulnerability, tag, digest, version in rows.sort(rows.columns).iter_rows():
        image = name_of_image(asset, tag, digest)
        found[asset, package, vulnerability] += [(image, purl) for purl in purls_of_package(package, version)]
    return found


def _statement(
    vulnerability: str, aliases: Sequence[str], decision: Decision, products: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    link = _LINKS.get("CVE" if is_cve(vulnerability) else vulnerability.partition("-")[0])
    told: dict[str, Any] = {
        "vulnerability": {
            **({"@id": link.format(vulnerability)} if link else {}),
            "name": vulnerability,
            **({"aliases": list(aliases)} if aliases else {}),
        },
        "products": [
            {"@id": image, "subcomponents": [{"@id": package} for package in packages]}
            for image, packages in products.items()
        ],
        "status": decision.status,
        "status_notes": decision.note,
        ("impact_statement" if decision.status == "not_affected" else "action_statement"): decision.why,
    }
    return {**told, "timestamp": decision.at} if decision.at else told
