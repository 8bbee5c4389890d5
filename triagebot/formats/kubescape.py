"""Kubescape JSON (format version 2): controls that each resource passes or fails.

https://github.com/kubescape/opa-utils/blob/master/reporthandling/v2/datastructures.go
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from triagebot.formats import rows
from triagebot.formats.interface import Report, decoded, when
from triagebot.identity import workload

NAME = "kubescape"
HINT = re.compile(rb'"(summaryDetails|controlID|clusterAPIServerInfo|resourceID)"')

_SEVERITY = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (1.0, "low"))
"""By a control's score factor: https://github.com/kubescape/opa-utils (`reporthandling/apis/severity.go`)."""


class Status(Struct):
    status: str = ""


class RuleResult(Struct):
    status: str = ""


class Control(Struct):
    control_id: str = msgspec.field(name="controlID", default="")
    name: str = ""
    status: Status | None = None
    rules: list[RuleResult] | None = None

    @property
    def outcome(self) -> str:
        """`failed`, `passed` or `skipped`; older releases tell it by rule only."""
        if self.status and self.status.status:
            return self.status.status
        told = [rule.status for rule in self.rules or ()]
        return "failed" if "failed" in told else next(iter(told), "skipped")


class Result(Struct):
    resource_id: str = msgspec.field(name="resourceID")
    controls: list[Control] | None = None


class Metadata(Struct):
    name: str = ""
    namespace: str = ""


class Thing(Struct, rename="camel"):
    """A Kubernetes object; subjects of RBAC have their name beside the kind."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    source_path: str = ""
    metadata: Metadata | None = None


class Resource(Struct):
    resource_id: str = msgspec.field(name="resourceID", default="")
    object: Thing | None = None


class Counted(Struct, rename="camel"):
    score_factor: float = 0.0


class Summary(Struct):
    controls: dict[str, Counted] | None = None


class Scan(Struct, rename="camel"):
    kubescape_version: str = ""


class Cluster(Struct, rename="camel"):
    context_name: str = ""


class Context(Struct, rename="camel"):
    cluster_context_metadata: Cluster | None = None


class About(Struct, rename="camel"):
    scan_metadata: Scan | None = None
    target_metadata: Context | None = None
    context_metadata: Context | None = None


class Document(Struct, rename="camel"):
    summary_details: Summary
    results: list[Result] | None
    resources: list[Resource] | None = None
    generation_time: str | None = None
    cluster_name: str = ""
    metadata: About | None = None


SHAPE = Document
_DOCUMENT = msgspec.json.Decoder(Document)


def read(data: bytes) -> Sequence[Report] | None:
    """A report per resource."""
    found = decoded(_DOCUMENT, data)
    if found is None:
        return None
    things = {r.resource_id: r.object for r in found.resources or () if r.object}
    counted = found.summary_details.controls or {}
    cluster = found.cluster_name or _context(found.metadata)
    version = found.metadata.scan_metadata.kubescape_version if found.metadata and found.metadata.scan_metadata else ""
    reports: dict[str, Report] = {}
    for result in found.results or ():
        thing = things.get(result.resource_id) or _from_id(result.resource_id)
        image = _place(thing, cluster)
        report = reports.setdefault(image, Report(NAME, image=image, scanner_version=version.removeprefix("v")))
        report.scanned_at = when(found.generation_time)
        for control in result.controls or ():
            _fill(report, control, counted.get(control.control_id, Counted()), thing.source_path)
    for report in reports.values():
        rows.fold_checks(report)
    return list(reports.values()) or [Report(NAME, image=workload("Cluster", "cluster", cluster=cluster))]


def _context(about: About | None) -> str:
    for context in (about.context_metadata, about.target_metadata) if about else ():
        if context and context.cluster_context_metadata:
            return context.cluster_context_metadata.context_name
    return ""


def _fill(report: Report, control: Control, counted: Counted, path: str) -> None:
    if control.outcome != "failed":
        report.entries += 1
        report.skip(control.outcome)
        return
    level = next((word for bound, word in _SEVERITY if counted.score_factor >= bound), "")
    rows.misconfiguration(
        report, control.control_id, level=level, level_source=NAME, location=path, title=control.name,
        url=f"https://kubescape.io/docs/controls/{control.control_id.lower()}/" if control.control_id else "",
    )  # fmt: skip


def _place(thing: Thing, cluster: str) -> str:
    metadata = thing.metadata or Metadata()
    return workload(thing.kind, metadata.name or thing.name, metadata.namespace or thing.namespace, cluster)


def _from_id(text: str) -> Thing:
    """`path=123/api=apps/v1/namespace/Deployment/web` or `apps/v1/namespace/Deployment/web`."""
    parts = text.split("/")
    namespace, kind, name = parts[-3:] if len(parts) >= 3 else ("", "", text)
    return Thing(kind=kind, name=name, namespace=namespace)
