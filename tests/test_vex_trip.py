"""There and back: what we write as VEX is about the same findings when it is read again, whatever they are called."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import expected
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from openvex_schema import OPENVEX

from triagebot import openvex, vexjoin, vexwrite
from triagebot.formats import FORMATS
from triagebot.identity import DISTRO_PURL, LANGUAGE_PURL, build_package, package_of, parse_image
from triagebot.model import ALIASES, FINDING, SHOWN, empty
from triagebot.statements import Statement
from triagebot.vexwrite import Decision

NOW = datetime(2026, 8, 3, 6, tzinfo=UTC)
OURS = Decision("affected", "Agreed.", "triagebot: excused until 2026-09-01; accepted-risk, approved by alice")
BLANK = {name: "" for name, type_ in SHOWN.items() if type_ == pl.String}
Place = tuple[str, str, str, str, str, str]
"""Asset, tag, digest, package, installed version, vulnerability."""


def shown(places: Iterable[Place]) -> pl.DataFrame:
    names = ("asset", "tag", "digest", "package", "installed_version", "vulnerability")
    return pl.DataFrame([{**BLANK, **dict(zip(names, p, strict=True))} for p in places], schema=SHOWN)


def written(table: pl.DataFrame, decided: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    asked = dict.fromkeys(decided, OURS)
    return vexwrite.document(asked, table, empty(ALIASES), NOW, "A", "t")


def read(document: dict[str, Any]) -> tuple[Statement, ...]:
    told = openvex.read("v.json", document, json.dumps(document))
    assert not told.unmatched
    return told.statements


def excused(table: pl.DataFrame, statements: Iterable[Statement], now: datetime = NOW) -> set[tuple[str, ...]]:
    findings = table.select(FINDING).unique(maintain_order=True)
    told = vexjoin.judged(findings, table, list(statements), empty(ALIASES), now)
    return set(findings.filter(told["stated"].is_not_null()).iter_rows())


def comes_back(places: list[Place]) -> None:
    """Every second finding is decided: these come back, and no other."""
    table = shown(places)
    every = sorted(set(table.select(FINDING).iter_rows()))
    for decided in (every[::2], every[1::2]):
        if decided:
            document = written(table, decided)
            Draft202012Validator(OPENVEX, format_checker=FormatChecker()).validate(document)
            assert excused(table, read(document)) == set(decided)


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.NAME)
def test_every_asset_and_package_of_every_format_comes_back(format_: Any) -> None:
    places = []
    table = (expected.folder(format_) / "expected.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(io.StringIO(table)):
        image = parse_image(row["image"])
        if row["kind"] == "vulnerability":
            told = image.asset, image.tag, image.digest, row["package"], row["installed_version"], row["vulnerability"]
            places.append(told)
    if places:
        comes_back(places)


ASSETS = st.one_of(
    st.text(max_size=20).map(lambda t: parse_image(t).asset),
    st.sampled_from([
        "arn:aws:lambda:us-west-2:123456789012:function:web", "arn:aws:ec2:us-east-1:1:i-1", "docker.io/library/nginx",
        "registry:5000/a/b", "registry.example/A/b", "nginx", "registry.example/", "k8s://c/n/Deployment/web",
        "file:///srv/a b.tar", "file://ü%20x", "pkg:x", "a b",
    ]),
)  # fmt: skip
PACKAGES = st.one_of(
    st.builds(
        build_package,
        st.sampled_from(["", "unknown", *sorted(DISTRO_PURL), *sorted(LANGUAGE_PURL)]),
        st.text(min_size=1, max_size=20),
    ),
    st.text(max_size=20).map(lambda t: package_of(f"pkg:generic/{t}")).filter(bool),
    st.sampled_from(["pkg:generic/libstdc++6", "pkg:generic/libstdc%2B%2B6", "pkg:deb/debian/g%2B%2B", "pkg:oci/a",
                     "pkg:docker/a/b", "pkg:npm/%40angular/core", "pkg:generic/@a/b", "pkg:generic//"]),
)  # fmt: skip
VERSIONS = st.one_of(st.text(max_size=10), st.sampled_from(["", "1.0", "1:2.0-1+b1", "v1.0", "0:1", "1.0@x", "a b"]))
DIGESTS = st.sampled_from(["", "sha256:" + 64 * "a", "SHA256:" + 64 * "A", "odd"])


@given(
    st.lists(
        st.tuples(ASSETS, st.sampled_from(["", "1.0", "a b"]), DIGESTS, PACKAGES, VERSIONS, st.just("CVE-2026-0001")),
        min_size=1,
        max_size=2,
    )
)
@settings(max_examples=60)
@example([("arn:aws:ec2:us-east-1:1:i-1", "", "", "pkg:generic/libstdc++6", "8.3.0-6", "CVE-2026-0001")])
def test_whatever_a_finding_is_called_it_comes_back(places: list[Place]) -> None:
    table = shown(places)
    decided = set(table.select(FINDING).iter_rows())
    document = written(table, decided)
    Draft202012Validator(OPENVEX, format_checker=FormatChecker()).validate(document)
    assert excused(table, read(document)) == decided


def test_a_supplier_s_word_of_a_plus_meets_a_package_without_purl() -> None:
    """A report that tells no purl names `libstdc++6`; a document of others spells it as purls are spelt."""
    table = shown([("docker.io/library/a", "1", "", "pkg:generic/libstdc++6", "8.3", "CVE-2026-0001")])
    theirs = {
        "@context": openvex.CONTEXT,
        "statements": [
            {
                "vulnerability": {"name": "CVE-2026-0001"},
                "products": [{"@id": "pkg:generic/libstdc%2B%2B6@8.3"}],
                "status": "fixed",
            }
        ],
    }
    assert len(excused(table, read(theirs))) == 1


THEIRS = {
    "@context": openvex.CONTEXT, "author": "Supplier", "timestamp": "2026-08-02T00:00:00Z", "statements": [
        {"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": "pkg:apk/alpine/zlib"}],
         "status": "under_investigation"}],
}  # fmt: skip
ZLIB: Place = ("registry.example/a", "1", "", "pkg:apk/alpine/zlib", "1", "CVE-2026-0001")


@pytest.mark.parametrize("status", ["under_investigation", "affected"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_decision_of_ours_holds_against_what_a_supplier_says_later(status: str, is_first: bool) -> None:
    """As it does in the exception file and on a ticket: it is fed back to excuse the same."""
    table = shown([ZLIB])
    ours = written(table, table.select(FINDING).iter_rows())
    ours["timestamp"] = "2026-07-01T00:00:00Z"
    theirs = json.loads(json.dumps(THEIRS).replace("under_investigation", status))
    told = [read(ours), read(theirs)][:: 1 if is_first else -1]
    both = [s for statements in told for s in statements]
    assert len(excused(table, both)) == 1
    assert excused(table, both, NOW + timedelta(days=29)) == set()  # 2026-09-01: it has ended


def test_one_of_ours_that_has_ended_stands_in_nobody_s_way() -> None:
    """The supplier's word counts then, as it does once an exception of the file has ended."""
    table = shown([ZLIB])
    ours = written(table, table.select(FINDING).iter_rows())
    theirs = json.loads(json.dumps(THEIRS).replace("under_investigation", "not_affected"))
    theirs["timestamp"] = "2026-07-01T00:00:00Z"
    later = NOW + timedelta(days=40)
    assert len(excused(table, [*read(theirs), *read(ours)], later)) == 1
