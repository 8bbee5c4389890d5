"""kube-bench JSON: the CIS Kubernetes Benchmark, checked on a node.

The whole (`Controls`) or the list of it that older releases print. A report does not say which node it is of: all
nodes of a type are one asset, `k8s://cluster/_/Node/<type>`. https://github.com/aquasecurity/kube-bench/blob/main/docs/running.md
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from triagebot.formats import rows
from triagebot.formats.interface import Report, decoded
from triagebot.identity import workload

NAME = "kube-bench"
HINT = re.compile(rb'"?(Controls|node_type|test_number|test_desc)"?:')

_LEFT_OUT = {"PASS": "passed", "WARN": "to be checked by hand", "INFO": "information"}


class Check(Struct):
    test_number: str
    status: str
    test_desc: str = ""
    scored: bool = True


class Section(Struct):
    results: list[Check] | None = None


class Control(Struct):
    node_type: str
    tests: list[Section] | None
    id: str = ""
    version: str = ""


class Document(Struct):
    controls: list[Control] = msgspec.field(name="Controls")


SHAPE = Document | list[Control]
_OBJECT = msgspec.json.Decoder(Document)
_ARRAY = msgspec.json.Decoder(list[Control])


def read(data: bytes) -> Sequence[Report] | None:
    """A report per type of node."""
    if data.startswith(b"["):
        controls = decoded(_ARRAY, data)
    else:
        single = decoded(_OBJECT, data)
        controls = single.controls if single else None
    if not controls:
        return None
    reports: dict[str, Report] = {}
    for control in controls:
        image = workload("Node", control.node_type)
        report = reports.setdefault(image, Report(NAME, image=image))
        for section in control.tests or ():
            for check in section.results or ():
                _fill(report, check, control.version)
    for report in reports.values():
        rows.fold_checks(report)
    return list(reports.values())


def _fill(report: Report, check: Check, version: str) -> None:
    """The benchmark rates nothing. What it counts (scored) is medium here, the rest low."""
    if check.status.upper() != "FAIL":
        report.entries += 1
        report.skip(_LEFT_OUT.get(check.status.upper(), "no status"))
        return
    number = check.test_number.strip()
    rows.misconfiguration(
        report, f"CIS-{number}" if number else "", level="medium" if check.scored else "low",
        level_source=f"cis {version}".strip(), title=check.test_desc,
    )  # fmt: skip
