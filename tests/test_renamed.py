"""A vulnerability that gets a CVE is the same finding for whoever decided on it, and for what was promised."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import WRITING, Place
from reports import trivy, vulnerability, write

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
GHSA, CVE = "GHSA-aaaa-bbbb-cccc", "CVE-2026-0001"


def grype(*related: str, severity: str = "High") -> dict[str, Any]:
    """A Grype report of one image with one advisory, and the CVEs that it names beside."""
    matches = [{
        "vulnerability": {"id": GHSA, "severity": severity, "fix": {"versions": ["1.1"], "state": "fixed"}},
        "relatedVulnerabilities": [{"id": name, "severity": severity} for name in related],
        "artifact": {"name": "jinja2", "version": "1.0", "type": "python", "purl": "pkg:pypi/jinja2@1.0"},
    }]  # fmt: skip
    source = {"type": "image", "target": {"userInput": "registry.example/app:1.0", "repoDigests": [], "tags": []}}
    return {"matches": matches, "source": source, "descriptor": {"name": "grype"}, "distro": {"name": "debian"}}


RULES = """rules:
  - {id: crit, when: {severity: critical}, priority: P1, due: 7d, action: ticket, because: Critical.}
  - {id: high, when: {severity: high}, priority: P2, due: 30d, action: ticket, because: High.}
"""


def other() -> dict[str, Any]:
    """A report of the same image with something else, which keeps its ticket open."""
    return trivy("registry.example/app:1.0", [vulnerability("CVE-2026-0009")])


class Case:
    """A place, and one image week after week."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, Place.create(folder / "place")

    def run(self, week: int, **reports: dict[str, Any]) -> dict[str, int]:
        """What the run of a week writes; the same run again must write nothing."""
        scan = write(self.folder / f"w{week}", **reports)
        told = self.place.run(scan, DAY + week * WEEK).document
        again = self.place.run(scan, DAY + week * WEEK).document
        assert {kind: again["plan"][kind] for kind in WRITING} == dict.fromkeys(WRITING, 0), again["actions"]
        return {kind: told["plan"][kind] for kind in WRITING if told["plan"][kind]}

    @property
    def ticket(self) -> Path:
        [path] = (self.place.folder / "tickets").glob("*.md")
        return path

    def write(self, old: str, new: str) -> None:
        text = self.ticket.read_text()
        assert old in text
        self.ticket.write_text(text.replace(old, new))

    def close(self) -> None:
        day = DAY + timedelta(days=1)
        self.write("state: open", f"state: closed\nclosed_as: not-planned\nclosed: {day:%Y-%m-%dT%H:%M:%SZ}")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize("lost", [False, True])
def test_a_closing_holds_for_what_has_a_cve_by_now(case: Case, lost: bool) -> None:
    case.run(0, app=grype())
    case.close()
    assert case.run(1, app=grype()) == {}
    if lost:
        shutil.rmtree(case.place.history)
    assert case.run(2, app=grype(CVE)) == {}
    assert case.run(12, app=grype(CVE)) == {}
    assert case.run(13, app=grype(CVE)) == {"reopen": 1}
    assert "the decision not to act on it has expired" in case.ticket.read_text()


def test_a_decision_that_a_ticket_carries_holds_for_what_has_a_cve_by_now(case: Case) -> None:
    other = trivy("registry.example/app:1.0", [vulnerability("CVE-2026-0009")])
    case.run(0, app=grype())
    case.close()
    assert case.run(1, app=grype(), other=other) == {"reopen": 1}
    assert case.run(2, app=grype(CVE), other=other) in ({}, {"update": 1})
    assert CVE not in case.ticket.read_text().split("### Excused")[0].split("### Vulnerabilities")[1]


def test_an_open_ticket_calls_nothing_new_that_got_a_cve(case: Case) -> None:
    case.run(0, app=grype())
    assert case.run(1, app=grype(CVE)) == {"update": 1}
    text = case.ticket.read_text()
    assert CVE in text
    assert "New since this ticket was last updated" not in text
    assert "due: '2026-06-02'" in text


def test_what_is_gone_is_named_as_it_is_called_by_now(case: Case) -> None:
    """The scan that tells the CVE, of another image, no longer has the finding here: the ticket closes as fixed."""
    case.run(0, app=grype())
    empty = {**grype(), "matches": []}
    other = grype(CVE)
    other["source"] = {"type": "image", "target": {"userInput": "registry.example/b:1.0", "repoDigests": []}}
    scan = write(case.folder / "w1", app=empty, other=other)
    told = case.place.run(scan, DAY + WEEK).document
    [closed] = [action for action in told["actions"] if action["kind"] == "close"]
    assert closed["cause"] == "fixed"
    assert f"| {CVE} | `jinja2` |" in Path(closed["ticket"]["url"]).read_text().split("## Comments")[1]


def test_a_deleted_ticket_is_not_filed_again_under_a_cve(case: Case) -> None:
    case.run(0, app=grype())
    case.ticket.unlink()
    assert case.run(1, app=grype()) == {}
    assert case.run(2, app=grype(CVE)) == {}


def test_two_findings_that_become_one_are_decided_until_the_later_day(case: Case) -> None:
    """Trivy has the CVE, Grype the advisory; both are shown, and the ticket is closed before they are known as one."""
    same = vulnerability(CVE, "jinja2", installed="1.0", fixed="1.1")
    same["PkgIdentifier"] = {"PURL": "pkg:pypi/jinja2@1.0"}
    beside = trivy("registry.example/app:1.0", [same])
    case.run(0, app=grype(), beside=beside)
    case.close()
    assert case.run(1, app=grype(), beside=beside) == {}
    assert case.run(2, app=grype(CVE), beside=beside) == {}


def test_the_day_that_was_promised_goes_with_a_finding_that_gets_a_cve(case: Case) -> None:
    """Critical once, then high, excused, and under another name when nothing excuses it any more."""
    case.run(0, app=grype(severity="Critical"))
    due = yaml.safe_load(case.ticket.read_text().split("\n---\n")[0])["due"]
    case.run(1, app=grype())
    rules = case.place.folder / "exceptions.yaml"
    (case.place.folder / "triagebot.yaml").write_text(
        "rules: [exceptions.yaml, rules.yaml]\ntrackers: {default: {type: local, path: tickets}}\n"
    )
    (case.place.folder / "rules.yaml").write_text(RULES)
    rules.write_text(
        f"exceptions: [{{asset: '*/app', vulnerability: {GHSA}, kind: accepted-risk, reason: x, approved_by: y, "
        f"expires: {DAY + 5 * WEEK:%Y-%m-%d}}}]\n"
    )
    case.run(2, app=grype(), z=other())
    assert "promised: ''" not in case.ticket.read_text()
    case.run(3, app=grype())
    case.run(4, app=grype(CVE))
    case.run(6, app=grype(CVE))
    front = yaml.safe_load(case.ticket.read_text().split("\n---\n")[0])
    assert (front["state"], front["due"]) == ("open", due)
