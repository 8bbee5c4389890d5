"""Every file of the corpus of real scans: what it is taken for, and what becomes of each raw entry in it.

`corpus_expected.csv` names it for each file of INDEX.tsv. Where the corpus changes, run this file as a program: it
writes the table anew, and every line that differs has to be explained.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import corpus_folder
from raw_entries import count

from triagebot import formats
from triagebot.errors import ReportError
from triagebot.formats import FORMATS, Report

TABLE = Path(__file__).with_name("corpus_expected.csv")
HEAD = ("path", "taken_for", "reports", "failed", "entries", "rows", "added", "left_out", "why_not")

FOLDERS = {
    "aws": {"aws"}, "clair": {"clair"}, "cyclonedx": {"cyclonedx"}, "grype": {"grype"}, "harbor": {"harbor"},
    "kubebench": {"kube-bench"}, "kubescape": {"kubescape"}, "osv": {"osv-scanner"}, "sarif": {"sarif"},
    "policyreport": {"policyreport", "kube-bench", "trivy-operator"}, "snyk": {"snyk", "sarif"},
    "trivy": {"trivy", "cyclonedx"}, "trivy_operator": {"trivy-operator", "trivy", "cyclonedx"}, "xray": {"xray"},
    "history": {"trivy", "grype", "sarif", "failed scan"}, "csaf": set(), "enrich": set(), "openvex": set(),
    "other": set(), "owners": set(),
}  # fmt: skip
"""What the files of a folder may be taken for; the last ones hold no report that triagebot reads."""


def table() -> list[dict[str, str]]:
    """The expectations, a line a file."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(path: Path, name: str) -> dict[str, str]:
    """What a file is taken for, as the table says it."""
    data = path.read_bytes()
    blank = {**dict.fromkeys(HEAD, ""), "path": name}
    if not formats.is_report_like(data, path.name):
        return {**blank, "taken_for": "ignored"}
    try:
        taken_for, reports = formats.read(data)
    except ReportError as error:
        why = error.cause[:110] if error.remedy else "refused without a remedy"
        return {**blank, "taken_for": "refused", "why_not": why}
    return {**blank, "taken_for": taken_for, **counted(list(reports))}


def counted(reports: list[Report]) -> dict[str, str]:
    """The accounting of a document's reports."""
    left: Counter[str] = Counter()
    for report in reports:
        left.update(report.left_out)
    numbers = {
        "reports": len(reports), "failed": sum(bool(r.error) for r in reports),
        "entries": sum(r.entries for r in reports), "rows": sum(len(r.rows) for r in reports),
        "added": sum(r.added for r in reports),
    }  # fmt: skip
    return {
        **{k: str(v) for k, v in numbers.items()},
        "left_out": "; ".join(f"{n} {k}" for k, n in sorted(left.items())),
    }


@pytest.mark.parametrize("expected", [pytest.param(line, id=line["path"]) for line in table()])
def test_each_file_is_taken_for_what_it_is_with_each_entry_accounted_for(
    corpus: Path, expected: dict[str, str]
) -> None:
    path = corpus / expected["path"]
    assert found(path, expected["path"]) == expected
    taken_for = expected["taken_for"]
    assert taken_for in FOLDERS[expected["path"].split("/")[0]] | {"refused", "ignored"}
    if taken_for in ("refused", "ignored"):
        return
    data = path.read_bytes()
    for report in formats.read(data)[1]:
        assert report.entries == len(report.rows) + sum(report.left_out.values()) - report.added
    assert int(expected["entries"]) == count(data, taken_for), "raw entries that were not seen"


def test_the_table_names_each_file_of_the_corpus(corpus: Path) -> None:
    with (corpus / "INDEX.tsv").open(newline="", encoding="utf-8") as file:
        index = {row["path"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert {line["path"] for line in table()} == set(index)
    for line in table():  # the index counts findings of its own for these
        if line["taken_for"] in ("trivy", "grype", "snyk", "sarif") and "compliance" not in line["path"]:
            assert line["entries"] == index[line["path"]]["findings"], line["path"]


def test_no_file_is_of_two_formats(corpus: Path) -> None:
    double = []
    for line in table():
        if line["taken_for"] in ("refused", "ignored") or " and " in line["taken_for"]:
            continue
        text = (corpus / line["path"]).read_bytes().strip()
        if text[:1] not in (b"{", b"["):
            continue
        taken = [f.NAME for f in FORMATS if taken_by(f, text)]
        if len(taken) > 1:
            double.append(f"{line['path']}: {taken}")
    assert double == []


def taken_by(format_: Any, text: bytes) -> bool:
    """Whether a format takes a document for its own."""
    try:
        return format_.read(text) is not None
    except (ReportError, ValueError):
        return False


def write() -> None:
    """Write the table anew."""
    corpus = corpus_folder()
    with (corpus / "INDEX.tsv").open(newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file, delimiter="\t")]
    held = io.StringIO()
    writer = csv.DictWriter(held, HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found(corpus / path, path) for path in paths)
    TABLE.write_text(held.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    write()
