"""PolicyReport and ClusterPolicyReport of Kyverno and others, and the reports that followed them.

Groups wgpolicyk8s.io, reports.x-k8s.io and openreports.io. A result names its resources, or the report its scope. A
rule that Kyverno wrote itself for the owners of pods (`autogen-…`) is the rule that it was made from, and a pod is what
owns it: both say one thing. The times in results tell when a result last changed, not when it was looked at, and are
not used.
https://github.com/kubernetes-sigs/wg-policy-prototypes, https://openreports.io, https://kyverno.io/docs/policy-reports/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from triagebot.formats import guess, rows
from triagebot.formats.interface import Report, decoded
from triagebot.identity import is_cve, workload

NAME = "policyreport"
HINT = re.compile(rb"wgpolicyk8s\.io|reports\.x-k8s\.io|openreports\.io|\"?(Cluster)?PolicyReport\b|\"scope\"")

_GROUPS = ("wgpolicyk8s.io/", "reports.x-k8s.io/", "openreports.io/")
_LEFT_OUT = {"pass": "passed", "skip": "skipped", "error": "error"}
_SCANNERS = ("trivy", "kube-bench", "kubescape", "falco")
_AUTOGEN = re.compile(r"^autogen-(cronjob-)?")
_MOVING = re.compile(r"[.;]? *(rule \S+ )?(\S+\[\d+\] )?failed at path .*$|[.;]? *rule \S+ failed.*$", re.IGNORECASE)


class Resource(Struct, rename="camel"):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Result(Struct):
    policy: str = ""
    rule: str = ""
    result: str = ""
    status: str = ""
    severity: str = ""
    message: str = ""
    description: str = ""
    category: str = ""
    source: str = ""
    resources: list[Resource] | None = None
    subjects: list[Resource] | None = None
    properties: dict[str, Any] | None = None

    @property
    def outcome(self) -> str:
        """`fail`, `warn`, `pass`, `skip` or `error`; the first version called it status. Untold: it failed."""
        return (self.result or self.status or "fail").lower()


class OwnerReference(Struct):
    kind: str = ""
    name: str = ""


class Metadata(Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    owner_references: list[OwnerReference] | None = None


class Document(Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    metadata: Metadata = Metadata()
    source: str = ""
    scope: Resource | None = None
    results: list[Result] | UnsetType | None = UNSET
    summary: dict[str, Any] | UnsetType | None = UNSET
    items: list[Document] | UnsetType | None = UNSET


SHAPE = Document | list[Document]
_OBJECT = msgspec.json.Decoder(Document)
_ARRAY = msgspec.json.Decoder(list[Document])


def read(data: bytes) -> Sequence[Report] | None:
    """A report per resource and engine."""
    found = _documents(data)
    if not found or not all(_is_ours(d) for d in found):
        return None
    reports: dict[tuple[str, str], Report] = {}
    failed: dict[tuple[str, str], Report] = {}
    for document in found:
        listed = document.results if isinstance(document.results, list) else []
        if not listed:
            _report(reports, _place(document, None), document.source)
        for result in listed:
            _fill(reports, failed, document, result)
    for report in reports.values():
        rows.fold_checks(report)
    return [*reports.values(), *failed.values()]


def _documents(data: bytes) -> list[Document]:
    if data.startswith(b"["):
        return decoded(_ARRAY, data) or []
    single = decoded(_OBJECT, data)
    if single is None:
        return []
    return single.items if isinstance(single.items, list) else [single]


def _is_ours(d: Document) -> bool:
    """A report of these groups; or, without its head, results that name a policy each."""
    if d.api_version:
        return d.api_version.startswith(_GROUPS) and d.kind.endswith("Report")
    return (
        isinstance(d.results, list) and bool(d.results) and all(r.policy and (r.result or r.status) for r in d.results)
    )


def _report(reports: dict[tuple[str, str], Report], image: str, source: str) -> Report:
    engine = re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")
    # What a scanner writes here is less than it writes itself: it is another look.
    scanner = f"{NAME}-{engine}" if engine in _SCANNERS else engine or NAME
    return reports.setdefault((image, scanner), Report(scanner, image=image))


def _fill(reports: dict[tuple[str, str], Report], failed: dict[tuple[str, str], Report], document: Document,
          result: Result) -> None:  # fmt: skip
    """One result of n resources is n rows."""
    places = list(dict.fromkeys(_places(document, result)))
    outcome = result.outcome
    source = result.source or document.source
    for at, place in enumerate(places):
        report = _report(reports, place, source)
        if outcome in _LEFT_OUT:
            report.entries += at == 0
            report.skip(_LEFT_OUT[outcome], int(at == 0))
        else:
            _row(report, result)
            report.entries -= at > 0
            report.added += at > 0
        if outcome == "error":
            # What could not be evaluated was not looked at: nothing that it showed before may read as fixed.
            told = f"{result.policy}: {result.message or 'could not be evaluated'}"
            _report(failed, place, source).error = told[:300]


def _row(report: Report, result: Result) -> None:
    told = {name.lower(): str(value) for name, value in (result.properties or {}).items()}
    advisory = told.get("vulnerabilityid") or (result.policy if is_cve(result.policy) else "")
    if advisory:
        name = told.get("pkgname") or result.category
        installed = told.get("installedversion", "")
        rows.vulnerability(
            report, advisory, guess.os_package(guess.distribution([installed]), name), source_package=name,
            installed=installed, fixed=told.get("fixedversion", ""), level=result.severity, level_source=report.scanner,
            title=result.message or result.policy, url=told.get("primaryurl", ""),
        )  # fmt: skip
        return
    rule = _AUTOGEN.sub("", result.rule)
    # A policy with blanks is a chapter of a benchmark, and its number names the check, as kube-bench does.
    number = f"CIS-{told['index']}" if told.get("index") and " " in result.policy else ""
    rows.misconfiguration(
        report, number or rule or result.policy, policy=number or result.policy,
        level=result.severity or told.get("severity", ""), level_source=report.scanner,
        title=_MOVING.sub("", _title(result)),
    )  # fmt: skip


def _title(result: Result) -> str:
    said = (result.message or result.description or result.category).strip().partition("\n")[0]
    return said.removeprefix("validation error: ")


def _places(document: Document, result: Result) -> Iterator[str]:
    listed: list[Resource | None] = [r for r in (result.resources or result.subjects or ()) if r.name]
    for resource in listed or [None]:
        yield _place(document, resource)


def _place(document: Document, resource: Resource | None) -> str:
    """The resource of a result, else the report's scope, else what owns the report, else the report itself."""
    metadata = document.metadata
    found = resource or document.scope
    owner = next(iter(metadata.owner_references or ()), None)
    if (found is None or not found.name) and owner is not None and owner.kind != "ContainerImageScan":
        found = Resource(owner.kind, owner.name)
    if found is None or not found.name:
        found = Resource(document.kind or "PolicyReport", metadata.name or "unnamed")
    namespace = "" if found.kind in _CLUSTER_WIDE else found.namespace or metadata.namespace
    return workload(found.kind, found.name, namespace or (found.name if found.kind == "Namespace" else ""))


_CLUSTER_WIDE = (
    "Node",
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "PersistentVolume",
    "CustomResourceDefinition",
)
