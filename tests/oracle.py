"""A second opinion on the weekly figures: raw reports in, numbers out, with nothing but dicts and sets.

It shares no code with the package under test and is written from its definitions alone, so that a mistake
has to be made twice to go unseen. Slow and obvious is the aim.

It reads Trivy (bare array, schema 2 and SARIF), Grype, and the documents that a wrapper leaves behind when a
scanner could not be run; other files are ignored. Only vulnerabilities count, and nothing is ever retired:
that would take settings, and there are none here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")  # each outranks those after it

PURL_PREFIXES = {  # of packages that come without a purl, by what the scanner calls their kind
    "alpine": "pkg:apk/alpine",
    "debian": "pkg:deb/debian",
    "ubuntu": "pkg:deb/ubuntu",
    "gobinary": "pkg:golang",
    "jar": "pkg:maven",
    "python-pkg": "pkg:pypi",
    "nuget": "pkg:nuget",
    "bitnami": "pkg:bitnami",
    "redhat": "pkg:rpm/redhat",
}

SARIF_DISTROS = {  # what a distribution leaves in its versions
    "alpine": r"-r\d+\b", "debian": r"deb\d+u\d+", "ubuntu": "ubuntu", "redhat": r"\.el\d",
}  # fmt: skip
SARIF_PATHS = {  # where the packages of a language lie; what lies elsewhere was compiled from Go
    r"\.jar": "jar", r"/package\.json": "npm", "-info/|egg": "python-pkg", r"\.deps\.json": "nuget",
    r"^opt/bitnami/[\w-]+$": "bitnami", "": "gobinary",
}  # fmt: skip

Finding = tuple[str, str, str]  # asset, package, vulnerability
Image = tuple[str, str]  # asset, tag


@dataclass(frozen=True)
class Row:
    """One line of a report, about one package."""

    package: str
    known: frozenset[str]  # the vulnerability, as this line alone tells it: its CVEs, else its one other id
    ghsas: frozenset[str]  # what else it is called
    severity: str
    fixable: bool
    installed: str = ""
    fixed: str = ""
    cvss: float | None = None
    source: str = ""  # the package that this one was built from, where it is told


@dataclass(frozen=True)
class Report:
    """What one file says about one image."""

    asset: str
    tag: str
    scanner: str  # empty where a failure does not tell
    digest: str = ""
    rows: tuple[Row, ...] = ()
    failed: bool = False
    siblings: frozenset[str] = frozenset()  # all tags of the asset in the same scan, this one included
    day: str = ""  # of the scan that it was in
    made: str = ""  # on which day, as it says itself; else that of the scan


@dataclass(frozen=True)
class Place:
    """A vulnerability in a package of an image, as all reports that show it there tell it together."""

    severity: str  # the worst that any image of the same repository tells
    fixable: bool
    installed: frozenset[str]
    fixed: frozenset[str]
    sources: frozenset[str]
    first: str
    last: str
    verified: bool


@dataclass(frozen=True)
class Figures:
    """What should be said after one scan."""

    diff: dict[str, int]
    totals: dict[str, dict[str, int]]
    open_assets: frozenset[str]
    findings: frozenset[Finding]
    images: tuple[int, int]  # all, and those with critical or high
    ignored: frozenset[Finding] = frozenset()  # of the findings: counted in `diff` and nowhere else
    moved: tuple[int, int] = (0, 0)  # how many came and went, without those that were ignored then


class Scan:
    """The reports of one date, and what they can tell about those of an earlier one."""

    def __init__(self, files: Iterable[Path], day: str = "") -> None:
        reports = [replace(r, day=day, made=r.made or day) for file in files if (r := read(file))]
        self._tags: dict[str, frozenset[str]] = {}
        for report in reports:
            self._tags[report.asset] = self._tags.get(report.asset, frozenset()) | {report.tag}
        self.reports = [replace(report, siblings=self._tags[report.asset]) for report in reports]

    def heirs(self, earlier: Report) -> list[Report]:
        """The reports that stand in the earlier one's place: on its tag, else on what replaced the tag."""
        tags = self._tags.get(earlier.asset, frozenset())
        newcomers = tags - earlier.siblings
        alike = {tag for tag in newcomers if masked(tag) == masked(earlier.tag)}
        everything = newcomers if tags.isdisjoint(earlier.siblings) else frozenset()
        places = {earlier.tag} & tags or alike or everything
        return [report for report in self.reports if report.asset == earlier.asset and report.tag in places]

    def looked_again(self, earlier: Report) -> bool:
        """Whether the same scanner saw, without a failure, all that stands in the earlier one's place."""
        heirs = self.heirs(earlier)
        failed = any(heir.failed and heir.scanner in (earlier.scanner, "") for heir in heirs)
        seen = {heir.tag for heir in heirs if heir.scanner == earlier.scanner and not heir.failed}
        return bool(heirs) and not failed and seen == {heir.tag for heir in heirs}

    def same_image(self, earlier: Report) -> bool:
        """Whether the same scanner met the very same digest there."""
        now = {heir.digest for heir in self.heirs(earlier) if heir.scanner == earlier.scanner}
        return earlier.digest != "" and earlier.digest in now


class Oracle:
    """Scans in, figures out; remembers what is believed, what is gone, and which tickets are open."""

    def __init__(self, ignores: Callable[[Finding, str, bool], bool] = lambda *_: False) -> None:
        self._ignores = ignores  # by a rule: of a finding, its severity and whether it is fixable
        self._ignored: frozenset[Finding] = frozenset()
        self._aliases: dict[str, set[str]] = {}
        self._believed: list[Report] = []
        self._current: frozenset[Finding] = frozenset()
        self._gone: frozenset[Finding] = frozenset()
        self._open: frozenset[str] = frozenset()
        self._first: dict[Finding, str] = {}
        self._last = Scan([])
        self._scanned: dict[Image, str] = {}
        self.past: dict[Finding, tuple[str, str]] = {}  # what is gone: how, and on which day

    def scan(self, files: Iterable[Path], day: str = "") -> Figures:
        """Take in the report files of one date."""
        scan = Scan(files, day)
        for row in (row for report in scan.reports for row in report.rows):
            for ghsa, cve in product(row.ghsas, cves(row.known)):
                self._aliases.setdefault(ghsa, set()).add(cve)

        fresh = [report for report in scan.reports if not report.failed]
        carried = [report for report in self._believed if not scan.looked_again(report)]
        changed = [r for r in self._believed if scan.looked_again(r) and not scan.same_image(r)]
        rows: dict[Finding, list[Row]] = {}
        for finding, row in self._shown(carried + fresh):
            rows.setdefault(finding, []).append(row)
        current = frozenset(rows)
        unverified = current - {finding for finding, _ in self._shown(fresh)}

        previous, merged = self._renamed()
        gone = frozenset(name for finding in self._gone for name in self._names(finding))
        arrived, left = current - previous, previous - current
        fixed = left & {finding for finding, _ in self._shown(changed)}
        diff = {
            "previous": len(self._current),
            "new": len(arrived - gone),
            "reappeared": len(arrived & gone),
            "fixed": len(fixed),
            "withdrawn": len(left - fixed),
            "merged": merged,
            "retired": 0,
            "unverified": len(unverified),
            "current": len(current),
        }
        came = diff["previous"] + diff["new"] + diff["reappeared"]
        went = diff["fixed"] + diff["withdrawn"] + diff["merged"] + diff["retired"]
        assert came - went == diff["current"], diff

        totals = {name: {"total": 0, "fixable": 0} for name in SEVERITIES}
        worthy: set[str] = set()
        ignored: set[Finding] = set()
        for finding, lines in rows.items():
            worst = min((line.severity for line in lines), key=SEVERITIES.index)
            fixable = any(line.fixable for line in lines)
            if self._ignores(finding, worst, fixable):
                ignored.add(finding)
                continue
            totals[worst]["total"] += 1
            totals[worst]["fixable"] += fixable
            if fixable and worst in ("critical", "high") and finding not in unverified:
                worthy.add(finding[0])

        bad = {f for f, lines in rows.items() if any(line.severity in ("critical", "high") for line in lines)} - ignored
        before = {name for finding in self._ignored for name in self._names(finding)}
        moved = (len(arrived - ignored), len(left - before) + merged) if self._current else (0, 0)
        images = {(r.asset, r.tag) for r in scan.reports} | {(r.asset, r.tag) for r in carried if r.rows}
        serious = {(r.asset, r.tag) for r in carried + fresh for f, _ in self._shown([r]) if f in bad}

        self._remember(scan, day, current, left, fixed)
        self._open = (self._open & {asset for asset, _, _ in unverified}) | worthy
        self._believed, self._current, self._gone = carried + fresh, current, gone | left
        self._ignored = frozenset(ignored)
        return Figures(diff, totals, self._open, current, (len(images), len(serious)), self._ignored, moved)

    def _remember(
        self, scan: Scan, day: str, current: frozenset[Finding], left: set[Finding], fixed: set[Finding]
    ) -> None:
        """What is told of the past of a finding and of an image."""
        began: dict[Finding, str] = {}
        for finding, since in self._first.items():
            for name in self._names(finding):
                began[name] = min(since, began.get(name, since))
        made: dict[Finding, str] = {}
        for report in (report for report in scan.reports if not report.failed):
            for finding, _ in self._shown([report]):
                made[finding] = min(report.made, made.get(finding, report.made))
        self._first = {finding: began[finding] if finding in began else made[finding] for finding in current}
        was = {name: told for finding, told in self.past.items() for name in self._names(finding)}
        was |= {finding: ("fixed" if finding in fixed else "withdrawn", day) for finding in left}
        self.past = {finding: told for finding, told in was.items() if finding not in current}
        self._last = scan
        for report in (report for report in scan.reports if not report.failed):
            image = report.asset, report.tag
            self._scanned[image] = max(report.made, self._scanned.get(image, ""))

    def places(self) -> dict[tuple[str, str, str, str], Place]:
        """Where every believed vulnerability is: by asset, tag, package and vulnerability."""
        found: dict[tuple[str, str, str, str], list[tuple[Report, Row]]] = {}
        severities: dict[Finding, list[str]] = {}
        for report in self._believed:
            for finding, row in self._shown([report]):
                severities.setdefault(finding, []).append(row.severity)
                found.setdefault((report.asset, report.tag, *finding[1:]), []).append((report, row))
        fresh = {id(report) for report in self._last.reports}
        places = {}
        for (asset, tag, package, vulnerability), told in found.items():
            rows, finding = [row for _, row in told], (asset, package, vulnerability)
            places[asset, tag, package, vulnerability] = Place(
                min(severities[finding], key=SEVERITIES.index),
                any(row.fixable for row in rows),
                frozenset(row.installed for row in rows) - {""},
                frozenset(row.fixed for row in rows) - {""},
                frozenset(row.source for row in rows) - {""},
                self._first[finding],
                max(report.day for report, _ in told),
                any(id(report) in fresh for report, _ in told),
            )
        return places

    def images(self) -> dict[Image, str]:
        """Every image that there is, and what became of it in the last scan."""
        statuses: dict[Image, str] = {}
        for report in self._last.reports:
            image = report.asset, report.tag
            is_bad = report.failed or statuses.get(image) == "failed"
            statuses[image] = "failed" if is_bad else "scanned"
        believed = {(r.asset, r.tag) for r in self._believed if r.rows}
        statuses |= dict.fromkeys(believed - set(statuses), "missing")
        assets = {asset for asset, _ in statuses}
        return statuses | dict.fromkeys([i for i in self._scanned if i[0] not in assets], "absent")

    def sheet(self) -> dict[Image, dict[str, Any] | None]:
        """The figures of each image; nothing of one that was not scanned and of which nothing is believed."""
        worst: dict[Image, dict[str, tuple[str, bool, list[float]]]] = {}
        for report in self._believed:
            held = worst.setdefault((report.asset, report.tag), {})
            for (_, _, name), row in self._shown([report]):
                severity, fixable, scores = held.get(name, ("unknown", False, []))
                if SEVERITIES.index(row.severity) < SEVERITIES.index(severity):
                    severity = row.severity
                held[name] = (severity, fixable or row.fixable, [*scores, *([row.cvss] if row.cvss else [])])
        told: dict[Image, dict[str, Any] | None] = {}
        for image, status in self.images().items():
            held = worst.get(image, {})
            if status == "absent":
                continue
            if not held and status != "scanned":
                told[image] = None
                continue
            scores = [max(scores) for _, _, scores in held.values() if scores]
            told[image] = {
                "Vulnerabilities": len(held),
                **{s.capitalize(): sum(x == s for x, _, _ in held.values()) for s in SEVERITIES},
                "Fixable": sum(f for _, f, _ in held.values()),
                **{f"{s.capitalize()} fixable": sum(x == s and f for x, f, _ in held.values()) for s in SEVERITIES},
                "CVSS max": max(scores, default=None),
                "CVSS min": min(scores, default=None),
                "CVSS avg": round(math.fsum(scores) / len(scores), 2) if scores else None,
                "Identifiers": set(held),
                "Last scanned": self._scanned.get(image, "never"),
                "is scanned": status == "scanned",
            }
        return told

    def _names(self, finding: Finding) -> set[Finding]:
        """The finding under the ids that are known by now."""
        asset, package, vulnerability = finding
        return {(asset, package, name) for name in self._aliases.get(vulnerability, {vulnerability})}

    def _shown(self, reports: Iterable[Report]) -> Iterator[tuple[Finding, Row]]:
        """Every finding that the reports show, beside the row that shows it."""
        for report in reports:
            for row in report.rows:
                for vulnerability in row.known:
                    for finding in self._names((report.asset, row.package, vulnerability)):
                        yield finding, row

    def _renamed(self) -> tuple[set[Finding], int]:
        """What was believed last, under today's ids, and how much of it thereby fell together.

        A GHSA that turns out to be several CVEs goes on as one of them; the others count as new.
        """
        renamed = {finding for finding in self._current if self._names(finding) == {finding}}
        merged = 0
        for finding in sorted(self._current - renamed):
            free = self._names(finding) - renamed
            renamed.update(sorted(free)[:1])
            merged += not free
        return renamed, merged


def read(file: Path) -> Report | None:
    """The report in a file; nothing if it is something else."""
    try:
        return report_of(json.loads(file.read_bytes()))
    except ValueError:
        return None


def report_of(document: Any) -> Report | None:
    """The report in a document; nothing if it is something else."""
    match document:
        case {"cmd": str(command), "exitcode": int()}:
            return Report(*split(command.split()[-1]), "trivy" if "trivy" in command else "", failed=True)
        case [{"Target": str()}, *_] as results:
            target = next(result["Target"] for result in results if result.get("Class") == "os-pkgs")
            return Report(*split(target.split(" (")[0]), "trivy", "", tuple(trivy_rows(results)))
        case {"SchemaVersion": 2, "ArtifactName": str(image)}:
            metadata = document.get("Metadata") or {}
            digest = sha(metadata.get("RepoDigests")) or metadata.get("ImageID") or ""
            rows = tuple(trivy_rows(document.get("Results") or []))
            return Report(*split(image), "trivy", digest, rows, made=day(document.get("CreatedAt")))
        case {
            "runs": [{"tool": {"driver": {"name": "Trivy"}}, "properties": {"imageName": str(image)} as told} as run]
        }:
            digest = sha(told.get("repoDigests")) or told.get("imageID") or ""
            rules = {rule["id"]: rule.get("properties") or {} for rule in run["tool"]["driver"]["rules"]}
            rows = tuple(sarif_rows(run["results"], split(image)[0], rules))
            return Report(*split(image), "trivy", digest, rows, made=day(told.get("scanTimestamp")))
        case {"matches": list(matches), "source": {"target": {"userInput": str(image)} as target}}:
            digest = sha(target.get("repoDigests")) or target.get("manifestDigest") or ""
            made = day((document.get("descriptor") or {}).get("timestamp"))
            return Report(*split(image), "grype", digest, tuple(grype_rows(matches)), made=made)
    return None


def day(told: str | None) -> str:
    """The day of a time, in UTC; nothing where none is told."""
    return f"{datetime.fromisoformat(told).astimezone(UTC):%Y-%m-%d}" if told else ""


def trivy_rows(results: Iterable[Any]) -> Iterator[Row]:
    """The vulnerabilities in the results of Trivy, in either form; of several CVEs the first is meant."""
    for result in results:
        is_os = result.get("Class") == "os-pkgs"
        sources = {p["Name"]: p.get("SrcName") or p["Name"] for p in result.get("Packages") or [] if is_os}
        for entry in result.get("Vulnerabilities") or []:
            sources.setdefault(entry["PkgName"], entry["PkgName"] if is_os else "")
            ids = [entry["VulnerabilityID"], *(entry.get("VendorIDs") or [])]
            purl = (entry.get("PkgIdentifier") or {}).get("PURL")
            package = plain(purl) if purl else made_up(result.get("Type"), entry["PkgName"])
            known = cves(ids)[:1] or ids[:1]
            fixed, source = entry.get("FixedVersion") or "", sources.get(entry["PkgName"], "")
            yield Row(
                package, frozenset(known), ghsas(ids), level(entry.get("Severity")), bool(fixed),
                entry["InstalledVersion"], fixed, trivy_score(entry.get("CVSS") or {}), source,
            )  # fmt: skip


def trivy_score(told: dict[str, Any]) -> float | None:
    """The highest score that any source gives, by the newest version of CVSS that there is."""
    for version in ("V40Score", "V3Score", "V2Score"):
        if scores := [score[version] for score in told.values() if score.get(version)]:
            return max(scores)
    return None


def grype_rows(matches: Iterable[Any]) -> Iterator[Row]:
    """The matches of Grype; an advisory that is none itself stands for all its CVEs."""
    for match in matches:
        entry, artifact = match["vulnerability"], match["artifact"]
        ids = [entry["id"], *(related["id"] for related in match.get("relatedVulnerabilities") or [])]
        purl = artifact.get("purl")
        package = plain(purl) if purl else made_up(artifact.get("type"), artifact["name"])
        versions = (entry.get("fix") or {}).get("versions") or []
        known = cves(ids[:1]) or cves(ids) or ids[:1]
        scores = [told["metrics"]["baseScore"] for told in entry.get("cvss") or [] if told["metrics"].get("baseScore")]
        is_os = artifact["type"] in ("apk", "deb", "rpm")
        source = [up["name"] for up in artifact.get("upstreams") or []] or ([artifact["name"]] if is_os else [""])
        yield Row(
            package, frozenset(known), ghsas(ids), level(entry.get("severity")), bool(versions), artifact["version"],
            ", ".join(versions), max(scores, default=None), source[0],
        )  # fmt: skip


def sarif_rows(results: list[Any], asset: str, rules: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """The results of Trivy as SARIF, which says neither the distribution nor the language of a package.

    What lies at the image's own name is of the OS, and its versions tell which; the rest is told by its path.
    """
    image_path = asset.split("/", 1)[1].removeprefix("library/")
    told = []
    for result in results:
        lines = dict(line.split(": ", 1) for line in result["message"]["text"].split("\n") if ": " in line)
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        told.append((result["ruleId"], lines, place, place.removeprefix("library/") == image_path))
    said = " ".join(" ".join(lines.values()) for _, lines, _, is_os in told if is_os)
    votes = {distro: len(re.findall(mark, said)) for distro, mark in SARIF_DISTROS.items()}
    distro = max(votes, key=lambda name: votes[name])
    for rule, lines, place, is_os in told:
        kind = distro if is_os else next(kind for mark, kind in SARIF_PATHS.items() if re.search(mark, place))
        if kind == "bitnami" and re.search(r"^[^/]+[.][^/]+/|^stdlib$", lines["Package"]):
            kind = "gobinary"  # listed by Bitnami, but of Go
        package = made_up(kind, lines["Package"]) if kind != "npm" else "pkg:npm/" + quote(lines["Package"])
        fixed, score = lines.get("Fixed Version") or "", float(rules[rule].get("security-severity") or 0) or None
        yield Row(
            package, frozenset([rule]), frozenset(), level(lines.get("Severity")), bool(fixed),
            lines.get("Installed Version", ""), fixed, score, lines["Package"] if is_os else "",
        )  # fmt: skip


def cves(ids: Iterable[str]) -> list[str]:
    """Those of the ids that are CVEs."""
    return [name for name in ids if name.startswith("CVE-")]


def ghsas(ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that may be another name of a CVE; the bulletins of vendors only refer to one."""
    return frozenset(name for name in ids if name.startswith("GHSA-"))


def level(word: str | None) -> str:
    """A scanner's word for how bad it is, as one of ours."""
    ours = (word or "").lower().replace("moderate", "medium")
    return ours if ours in SEVERITIES else "unknown"


def plain(purl: str) -> str:
    """A purl without version, qualifiers and subpath; an `@` that begins a scope is no version."""
    bare = re.sub(r"@[^/]*$", "", re.split(r"[?#]", purl)[0])
    return bare.replace("pkg:rpm/rhel/", "pkg:rpm/redhat/")


def made_up(kind: str | None, name: str) -> str:
    """The purl of a package that came without one."""
    prefix = PURL_PREFIXES.get(kind or "", "pkg:generic")
    match prefix:
        case "pkg:golang":
            name = name.lower()
        case "pkg:maven":
            name = name.replace(":", "/")
        case "pkg:pypi":
            name = name.lower().replace("_", "-")
    return f"{prefix}/{quote(name)}"


def split(reference: str) -> tuple[str, str]:
    """An image as its fully qualified repository and tag: `nginx` is docker.io/library/nginx and latest."""
    name, _, digest = reference.partition("@")
    tagged = re.fullmatch(r"(.+):([^/:]+)", name)
    repository, tag = tagged.groups() if tagged else (name, "" if digest else "latest")
    host, _, path = repository.partition("/")
    if not path or not re.search(r"[.:]|^localhost$", host):
        host, path = "docker.io", repository
    if host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return f"{host}/{path}", tag


def masked(tag: str) -> str:
    """A tag without what changes from build to build: commits, with or without git's `g`, and numbers."""
    commits = re.sub(r"(?<![0-9A-Za-z])g?[0-9A-Fa-f]{7,}(?![0-9A-Za-z])", "#", tag)
    return re.sub(r"[0-9]+", "#", commits)


def sha(repo_digests: list[str] | None) -> str:
    """The digest in the first of an image's `repository@digest`."""
    return repo_digests[0].rpartition("@")[2] if repo_digests else ""


def failure_document(image: str) -> bytes:
    """What a wrapper leaves in place of the report when Trivy could not be run."""
    failure = {
        "stdout": {},
        "stderr": "docker: Error response from daemon: manifest unknown\n",
        "exitcode": 125,
        "cmd": f"docker run --rm aquasec/trivy -f json image {image}",
    }
    return json.dumps(failure).encode()
