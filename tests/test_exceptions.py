"""Exceptions through whole runs: what each field matches, the day on which one ends, and what is said of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import Place
from reports import trivy, vulnerability, write

from triagebot import app, config
from triagebot.document import Told
from triagebot.excuses import covers, link, said
from triagebot.explain import explained
from triagebot.files import Exemption
from triagebot.look import Options
from triagebot.page import written
from triagebot.reasons import failed
from triagebot.render import markdown_text
from triagebot.rules import Judge
from triagebot.vexwrite import Decision

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
DAY = timedelta(days=1)
TEAMS = """teams: {one: {name: One}, two: {name: Two}}
unowned: one
images: [{match: "*/b", team: two}]
"""
EVERYTHING = {("a", "zlib"), ("a", "libssl3"), ("b", "zlib"), ("b", "libssl3")}


def report(image: str) -> dict[str, Any]:
    """zlib (critical, also called GHSA-aaaa-bbbb-cccc) and libssl3 (high, of openssl) in one image."""
    entries = [
        {**vulnerability("CVE-2026-0001", "zlib", severity="CRITICAL"), "VendorIDs": []},
        vulnerability("CVE-2026-0002", "libssl3"),
    ]
    made = trivy(f"registry.example/x/{image}:1", entries)
    made["Results"][0]["Packages"] = [{"Name": "zlib", "SrcName": "zlib"}, {"Name": "libssl3", "SrcName": "openssl"}]
    return made


def alias(image: str) -> dict[str, Any]:
    """A Grype report of the same image, which tells the alias."""
    matches = [{
        "vulnerability": {"id": "GHSA-aaaa-bbbb-cccc", "severity": "Critical", "fix": {"versions": ["1.0-r1"],
                                                                                       "state": "fixed"}},
        "relatedVulnerabilities": [{"id": "CVE-2026-0001", "severity": "Critical"}],
        "artifact": {"name": "zlib", "version": "1.0-r0", "type": "apk", "purl": "pkg:apk/alpine/zlib@1.0-r0"},
    }]  # fmt: skip
    target = {"userInput": f"registry.example/x/{image}:1", "repoDigests": [], "tags": []}
    return {
        "matches": matches, "source": {"type": "image", "target": target}, "descriptor": {"name": "grype"},
        "distro": {"name": "alpine"},
    }  # fmt: skip


class Case:
    """A place with exceptions, and one scan of two images."""

    def __init__(self, folder: Path, *exceptions: str) -> None:
        self.place = Place.create(folder / "place", "rules: [e.yaml]\nteams: t.yaml\n")
        (self.place.folder / "t.yaml").write_text(TEAMS)
        (self.place.folder / "e.yaml").write_text("exceptions:\n" + "".join(f"  - {{{e}}}\n" for e in exceptions))
        self.scan = write(folder / "s", a=report("a"), b=report("b"), c=alias("a"))

    def run(self, day: int = 0) -> Told:
        return self.place.run(self.scan, NOW, later=day * DAY)

    def excepted(self, day: int = 0) -> set[tuple[str, str]]:
        view = app.standing(config.load(self.place.folder / "triagebot.yaml"), Options(now=NOW + day * DAY))
        rows = view.judged.filter(view.judged["excused"].is_not_null()).select("asset", "package").iter_rows()
        return {(asset.rpartition("/")[2], package.rpartition("/")[2]) for asset, package in rows}


SAID = "kind: accepted-risk, reason: Agreed, approved_by: alice, expires: 2026-06-01"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("asset: '*/a'", {("a", "zlib"), ("a", "libssl3")}),
        ("asset: registry.example/x/a", {("a", "zlib"), ("a", "libssl3")}),
        ("asset: a", set()),
        ("package: 'pkg:apk/alpine/zlib'", {("a", "zlib"), ("b", "zlib")}),
        ("package: 'pkg:apk/*'", EVERYTHING),
        ("package: zlib", {("a", "zlib"), ("b", "zlib")}),
        ("package: openssl", {("a", "libssl3"), ("b", "libssl3")}),
        ("package: lib", set()),
        ("package: 'lib*'", {("a", "libssl3"), ("b", "libssl3")}),
        ("package: 'open*'", {("a", "libssl3"), ("b", "libssl3")}),
        ("package: '?lib'", {("a", "zlib"), ("b", "zlib")}),
        ("source_package: openssl", {("a", "libssl3"), ("b", "libssl3")}),
        ("source_package: libssl3", set()),
        ("vulnerability: CVE-2026-0001", {("a", "zlib"), ("b", "zlib")}),
        ("vulnerability: GHSA-aaaa-bbbb-cccc", {("a", "zlib"), ("b", "zlib")}),
        ("vulnerability: 'GHSA-*'", {("a", "zlib"), ("b", "zlib")}),
        ("vulnerability: 'CVE-2026-000?'", EVERYTHING),
        ("asset: '*/a', vulnerability: GHSA-aaaa-bbbb-cccc", {("a", "zlib")}),
        ("package: 'pkg:*', team: two", {("b", "zlib"), ("b", "libssl3")}),
        ("package: 'pkg:*', team: 'o*'", {("a", "zlib"), ("a", "libssl3")}),
        ("package: 'pkg:*', severity: high", {("a", "libssl3"), ("b", "libssl3")}),
        ("package: 'pkg:*', severity: [high, critical]", EVERYTHING),
        ("asset: '*/b', package: zlib, severity: high", set()),
        ("team: two", {("b", "zlib"), ("b", "libssl3")}),
        ("severity: high", {("a", "libssl3"), ("b", "libssl3")}),
        ("team: one, severity: [high, low]", {("a", "libssl3")}),
    ],
)
def test_all_that_is_named_must_match(tmp_path: Path, named: str, expected: set[tuple[str, str]]) -> None:
    case = Case(tmp_path, f"{named}, {SAID}")
    told = case.run().document
    assert case.excepted() == expected
    assert told["findings"]["excepted"] == len(expected)
    assert told["findings"]["open"] == 4 - len(expected)
    assert sum(row["excepted"] for row in told["totals"].values()) == len(expected)


LOG4J, ANGULAR = "pkg:maven/org.apache.logging.log4j/log4j-core", "pkg:npm/%40angular/core"
KEY = "secret:/etc/core"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("org.apache.logging.log4j:log4j-core", {LOG4J}), ("log4j-core", {LOG4J}), ("log4j-*", {LOG4J}),
        ("*log4j*", {LOG4J}), ("org.apache.*", {LOG4J}), ("log4j", set()), ("LOG4J-CORE", set()),
        ("pkg:maven/org.apache.logging.log4j/log4j-core", {LOG4J}), ("{log4j-core,other}", {LOG4J}),
        ("@angular/core", {ANGULAR}), ("@angular/*", {ANGULAR}), ("core", {ANGULAR, KEY}),
        ("pkg:npm/@angular/core", {ANGULAR}),
        ("pkg:npm/%40angular/*", {ANGULAR}), ("*", {LOG4J, ANGULAR, KEY}),
        ("/etc/core", {KEY}),
        ("/etc/*", set()), ("secret:/etc/*", {KEY}),
    ],
)  # fmt: skip
def test_a_package_is_called_as_tickets_print_it(pattern: str, expected: set[str]) -> None:
    """In exceptions and in rules alike. A glob is about names of packages: no secret slips in by one."""
    packages = [LOG4J, ANGULAR, KEY]
    judge = Judge(pl.DataFrame({"package": packages, "source_package": ["", "", ""]}), {})
    assert set(pl.Series(packages).filter(judge.holds({"package": pattern}))) == expected
    rows = [{"package": package, "kind": "vulnerability"} for package in packages]
    assert {row["package"] for row in rows if not failed({"package": pattern}, row, {})} == expected
    if pattern != "*":
        exemption = Exemption(package=pattern, kind="not-affected", reason="x", approved_by="a")
        assert set(pl.Series(packages).filter(covers(exemption, judge))) == expected


def test_an_excepted_finding_leaves_what_is_to_be_done(tmp_path: Path) -> None:
    case = Case(tmp_path, f"package: zlib, {SAID}")
    case.run()
    text = next(t for name, t in case.place.ticket_bytes().items() if "-a-" in name).decode()
    done, _, excused = text.partition("### Excused")
    assert "CVE-2026-0001" not in done
    assert "CVE-2026-0002" in done
    assert "[P2]" in done
    assert "- CVE-2026-0001 in `zlib`: accepted risk until 2026-06-01: Agreed, approved by alice" in excused


def test_the_last_exception_closes_and_its_end_opens_again_on_that_day(tmp_path: Path) -> None:
    case = Case(tmp_path, f"asset: '*/b', {SAID}")
    assert case.run().document["plan"]["create"] == 1
    for day in (1, 28):  # 2026-05-31
        assert case.run(day).document["plan"]["create"] == 0
    told = case.run(29).document  # 2026-06-01: the day that `expires` names
    assert [(a["kind"], a["key"]) for a in told["actions"] if a["kind"] == "create"] == [
        ("create", "image:registry.example/x/b")
    ]
    assert told["findings"]["excepted"] == 0


def test_what_is_excepted_later_closes_as_decided_naming_it(tmp_path: Path) -> None:
    case = Case(tmp_path, f"asset: '*/b', {SAID}")
    whole = (case.place.folder / "e.yaml").read_text()
    (case.place.folder / "e.yaml").write_text("exceptions: []\n")
    case.run()
    (case.place.folder / "e.yaml").write_text(whole)
    told = case.run(1).document
    [closing] = [a for a in told["actions"] if a["kind"] == "close"]
    assert (closing["cause"], closing["key"]) == ("decided", "image:registry.example/x/b")
    text = next(t for name, t in case.place.ticket_bytes().items() if "-b-" in name).decode()
    assert "accepted risk until 2026-06-01: Agreed, approved by alice" in text.partition("## Comments")[2]


def test_what_is_tracked_elsewhere_names_the_ticket(tmp_path: Path) -> None:
    told = "kind: tracked-elsewhere, reason: With the base image, approved_by: bob, expires: 2026-06-01"
    case = Case(tmp_path, f"package: zlib, {told}, url: 'https://tracker.example/BASE-7'")
    case.run()
    text = next(t for name, t in case.place.ticket_bytes().items() if "-a-" in name).decode()
    assert "With the base image, approved by bob (https://tracker.example/BASE-7)\n" in text


@pytest.mark.parametrize("url", ["BASE-7", "https://tracker.example/a#c", "see <b>@bob</b>"])
def test_a_ticket_elsewhere_that_is_no_address_is_named_as_text(tmp_path: Path, url: str) -> None:
    """A Jira key is what people have. Each markup prints what excuses as data."""
    told = "kind: tracked-elsewhere, reason: With the base image, approved_by: bob, expires: 2026-06-01"
    case = Case(tmp_path, f"package: zlib, {told}, url: '{url}'")
    case.run()
    text = next(t for name, t in case.place.ticket_bytes().items() if "-a-" in name).decode()
    assert f"With the base image ({markdown_text(url)}), approved by bob\n" in text
    [exception] = config.load(case.place.folder / "triagebot.yaml").exemptions
    assert (link(exception), said(exception)) == ("", said(exception, with_link=False))
    assert Decision.of_exception(exception).why == f"With the base image. Tracked in {url}"


@pytest.mark.parametrize(
    ("day", "state"), [(14, ""), (15, "ending"), (28, "ending"), (29, "ended"), (60, "ended")],
)  # fmt: skip
def test_an_end_is_announced_fourteen_days_ahead(tmp_path: Path, day: int, state: str) -> None:
    case = Case(tmp_path, f"package: zlib, {SAID}")
    case.run()
    told = case.run(day)
    name = "accepted-risk of package zlib"
    wanted = {
        "": [],
        "ending": [(name, "ending", 2, 2, "2026-06-01", 2, 2)],
        "ended": [(name, "ended", 2, 2, "2026-06-01", 0, 0)],
    }[state]
    assert [tuple(n.values()) for n in told.document["exceptions"]] == wanted
    announced = (
        "exception accepted risk of package zlib ends on 2026-06-01: 2 findings, 2 of them critical or high, "
        "will need action"
    )
    assert (announced in told.document["warnings"]) == (state == "ending")
    assert (f"- {announced}" in told.summary) == (state == "ending")
    assert ("ended on 2026-06-01: it excuses nothing any more (2 findings" in told.summary) == (state == "ended")


OTHERS = {
    "another exception": "vulnerability: CVE-2026-0001, asset: '*/a', kind: not-affected, reason: x, approved_by: y",
    "one that ends later": "vulnerability: CVE-2026-0001, asset: '*/a', kind: accepted-risk, reason: x, "
    "approved_by: y, expires: 2026-06-02",
}


@pytest.mark.parametrize("other", [*OTHERS.values(), "VEX", "a person"])
def test_only_what_comes_back_is_announced(tmp_path: Path, other: str) -> None:
    """Three findings are matched. Rules make no ticket of one; something else excuses another on that day, too."""
    named = [other] if other in OTHERS.values() else []
    case = Case(tmp_path, f"package: zlib, {SAID}", *named)
    settings = case.place.folder / "triagebot.yaml"
    write(case.scan, d=trivy("registry.example/x/d:1", [vulnerability("CVE-2026-0007", "zlib", severity="LOW")]))
    if other == "VEX":
        statement = {"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": "registry.example/x/a"}],
                     "status": "not_affected", "justification": "component_not_present"}  # fmt: skip
        document = {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a", "version": 1,
                    "timestamp": "2026-05-01T00:00:00Z", "statements": [statement]}  # fmt: skip
        (case.place.folder / "v.json").write_text(json.dumps(document))
        settings.write_text(f"{settings.read_text()}vex: [v.json]\n")
    elif other == "a person":
        exceptions = case.place.folder / "e.yaml"
        text = exceptions.read_text()
        exceptions.write_text("exceptions: []\n")
        case.run()
        [ticket] = (case.place.folder / "tickets").glob("*-a-*.md")
        closing = "state: closed\nclosed_as: not-planned\nclosed: 2026-05-04T00:00:00Z"
        ticket.write_text(ticket.read_text().replace("state: open", closing))
        exceptions.write_text(text)
    told = case.run(20).document
    [ending] = [n for n in told["exceptions"] if n["exception"] == "accepted-risk of package zlib"]
    assert (ending["findings"], ending["to_do"], ending["to_do_serious"]) == (3, 1, 1)
    assert any(
        "2026-06-01: 1 of 3 findings will need action, 1 of them critical or high" in w for w in told["warnings"]
    )


def test_one_that_matches_nothing_is_reported(tmp_path: Path) -> None:
    case = Case(tmp_path, f"package: zlib, {SAID}", f"asset: '*/nowhere', {SAID}")
    told = case.run()
    assert [(n["exception"], n["state"]) for n in told.document["exceptions"]] == [
        ("accepted-risk of */nowhere", "unused")
    ]
    assert "excuses nothing: no finding matches it" in told.summary


def test_one_that_is_meant_for_one_stream_is_used_there(tmp_path: Path) -> None:
    """The summary tells of all streams: unused is what no stream uses, and that is told once."""
    case = Case(tmp_path, f"asset: '*/a', {SAID}", f"asset: '*/b', {SAID}", f"asset: '*/nowhere', {SAID}")
    place = case.place
    place.run(write(tmp_path / "one", a=report("a")), NOW)
    said = place.run(write(tmp_path / "two", b=report("b")), NOW, stream="rel").summary
    assert said.count("excuses nothing") == 1
    assert "- main, rel: exception accepted risk of \\*/nowhere excuses nothing: no finding matches it\n" in said
    options = Options(now=NOW, stream="rel")
    settings = config.load(place.folder / "triagebot.yaml")
    text = written(settings, options, app.standing(settings, options)).text
    assert text.count("excuses nothing in this stream: no finding matches it") == 2


def test_images_on_the_exception_list_are_counted(tmp_path: Path) -> None:
    """The sentence that people behind this wrote by hand: 17 of 20 images are on the exception list."""
    case = Case(tmp_path, f"asset: '*/b', {SAID}", f"asset: '*/a', package: zlib, {SAID}")
    assert "1 of 2 images with critical or high is on the exception list" in case.run().summary


def test_what_a_supplier_excuses_alone_is_on_no_exception_list(tmp_path: Path) -> None:
    """Of an image that needs nothing done, an exception must be part of the reason."""
    case = Case(tmp_path, f"asset: '*/a', package: zlib, {SAID}")
    settings = case.place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "vex: [v.json]\n")

    def harmless(*packages: str) -> str:
        case.place.folder.joinpath("v.json").write_text(json.dumps({
            "@context": "https://openvex.dev/ns/v0.2.0", "statements": [
                {"vulnerability": {"name": cve}, "status": "not_affected", "products": [{"@id": package}]}
                for cve, package in zip(("CVE-2026-0001", "CVE-2026-0002"), packages, strict=False)
            ]}))  # fmt: skip
        return case.run().summary

    assert "on the exception list" not in harmless("pkg:apk/alpine/zlib")
    said = harmless("pkg:apk/alpine/zlib", "pkg:apk/alpine/libssl3")  # nothing is left to do in either image
    assert "1 of 2 images with critical or high is on the exception list" in said


def test_explain_tells_the_rule_the_conditions_that_failed_and_the_excuse(tmp_path: Path) -> None:
    case = Case(tmp_path, f"asset: '*/b', package: zlib, {SAID}")
    case.run()
    settings = config.load(case.place.folder / "triagebot.yaml")
    options = Options(now=NOW)
    told = explained(settings, options, app.standing(settings, options), "CVE-2026-0002").splitlines()
    at = next(i for i, line in enumerate(told) if "  rule high-fixable: ticket, P2" in line)
    assert told[at : at + 3] == [
        "  rule high-fixable: ticket, P2: High, and an upgrade fixes it.",
        "    before it, known-exploited: kev is false, not true",
        "    before it, critical-fixable: severity is 'high', not 'critical'",
    ]
    excused = explained(settings, options, app.standing(settings, options), "GHSA-aaaa-bbbb-cccc")
    assert "; excused: accepted risk until 2026-06-01: Agreed, approved by alice" in excused
