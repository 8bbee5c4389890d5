"""SARIF 2.1.0 of Trivy, Grype, Snyk Container and Dockle.

SARIF has no place for a package: each scanner writes it into messages and rules in its own way, so each has its own
flavour here. SARIF of other tools (code scanners) names lines of code, not packages, and is refused with the tool's
name.
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.errors import ReportError
from triagebot.formats import sarif_flavours as flavours
from triagebot.formats.interface import Report, decoded, when
from triagebot.formats.sarif_flavours import Result, Rule, Run

NAME = "sarif"
HINT = re.compile(rb'"(runs|driver|ruleId|artifactLocation)"|sarif')


class Document(Struct):
    runs: list[Run]
    schema: str = msgspec.field(name="$schema", default="")
    version: str | UnsetType = UNSET


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)

_FLAVOURS: Mapping[str, tuple[str, Callable[[Report, Run, Sequence[tuple[Result, Rule]]], None]]] = {
    "trivy": ("trivy", flavours.trivy),
    "grype": ("grype", flavours.grype),
    "snyk container": ("snyk", flavours.snyk),
    "snyk open source": ("snyk", flavours.snyk),
    "dockle": ("dockle", flavours.dockle),
}
"""By the driver's name: the scanner, and what reads its results."""


def read(data: bytes) -> Sequence[Report] | None:
    """One report per run."""
    found = decoded(_DOCUMENT, data)
    if found is None or (found.version is UNSET and "sarif" not in found.schema):
        return None
    if not found.runs:
        raise ReportError("", "SARIF without runs: no scan was made", "scan the image again")
    return [_report(run) for run in found.runs]


def _report(run: Run) -> Report:
    driver = run.tool.driver
    if driver.name.lower() not in _FLAVOURS:
        known = ", ".join(name.title() for name in _FLAVOURS)
        raise ReportError("", f"SARIF of {driver.name}, which names no packages", f"SARIF is read of {known}")
    scanner, fill = _FLAVOURS[driver.name.lower()]
    report = Report(scanner, scanner_version=driver.semantic_version or driver.version)
    invocations = run.invocations or []
    report.scanned_at = next((at for i in reversed(invocations) if (at := when(i.end_time_utc))), None)
    if run.results is None:
        report.error = "the run has no results: the scan was not made"
        return report
    failed = [i for i in invocations if i.execution_successful is False]
    if failed:
        report.error = f"the scan failed: {failed[0].exit_code_description or 'no message'}"
    rules = {rule.id: rule for rule in driver.rules or ()}
    held = []
    for result in run.results:
        listed = driver.rules or []
        by_index = listed[result.rule_index] if 0 <= result.rule_index < len(listed) else Rule()
        rule_id = result.rule_id or by_index.id
        rule = by_index if by_index.id == rule_id else rules.get(rule_id, Rule(id=rule_id))
        if any(s.status in ("", "accepted") for s in result.suppressions or ()):
            report.entries += 1
            report.skip("suppressed")
        else:
            held.append((result, rule))
    fill(report, run, held)
    report.fold_repeats()
    return report
