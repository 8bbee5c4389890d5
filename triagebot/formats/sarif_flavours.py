"""How each scanner writes packages into SARIF.

Trivy: https://github.com/aquasecurity/trivy/blob/main/pkg/report/sarif.go; Grype:
https://github.com/anchore/grype/blob/main/grype/presenter/sarif/presenter.go; Snyk:
https://github.com/snyk/cli/blob/main/src/lib/formatters/open-source-sarif-output.ts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import unescape
from typing import Any

from msgspec import Struct

from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, when
from triagebot.identity import package_of, parse_image


class Text(Struct, frozen=True, gc=False):
    text: str = ""
    markdown: str = ""


class Artifact(Struct, frozen=True, gc=False):
    uri: str = ""


class Region(Struct, frozen=True, gc=False, rename="camel"):
    start_line: int = 0


class Physical(Struct, frozen=True, gc=False, rename="camel"):
    artifact_location: Artifact = Artifact()
    region: Region = Region()


class Logical(Struct, gc=False, rename="camel"):
    fully_qualified_name: str = ""


class Location(Struct, gc=False, rename="camel"):
    physical_location: Physical = Physical()
    logical_locations: list[Logical] | None = None


class Suppression(Struct, gc=False):
    status: str = ""


class Result(Struct, gc=False, rename="camel"):
    rule_id: str = ""
    rule_index: int = -1
    level: str = ""
    message: Text = Text()
    locations: list[Location] | None = None
    suppressions: list[Suppression] | None = None

    @property
    def uri(self) -> str:
        """Where it lies, as the first location says."""
        return self.locations[0].physical_location.artifact_location.uri if self.locations else ""

    @property
    def line(self) -> int:
        """The line there."""
        return self.locations[0].physical_location.region.start_line if self.locations else 0

    @property
    def names(self) -> list[str]:
        """The qualified names of its locations."""
        held = [name for location in self.locations or () for name in location.logical_locations or ()]
        return [name.fully_qualified_name for name in held]


class Rule(Struct, rename="camel"):
    id: str = ""
    name: str = ""
    short_description: Text = Text()
    full_description: Text = Text()
    help: Text = Text()
    help_uri: str = ""
    properties: dict[str, Any] | None = None


class Driver(Struct, rename="camel"):
    name: str
    version: str = ""
    semantic_version: str = ""
    rules: list[Rule] | None = None


class Tool(Struct):
    driver: Driver


class Invocation(Struct, rename="camel"):
    execution_successful: bool | None = None
    exit_code_description: str = ""
    end_time_utc: str | None = None


class Automation(Struct):
    id: str = ""


class Run(Struct, rename="camel"):
    tool: Tool
    results: list[Result] | None = None
    invocations: list[Invocation] | None = None
    properties: dict[str, Any] | None = None
    automation_details: Automation | None = None


Entries = Sequence[tuple[Result, Rule]]

_FIELD = re.compile(
    r"^(?:(?P<name>Package|(?:Installed |Fixed |Fix )?Version|Severity|Type|Location|Data Namespace|Artifact|Message):"
    r"(?P<value>.*)|(?P<word>Vulnerability|Secret|License) (?P<rest>.*))$",
    re.MULTILINE,
)
_ARCHIVES = (".tar", ".tar.gz", ".tgz")
_GRYPE_IMAGE = re.compile(r"^(?P<image>.+)@(sha256:[0-9a-f]+)?:/")
_GRYPE_NAMED = (
    re.compile(r"reports (?P<name>\S+) at version (?P<version>\S+) "),
    re.compile(r"package: (?P<name>.+?), version (?P<version>\S+) was found"),
)
_SNYK_NAMED = re.compile(r"^(\((?P<ids>[^)]*)\) )?(?P<name>.+)@(?P<version>[^@]*)$")
_SNYK_FIX = re.compile(r"^Upgrade .*? to version `?(?P<version>[^\s`]+?)`? or higher", re.MULTILINE)
_SNYK_LEVEL = re.compile(r"^(critical|high|medium|low) severity", re.IGNORECASE)


def trivy(report: Report, run: Run, entries: Entries) -> None:
    """Trivy: everything stands in `message.text`, a line a field."""
    told = run.properties or {}
    tags, digests = _texts(told.get("repoTags")), _texts(told.get("repoDigests"))
    name = told.get("imageName")
    report.image = name if isinstance(name, str) else ""
    if tags and (not report.image or report.image.endswith(_ARCHIVES)):
        report.image = tags[0]
    image_id = told.get("imageID")
    report.digest = digests[0].rpartition("@")[2] if digests else image_id if isinstance(image_id, str) else ""
    stamp = told.get("scanTimestamp")
    report.scanned_at = report.scanned_at or when(stamp if isinstance(stamp, str) else None)
    uris = _image_uris(name if isinstance(name, str) else "", entries)
    said = [(result, rule, _fields(result.message.text)) for result, rule in entries]
    versions = [f.get(f"{which} Version", "") for r, _, f in said if r.uri in uris for which in ("Installed", "Fixed")]
    distro = guess.distribution(versions, report.image)
    if versions:
        report.targets = frozenset({"os"})
    for result, rule, fields in said:
        if result.message.text.startswith("Package:"):
            _trivy_package(report, result, rule, fields, distro if result.uri in uris else None)
        elif "Secret" in fields:
            rows.secret(report, result.rule_id, result.uri, level=fields.get("Severity", ""), line=result.line,
                        title=fields["Secret"])  # fmt: skip
        elif "License" in fields:
            report.entries += 1
            report.skip("licence")
        elif "Artifact" in fields:
            rows.misconfiguration(
                report, result.rule_id, file=result.uri, level=fields.get("Severity", ""),
                location=f"{result.uri}:{result.line}", title=fields.get("Message") or rule.short_description.text,
                url=rule.help_uri,
            )  # fmt: skip
        else:
            report.entries += 1
            report.skip("no package")


def _trivy_package(report: Report, result: Result, rule: Rule, fields: Mapping[str, str], distro: str | None) -> None:
    """`distro` is None for a package of a language."""
    name = fields["Package"]
    rows.vulnerability(
        report, result.rule_id,
        guess.language_package(result.uri, name) if distro is None else guess.os_package(distro, name),
        source_package="" if distro is None else name, installed=fields.get("Installed Version", ""),
        fixed=fields.get("Fixed Version", ""), level=fields.get("Severity", ""), cvss=_score(rule.properties),
        location=result.uri if distro is None else "", title=unescape(rule.short_description.text),
        url=rule.help_uri,
    )  # fmt: skip


def _image_uris(name: str, entries: Entries) -> frozenset[str]:
    """The locations that stand for the image itself: there OS packages lie.

    Trivy gives the repository without registry and tag, or the path of an archive. A rule is of the first package that
    has the CVE, so that its name alone does not tell.
    """
    if name:
        path = parse_image(name).asset.partition("/")[2]
        return frozenset({name, path, path.removeprefix("library/"), name.partition(":")[0]})
    return frozenset(
        r.uri for r, rule in entries if rule.name == "OsPackageVulnerability" and not guess.is_of_language(r.uri)
    )


def grype(report: Report, run: Run, entries: Entries) -> None:
    """Grype: one rule per vulnerability and package; its help text has a line a field, the message the version."""
    names = [name for result, _ in entries for name in result.names]
    report.image = next((m["image"] for name in names if (m := _GRYPE_IMAGE.match(name))), "")
    for result, rule in entries:
        fields = _fields(rule.help.text)
        found = next((m for mark in _GRYPE_NAMED if (m := mark.search(result.message.text))), None)
        name = fields.get("Package", "") or (found["name"] if found else "")
        installed = found["version"] if found else fields.get("Version", "")
        kind, space = fields.get("Type", ""), fields.get("Data Namespace", "")
        distro = space.split(":")[0] if ":distro:" in space else ""
        os_level = kind in rows.OS_TYPES
        purls = _texts((rule.properties or {}).get("purls"))
        package = package_of(purls[0] if len(purls) == 1 else "") or rows.built(kind, name, distro)
        rows.vulnerability(
            report, fields.get("Vulnerability", ""), package, source_package=name if os_level else "",
            installed=installed, fixed=", ".join(filter(None, re.split(r"[,\s]+", fields.get("Fix Version", "")))),
            level=fields.get("Severity", ""), level_source=space, cvss=_score(rule.properties),
            location="" if os_level else fields.get("Location", ""), title=rule.short_description.text,
        )  # fmt: skip


def snyk(report: Report, run: Run, entries: Entries) -> None:
    """Snyk: package and CVEs in the rule's description; the image in the run's id, its tag only in the location."""
    _, bar, rest = (run.automation_details.id if run.automation_details else "").partition("docker-image|")
    if bar:
        report.image = re.sub(r"/\d+/[^/]*$", "", rest)
        uris = {result.uri for result, _ in entries}
        tag = next((u.removeprefix(f"{report.image}_") for u in uris if u.startswith(f"{report.image}_")), "")
        report.image += f":{tag}" if tag else ""
    for result, rule in entries:
        found = _SNYK_NAMED.match(rule.full_description.text)
        tags = [t for t in _texts((rule.properties or {}).get("tags")) if t != "security" and not t.startswith("CWE-")]
        manager = tags[0] if tags else ""
        os_level = manager in (*rows.OS_TYPES, "linux")
        # The description is of the rule's first package; the location names the package of this result.
        place = next((n for n in result.names if "@" in n), "")
        said = found["name"] if found else place.rpartition("@")[0]
        name = said.rpartition("/")[2] if os_level else said
        installed = place.rpartition("@")[2] or (found["version"] if found else "")
        fix = _SNYK_FIX.search(rule.help.markdown)
        told = rule.short_description.text
        level = _SNYK_LEVEL.match(told)
        distro = _snyk_distro(rule, installed, report.image) if os_level else ""
        rows.vulnerability(
            report, rule.id, guess.os_package(distro, name) if os_level else rows.built(manager, name),
            others=re.split(r"[,\s]+", (found["ids"] if found else "") or ""),
            source_package=said.partition("/")[0] if os_level else "", installed=installed,
            fixed=fix["version"] if fix else "", level=level[1] if level else "", level_source="snyk",
            cvss=_score(rule.properties), location="" if os_level else result.uri,
            title=told.partition(" - ")[2] or told,
            url=f"https://security.snyk.io/vuln/{rule.id}",
        )  # fmt: skip


def _snyk_distro(rule: Rule, installed: str, image: str) -> str:
    """The distribution, as the id (`SNYK-DEBIAN11-…`) or the version tells it; `SNYK-LINUX` is Debian's old name."""
    found = re.match(r"SNYK-([A-Z]+)\d*-", rule.id)
    named = found[1].lower() if found else ""
    return guess.distribution([installed], image) or "debian" if named in ("linux", "upstream", "") else named


def dockle(report: Report, run: Run, entries: Entries) -> None:
    """Dockle: checks of an image by the CIS benchmark; it does not name the image."""
    for result, rule in entries:
        rows.misconfiguration(report, result.rule_id, level=result.level, title=rule.short_description.text,
                              url=rule.help.text)  # fmt: skip


def _fields(text: str) -> dict[str, str]:
    """`Package: apt` and `Vulnerability CVE-…` lines as fields; the first of a name counts."""
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(text):
        fields.setdefault(found["name"] or found["word"], (found["value"] or found["rest"] or "").strip())
    return fields


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def _score(properties: Mapping[str, Any] | None) -> float | None:
    """`security-severity`, which is a text or a number, or a word."""
    with suppress(TypeError, ValueError):
        return float((properties or {}).get("security-severity", "")) or None
    return None
