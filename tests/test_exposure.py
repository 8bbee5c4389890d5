"""Where a vulnerability or a package is: every answer against the oracle, and the questions that people ask."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from conftest import Place
from oracle import Oracle, failure_document
from reports import trivy, vulnerability, write
from typer.testing import CliRunner
from walks import SCANS, walk

from triagebot import app, asked, config
from triagebot.cli import app as command
from triagebot.errors import InputError, TrackerError
from triagebot.exposure import Answer
from triagebot.history import History
from triagebot.look import Options
from triagebot.trackers import Known, Listing
from triagebot.trackers.local import LocalTracker
from triagebot.wanted import question

DAY = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)
LOG4SHELL, GHSA = "CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q"


def answered(place: Place, now: datetime, *ids: str, package: str = "", stream: str = "") -> Answer:
    settings = config.load(place.folder / "triagebot.yaml")
    return asked.exposure(settings, Options(now=now), question(ids, package), stream).answer


# -- against the oracle --------------------------------------------------------------------------------------


def faults(told: Answer, oracle: Oracle, wanted: set[str]) -> list[str]:
    """Where an answer about these vulnerabilities is not what the oracle says."""
    hits = {
        (h.asset, h.tag, h.package, h.vulnerability): (
            h.severity, h.fixable, set(h.installed), set(h.fixed),
            f"{h.first_seen:%Y-%m-%d}", f"{h.last_seen:%Y-%m-%d}", h.verified,
        )
        for h in told.hits
    }  # fmt: skip
    expected = {
        key: (p.severity, p.fixable, p.installed, p.fixed, p.first, p.last, p.verified)
        for key, p in oracle.places().items()
        if key[3] in wanted
    }
    past = {(p.asset, p.package, p.vulnerability): (p.how, f"{p.at:%Y-%m-%d}") for p in told.past}
    gone = {finding: how for finding, how in oracle.past.items() if finding[2] in wanted}
    statuses = oracle.images()
    unscanned = {(look.asset, look.tag): look.status for _, look in told.unscanned}
    said = []
    if len(hits) != len(told.hits) or hits.keys() != expected.keys():
        said.append(f"hits differ: {sorted(hits.keys() ^ expected.keys())[:3]}")
    said += [f"{key}: {hits[key]}, the oracle says {expected[key]}" for key in hits if hits[key] != expected.get(key)]
    if past != gone:
        said.append(f"past differs: {sorted(past.items() ^ gone.items())[:4]}")
    if unscanned != {image: status for image, status in statuses.items() if status != "scanned"}:
        said.append(f"not scanned: {unscanned}, the oracle says {statuses}")
    if told.scanned != sum(status == "scanned" for status in statuses.values()):
        said.append(f"scanned: {told.scanned}")
    return said[:5]


@pytest.mark.parametrize("name", SCANS)
def test_every_vulnerability_ever_seen_is_where_the_oracle_has_it(corpus: Path, tmp_path: Path, name: str) -> None:
    seen, past = 0, 0
    for scan, place, oracle in walk(corpus, name, tmp_path):
        ids = {key[3] for key in oracle.places()} | {finding[2] for finding in oracle.past}
        told = answered(place, scan.taken_at, *sorted(ids))
        assert faults(told, oracle, ids) == [], scan.label
        some = sorted(ids)[:: max(1, len(ids) // 3)]
        assert faults(answered(place, scan.taken_at, *some), oracle, set(some)) == [], scan.label
        seen, past = seen + len(told.hits), past + len(told.past)
    assert seen
    assert past, "nothing ever went: nothing is tested of what was"


def called(package: str, sources: frozenset[str], wanted: str) -> bool:
    """Whether the oracle would call a package so."""
    name = package.rsplit("/", 1)[-1]
    return wanted in {package, name, *sources}


@pytest.mark.parametrize("name", ["openaf", "both-in-one"])
def test_every_package_is_where_the_oracle_has_it(corpus: Path, tmp_path: Path, name: str) -> None:
    for scan, place, oracle in walk(corpus, name, tmp_path):
        places = oracle.places()
        packages = sorted({key[2] for key in places})
        names = packages[::9] + [p.split("/")[-1] for p in packages[4::9]]
        names += sorted({source for p in places.values() for source in p.sources})[::9]
        for wanted in names:
            meant = {key[2] for key, p in places.items() if called(key[2], p.sources, wanted)}
            expected = {key for key in places if key[2] in meant}
            told = answered(place, scan.taken_at, package=wanted)
            assert {(h.asset, h.tag, h.package, h.vulnerability) for h in told.hits} == expected, wanted
        if scan.label.endswith(("05-10", "06-08")):
            return  # two dates are enough: the others differ in the findings, which are tested above


# -- what people ask -----------------------------------------------------------------------------------------


def java(cve: str, name: str, installed: str, **more: Any) -> dict[str, Any]:
    entry = vulnerability(cve, name, severity="CRITICAL", installed=installed, fixed="2.15.0")
    purl = f"pkg:maven/org.apache.logging.log4j/{name}@{installed}"
    return {**entry, "PkgName": f"org.apache.logging.log4j:{name}", "PkgIdentifier": {"PURL": purl}, **more}


def shop(folder: Path, *, broken: bool = False, fixed: bool = False) -> Path:
    """Three images; log4j in two of them, in one of them with the advisory of GitHub beside it."""
    core = java(LOG4SHELL, "log4j-core", "2.14.1", VendorIDs=[GHSA])
    cart = [] if fixed else [java("CVE-2021-45046", "log4j-core", "2.14.1"), core]
    path = write(
        folder,
        cart=trivy(
            "shop/cart:1.1" if fixed else "shop/cart:1.0", cart, digest="sha256:" + 64 * ("b" if fixed else "a")
        ),
        search=trivy("shop/search:1.0", [core, vulnerability("CVE-2026-0001", "zlib")], digest="sha256:" + 64 * "c"),
        web=trivy("shop/web:1.0", [], digest="sha256:" + 64 * "d"),
    )
    if broken:
        (path / "search.json").write_bytes(failure_document("shop/search:1.0"))
        (path / "web.json").unlink()
    return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "triagebot.yaml").write_text(
        "teams: teams.yaml\nrules: [e.yaml]\nimage_paths: ['{image}.json']\n"
    )
    (tmp_path / "place" / "teams.yaml").write_text(
        "teams: {shop: {name: Shop}, core: {name: Core}}\nunowned: core\nimages: [{match: '*/cart', team: shop}]\n"
    )
    (tmp_path / "place" / "e.yaml").write_text("exceptions: []\n")
    return Place(tmp_path / "place")


def ask(place: Place, *words: str, now: datetime = DAY + 9 * WEEK) -> Result:
    asked_with = ["exposure", *words, "--config", str(place.folder / "triagebot.yaml"), "--now", now.isoformat()]
    return CliRunner().invoke(command, asked_with)


def images(result: Result) -> list[str]:
    """The images of the hits in a document."""
    return sorted({hit["image"].rpartition("/")[2] for hit in json.loads(result.stdout)["hits"]})


@pytest.mark.parametrize("name", [LOG4SHELL, LOG4SHELL.lower(), GHSA, GHSA.upper(), f" {GHSA} "])
def test_any_name_in_any_case_finds_it(place: Place, tmp_path: Path, name: str) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    result = ask(place, name, "--json")
    document = json.loads(result.stdout)
    assert images(result) == ["cart:1.0", "search:1.0"]
    assert document["vulnerabilities"][0]["names"] == [LOG4SHELL, GHSA]
    assert (document["affected"], result.exit_code) == (True, 1)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("log4j-core", ["cart:1.0", "search:1.0"]),
        ("LOG4J-CORE", ["cart:1.0", "search:1.0"]),
        ("org.apache.logging.log4j:log4j-core", ["cart:1.0", "search:1.0"]),
        ("pkg:maven/org.apache.logging.log4j/log4j-core", ["cart:1.0", "search:1.0"]),
        ("pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", ["cart:1.0", "search:1.0"]),
        ("log4j-core@2.14.1", ["cart:1.0", "search:1.0"]),
        ("*log4j*", ["cart:1.0", "search:1.0"]),
        ("pkg:maven/*", ["cart:1.0", "search:1.0"]),
        ("zl?b", ["search:1.0"]),
        ("log4j", []),
        ("zlib-ng", []),
    ],
)
def test_a_package_is_asked_for_by_purl_name_or_glob(
    place: Place, tmp_path: Path, wanted: str, found: list[str]
) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    result = ask(place, "--package", wanted, "--json")
    assert images(result) == found
    assert result.exit_code == (1 if found else 0)
    similar = json.loads(result.stdout)["similar_packages"]
    assert similar == (["org.apache.logging.log4j:log4j-core"] if wanted == "log4j" else [])


def test_a_source_package_is_asked_for_by_its_name_also_when_all_of_it_is_gone(place: Place, tmp_path: Path) -> None:
    def scan(folder: str, entries: list[dict[str, Any]], digest: str) -> Path:
        report = trivy("shop/web:1.0", entries, digest=digest)
        report["Results"][0]["Packages"] = [{"Name": "libssl3", "SrcName": "openssl"}]
        return write(tmp_path / folder, web=report)

    place.run(scan("a", [vulnerability("CVE-2026-0007", "libssl3")], "sha256:" + 64 * "a"), DAY)
    assert images(ask(place, "--package", "openssl", "--json")) == ["web:1.0"]
    place.run(scan("b", [], "sha256:" + 64 * "b"), DAY + WEEK)
    result = ask(place, "--package", "openssl", "--json")
    (past,) = json.loads(result.stdout)["past"]
    assert (past["package"], past["how"], result.exit_code) == ("pkg:apk/alpine/libssl3", "fixed", 0)


def test_an_id_and_a_package_must_both_hold(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    assert images(ask(place, LOG4SHELL, "CVE-2026-0001", "--package", "zlib", "--json")) == ["search:1.0"]
    assert ask(place, LOG4SHELL, "--package", "zlib").exit_code == 0


def test_several_ids_have_an_answer_each(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    said = ask(place, "cve-2021-45046", "CVE-1999-0001", "CVE-2026-0001").stdout
    assert "CVE-2021-45046: found in 1 image of 1 team\n" in said
    assert "CVE-1999-0001: not found in 3 scanned images; all were scanned\n" in said
    assert "CVE-2026-0001: found in 1 image of 1 team\n" in said


def test_what_was_not_scanned_is_named_and_no_all_clear_is_given(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    place.run(shop(tmp_path / "t", broken=True), DAY + WEEK)
    result = ask(place, "CVE-1999-0001")
    assert result.exit_code == 3
    assert "CVE-1999-0001: not found in 1 scanned image; 2 not scanned\n" in result.stdout
    assert re.search(r"docker.io/shop/search:1.0: failed, .*manifest unknown.*, last scanned 2026-05-03", result.stdout)
    assert "docker.io/shop/web:1.0: absent, the last scan has no report of it; nothing was found in it before, " in (
        result.stdout
    )


def test_names_of_unscanned_images_stop_at_a_limit_but_not_in_json(place: Place, tmp_path: Path) -> None:
    reports = {f"i{n:02}": trivy(f"shop/i{n:02}:1", [vulnerability("CVE-2026-0001")]) for n in range(25)}
    place.run(write(tmp_path / "s", **reports), DAY)
    place.run(write(tmp_path / "t", i00=reports["i00"]), DAY + WEEK)
    said = ask(place, "CVE-1999-0001").stdout
    assert said.count("missing, the last scan has no report of it") == 20
    assert "  and 4 more\n" in said
    document = json.loads(ask(place, "CVE-1999-0001", "--json").stdout)
    assert len(document["streams"][0]["not_scanned"]) == document["images_not_scanned"] == 24


def test_it_says_when_it_was_there_and_what_became_of_it(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "1.0"), DAY)
    place.run(shop(tmp_path / "1.1", fixed=True), DAY + WEEK)
    result = ask(place, "CVE-2021-45046")
    assert result.exit_code == 0
    assert "not found in 3 scanned images; all were scanned\nIt was there and is not any more:\n" in result.stdout
    (line,) = (line for line in result.stdout.splitlines() if "log4j-core" in line)
    assert re.split(r"\s{2,}", line.strip()) == [
        "docker.io/shop/cart:1.0", "org.apache.logging.log4j:log4j-core", "2.14.1",
        "fixed in scan 1.1, in 1.1", "shop", "2026-05-03", "2026-05-10",
    ]  # fmt: skip


def test_hits_tell_ticket_team_versions_and_since_when(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "1.0"), DAY)
    place.run(shop(tmp_path / "1.1"), DAY + WEEK)
    cart, search = json.loads(ask(place, LOG4SHELL, "--json").stdout)["hits"]
    assert (cart["team"], search["team"]) == ("shop", "core")
    assert (cart["installed"], cart["fixed_in"]) == (["2.14.1"], ["2.15.0"])
    assert (cart["first_seen"][:10], cart["last_seen"][:10], cart["verified"]) == ("2026-05-03", "2026-05-10", True)
    (ticket,) = cart["tickets"]
    assert ticket["id"].startswith("docker.io-shop-cart-")
    assert ticket["open"]
    assert (place.folder / "tickets" / ticket["id"]).exists()


EXCEPTION = "exceptions:\n  - {{asset: '*', vulnerability: {id}, kind: {kind}, reason: R, approved_by: a{more}}}\n"


@pytest.mark.parametrize(
    ("kind", "more", "code"),
    [
        ("not-affected", "", 0),
        ("false-positive", ", expires: 2027-01-01", 0),
        ("accepted-risk", ", expires: 2027-01-01", 1),
    ],
)
def test_what_covers_it_is_told_and_counts_if_it_says_not_affected(
    place: Place, tmp_path: Path, kind: str, more: str, code: int
) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    (place.folder / "e.yaml").write_text(EXCEPTION.format(id=GHSA, kind=kind, more=more))
    result = ask(place, LOG4SHELL)
    assert result.exit_code == code
    assert f"{kind.replace('-', ' ')}{' until 2027-01-01' if more else ''}: R, approved by a" in result.stdout
    assert ("2 of them said to be not affected" in result.stdout) == (code == 0)


def test_a_vex_statement_covers_it(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    statement = {
        "vulnerability": {"name": LOG4SHELL}, "products": [{"@id": "pkg:oci/cart?repository_url=docker.io/shop/cart"}],
        "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
    }  # fmt: skip
    (place.folder / "v.json").write_text(
        json.dumps({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example/v", "author": "a", "version": 1,
            "timestamp": "2026-05-01T00:00:00Z", "statements": [statement],
        })
    )  # fmt: skip
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "vex: [v.json]\n")
    told = json.loads(ask(place, LOG4SHELL, "--json").stdout)
    assert {h["image"]: h["affected"] for h in told["hits"]} == {
        "docker.io/shop/cart:1.0": False, "docker.io/shop/search:1.0": True,
    }  # fmt: skip
    assert told["vulnerabilities"][0]["images_affected"] == 1


def test_a_decision_on_a_ticket_covers_it_and_still_counts_as_affected(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    for path in (place.folder / "tickets").glob("*cart*"):
        path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    place.run(shop(tmp_path / "t"), DAY + WEEK)
    hits = json.loads(ask(place, LOG4SHELL, "--json", now=DAY + 2 * WEEK).stdout)["hits"]
    cart = next(h for h in hits if "cart" in h["image"])
    assert "closed as not planned" in cart["covered_by"]
    assert cart["affected"]
    assert not cart["tickets"][0]["open"]


def test_a_ticket_that_was_deleted_covers_it_in_its_own_stream_alone(place: Place, tmp_path: Path) -> None:
    for stream in ("main", "next"):
        place.run(shop(tmp_path / f"s-{stream}"), DAY, stream=stream)
    (path,) = (p for p in (place.folder / "tickets").glob("*cart*") if "cart@next" in p.read_text())
    path.unlink()
    place.run(shop(tmp_path / "t"), DAY + WEEK, stream="next")
    hits = json.loads(ask(place, "CVE-2021-45046", "--json", now=DAY + 2 * WEEK).stdout)["hits"]
    covered = {h["stream"]: h["covered_by"] for h in hits}
    assert covered["main"] is None
    assert "ticket deleted" in covered["next"]


def test_all_streams_are_asked_and_one_ends(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "a"), DAY, stream="1.2")
    place.run(shop(tmp_path / "b", fixed=True), DAY, stream="1.3")
    document = json.loads(ask(place, "CVE-2021-45046", "--json").stdout)
    assert [(h["stream"], h["image"]) for h in document["hits"]] == [("1.2", "docker.io/shop/cart:1.0")]
    assert document["images_scanned"] == 6
    only = ask(place, "CVE-2021-45046", "--stream", "1.3")
    assert (only.exit_code, "not found in 3 scanned images" in only.stdout) == (0, True)
    settings = config.load(place.folder / "triagebot.yaml")
    app.run(settings, None, Options(now=DAY + WEEK, stream="1.2", end_stream=True, allow_mass_close=True))
    result = ask(place, "CVE-2021-45046")
    assert result.exit_code == 0
    assert "retired in scan end of stream" in result.stdout
    assert "stream 1.2: ended with end of stream; nothing of it is in use\n" in result.stdout


def test_a_stream_without_an_image_gives_no_all_clear(place: Place, tmp_path: Path) -> None:
    policies = {"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport", "metadata": {"namespace": "pay"}}
    place.run(write(tmp_path / "cluster", report=policies | {"results": []}), DAY, stream="cluster")
    result = ask(place, LOG4SHELL)
    assert result.exit_code == 3
    assert f"{LOG4SHELL}: not found; there is no image in stream cluster\n" in result.stdout
    assert "last scan cluster of 2026-05-03: there is no image in it\n" in result.stdout
    assert "all were scanned" not in result.stdout
    place.run(write(tmp_path / "clean", web=trivy("shop/web:1.0", [])), DAY)
    both = ask(place, LOG4SHELL)
    assert (both.exit_code, "not found in 1 scanned image; all were scanned" in both.stdout) == (0, True)
    assert "stream cluster: last scan cluster of 2026-05-03: there is no image in it\n" in both.stdout


def test_of_a_stream_that_ended_nothing_is_in_use(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "a"), DAY, stream="1.2")
    settings = config.load(place.folder / "triagebot.yaml")
    app.run(settings, None, Options(now=DAY + WEEK, stream="1.2", end_stream=True, allow_mass_close=True))
    result = ask(place, "CVE-1999-0001")
    assert result.exit_code == 0
    assert "CVE-1999-0001: not found; there is no image in stream 1.2 that is in use\n" in result.stdout


def test_what_one_stream_learnt_of_names_holds_for_the_others(place: Place, tmp_path: Path) -> None:
    by_github = java(GHSA, "log4j-core", "2.14.1")
    place.run(shop(tmp_path / "a"), DAY, stream="1.2")
    place.run(write(tmp_path / "b", old=trivy("shop/old:1", [by_github])), DAY, stream="1.3")
    for name in (LOG4SHELL, GHSA):
        assert images(ask(place, name, "--json")) == ["cart:1.0", "old:1", "search:1.0"]


def test_an_inventory_tells_what_should_have_been_scanned_and_what_is_gone(place: Place, tmp_path: Path) -> None:
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "inventory: images.txt\n")
    (place.folder / "images.txt").write_text("shop/cart\nshop/search\nshop/pay:2.0\n")
    place.run(shop(tmp_path / "s"), DAY)
    place.run(shop(tmp_path / "t", broken=True), DAY + WEEK)
    looked = json.loads(ask(place, "CVE-1999-0001", "--json").stdout)["streams"][0]["not_scanned"]
    names = {look["image"].rpartition("/")[2]: (look["status"], look["last_scanned"]) for look in looked}
    assert names["pay:2.0"] == ("missing", None)
    assert "web:1.0" not in names, "it is not in the inventory, and nothing is believed of it"


def test_retire_after_ends_the_wait_for_a_clean_image(place: Place, tmp_path: Path) -> None:
    settings = place.folder / "triagebot.yaml"
    settings.write_text(settings.read_text() + "retire_after: 2\n")
    place.run(shop(tmp_path / "s"), DAY)
    counts = []
    for week in (1, 2):
        path = shop(tmp_path / f"t{week}")
        (path / "web.json").unlink()
        place.run(path, DAY + week * WEEK, label=f"w{week}")
        counts.append(json.loads(ask(place, "CVE-1999-0001", "--json").stdout)["images_not_scanned"])
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "asks for nothing"),
        (["log4j"], "'--package'|with --package"),
        (["log4j-core"], "reads like no vulnerability id"),
        (["openssl3"], "reads like no vulnerability id"),
        (["CVE-21-1"], "reads like no vulnerability id"),
        (["GHSA-1234"], "reads like no vulnerability id"),
        (["RHSA-2021:5132"], "bulletin"),
        (["DSA-5020-1"], "bulletin"),
        ([LOG4SHELL, "--stream", "mian"], "recorded; name one that there is: main; did you mean 'main'[?]$"),
    ],
)
def test_what_cannot_be_answered_is_refused_for_silence_would_read_as_an_all_clear(
    place: Place, tmp_path: Path, words: list[str], fault: str
) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    result = ask(place, *words)
    assert isinstance(result.exception, InputError)
    assert re.search(fault, str(result.exception))


@pytest.mark.parametrize(
    "name", ["SNYK-JAVA-ORGAPACHELOGGINGLOG4J-2314720", "PYSEC-2021-1", "GO-2021-0113", "KSV-0012"]
)
def test_ids_of_other_databases_can_be_asked_for(place: Place, tmp_path: Path, name: str) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    assert ask(place, name).exit_code == 0


def test_nothing_recorded_is_said(place: Place) -> None:
    with pytest.raises(InputError, match="no scan is recorded"):
        answered(place, DAY, LOG4SHELL)


def test_a_tracker_that_cannot_be_read_keeps_nobody_from_an_answer(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    known = {t.ticket.id for t in History(place.history).tickets().values()}

    def unreachable(tracker: LocalTracker, known: Known) -> Listing:
        raise TrackerError("default", "cannot be reached")

    monkeypatch.setattr(LocalTracker, "listing", unreachable)
    result = ask(place, LOG4SHELL, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert {t["id"] for hit in document["hits"] for t in hit["tickets"]} == known
    assert document["warnings"] == ["default: cannot be reached; its tickets are told as they were last seen"]


def test_a_ticket_that_cannot_be_read_is_told_as_it_was_last_seen(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    (path,) = (place.folder / "tickets").glob("*cart*")
    path.write_text("---\n: [\n---\n")
    document = json.loads(ask(place, "CVE-2021-45046", "--json").stdout)
    assert [t["id"] for t in document["hits"][0]["tickets"]] == [path.name]
    assert "told as they were last seen" in document["warnings"][0]


def test_an_ignoring_rule_hides_nothing_here(place: Place, tmp_path: Path) -> None:
    rule = "rules:\n  - {id: quiet, when: {}, priority: P4, action: ignore, because: quiet}\n"
    (place.folder / "e.yaml").write_text(rule)
    place.run(shop(tmp_path / "s"), DAY)
    result = ask(place, LOG4SHELL)
    assert result.exit_code == 1
    assert "rule quiet ignores it" in result.stdout


def test_an_answer_changes_nothing(place: Place, tmp_path: Path) -> None:
    place.run(shop(tmp_path / "s"), DAY)

    def held() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(place.folder.rglob("*")) if path.is_file()}

    before = held()
    ask(place, LOG4SHELL)
    ask(place, "--package", "*")
    assert held() == before


def test_hostile_text_does_nothing_on_a_terminal(place: Place, tmp_path: Path) -> None:
    bad = "\x1b[31m[bold]x[/bold]\u202e\r\n:smile:"
    entry = vulnerability("CVE-2026-0666", "zlib", installed=bad, fixed=f"2{bad}")
    place.run(write(tmp_path / "s", a=trivy("shop/a:1", [entry])), DAY, label=f"1\x1b]0;t\x07{bad}")
    said = ask(place, "CVE-2026-0666").stdout
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[bold]x[/bold]" in said
    assert ":smile:" in said
    assert len(said.splitlines()) == 4


def test_a_terminal_gets_a_table(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run(shop(tmp_path / "s"), DAY)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    said = ask(place, LOG4SHELL).stdout
    assert "\u2500" in said
    assert "docker.io/shop/cart:1.0" in said


def test_many_fixes_are_sorted_and_the_highest_named(place: Place, tmp_path: Path) -> None:
    """As the package counts versions: 1.10 is more than 1.9, and a version stands once."""
    fixes = ["2.9.0, 2.10.1", "2.10.1", "2.15.0", "2.4.0", "2.16.0-rc1 2.10.1"]
    found = [java(f"CVE-2021-000{n}", "log4j-core", "2.1.0", FixedVersion=fixed) for n, fixed in enumerate(fixes)]
    place.run(write(tmp_path / "many", one=trivy("shop/cart:1", found[:2]), two=trivy("shop/web:1", found)), DAY)
    said = ask(place, "--package", "*log4j*").stdout
    assert "  2.9.0, 2.10.1  " in said
    assert "  2.10.1, 2.15.0, 2.16.0-rc1 and 2 lower  " in said
    hits = json.loads(ask(place, "--package", "*log4j*", "--json").stdout)["hits"]
    assert {version for hit in hits for version in hit["fixed_in"]} == set(fixes)
