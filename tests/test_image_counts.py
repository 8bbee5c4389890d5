"""How many images there are is one number, wherever it is told: counted here by hand from what was scanned."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from oracle import failure_document
from reports import trivy, vulnerability, write

from triagebot import app, asked, config, page
from triagebot.columns import unpacked
from triagebot.history import History
from triagebot.look import Options
from triagebot.sheet import HEAD

NOW = datetime(2026, 5, 4, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=7, hours=1)
SETTINGS = "teams: teams.yaml\nrules: [rules.yaml]\ninventory: images.txt\ndrop_fraction: 1\n"
TEAMS = "teams: {shop: {name: Shop}, rest: {name: Rest}}\nunowned: rest\nimages: [{match: '*/shop/*', team: shop}]\n"
RULES = "rules: [{id: low, when: {severity: low}, priority: P9, action: ignore, because: Small.}]\n"
HIGH, LOW = vulnerability("CVE-2026-1"), vulnerability("CVE-2026-2", "zlib", severity="LOW")
CLEAN: list[Any] = []
BEFORE = {
    "shop/web:1": [HIGH],
    "shop/old:1": [LOW],
    "shop/gone:1": [HIGH, LOW],
    "lone/job:1": [LOW],
    "lone/job:2": [LOW],
}
AFTER = {"shop/web:1": [HIGH], "shop/web:2": CLEAN, "shop/clean:1": CLEAN, "lone/clean:1": CLEAN, "lone/job:1": [LOW]}
"""What the last scan says of images: of `shop/old:1`, `shop/gone:1` and `lone/job:2` it has no report."""
FAILED = "shop/broken:1"
LISTED = "shop/never:1"
"""Only the inventory knows it: it may not exist, and is missing, no image that counts."""
IMAGES = {*BEFORE, *AFTER, FAILED}


def folder(path: Path, images: dict[str, list[Any]]) -> Path:
    held = {f"r{at}": trivy(f"registry.example/{name}", found) for at, (name, found) in enumerate(images.items())}
    return write(path, **held)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    at = tmp_path_factory.mktemp("counted")
    made = Place.create(at / "place", SETTINGS)
    for name, text in (("teams.yaml", TEAMS), ("rules.yaml", RULES)):
        (made.folder / name).write_text(text, encoding="utf-8")
    names = "\n".join(f"registry.example/{name}" for name in (*sorted(IMAGES), LISTED))
    (made.folder / "images.txt").write_text(names, encoding="utf-8")
    made.run(folder(at / "one", BEFORE), NOW)
    last = folder(at / "two", AFTER)
    (last / "failed.json").write_bytes(failure_document(f"registry.example/{FAILED}"))
    made.run(last, NOW + timedelta(days=7))
    return made


def settings(place: Place) -> config.Config:
    return config.load(place.folder / "triagebot.yaml")


def team(image: str) -> str:
    return "Shop" if image.startswith("shop/") else "Rest"


def of_team(name: str) -> int:
    return sum(team(image) == name for image in IMAGES)


def test_the_document_and_the_trend(place: Place) -> None:
    told = app.told(settings(place), Options(now=LATER, dry_run=True), only=False)
    assert told.document["images_total"] == len(IMAGES)
    assert History(place.history).trail("main")[-1].images_total == len(IMAGES)
    scan = told.document["scan"]
    assert (scan["images_scanned"], scan["images_failed"]) == (len(AFTER), 1)
    assert scan["images_missing"] == len(IMAGES) - len(AFTER) - 1 + len([LISTED])
    assert f"of {len(IMAGES)} images have" in told.headline


def test_the_page_and_what_can_be_searched_there(place: Place) -> None:
    options = Options(now=LATER, dry_run=True)
    text = page.written(settings(place), options, app.standing(settings(place), options)).text
    rows = re.findall(r'<tr data-team="\w+"><th[^>]*><a[^>]*>(\w+)</a></th><td>(\d+)</td>', text)
    assert {name: int(n) for name, n in rows} == {name: of_team(name) for name in ("Shop", "Rest")}
    numbers, words, told = unpacked(re.findall(r'id="packed">([^<]*)<', text)[0])
    assert set(words["image"]) == {f"registry.example/{image}" for image in IMAGES}
    owners = [told["teams"][at][1] for at in numbers["image_team"]]
    assert sorted(owners) == sorted(map(team, IMAGES))


def test_the_sheet(place: Place) -> None:
    sheet = asked.sheet(settings(place), Options(now=LATER))
    named = [dict(zip(HEAD, row, strict=True))["Image"] for row in sheet.rows]
    assert set(named) == {f"registry.example/{image}" for image in (*IMAGES, LISTED)}
    facts = dict(sheet.facts)
    assert facts["Images"] == len(IMAGES)
    assert facts["Images scanned"] + facts["Images not scanned"] == len(IMAGES)
    assert facts["In the inventory alone (not counted)"] == 1


def test_repositories_without_an_owner_are_counted_as_they_are_listed(place: Place) -> None:
    options = Options(now=LATER, dry_run=True)
    said = app.told(settings(place), options, only=False).summary
    listed = "`registry.example/lone/clean`, `registry.example/lone/job`"
    assert f"- 2 image repositories without an owner in the team file: {listed}\n" in said
    text = page.written(settings(place), options, app.standing(settings(place), options)).text
    assert "No line of the team map matches 2 image repositories<" in text


@pytest.mark.parametrize("before", ["never", "clean", "full"])
def test_a_scan_that_looked_at_nothing_does_not_read_as_clean(tmp_path: Path, before: str) -> None:
    place = Place.create(tmp_path / "place", "drop_fraction: 1\n")
    if before != "never":
        place.run(folder(tmp_path / "one", {"a:1": [HIGH] if before == "full" else [], "b:1": []}), NOW)
    last = tmp_path / "two"
    last.mkdir()
    for name in ("a", "b"):
        (last / f"{name}.json").write_bytes(failure_document(f"registry.example/{name}:1"))
    told = place.run(last, NOW + timedelta(days=7))
    if before == "full":
        said = (
            "nothing could be looked at, as every report failed; as last seen, 0.0% of vulns are critical, 100.0% are"
        )
        assert told.headline.startswith(said)
    else:
        assert told.headline == "nothing could be looked at, as every report failed; nothing is known of 2 images"
        assert "**what is fixable is not known; no team overdue" in told.summary
    assert "Nothing could be looked at, as every report failed; " in told.summary


def test_what_was_not_looked_at_does_not_read_as_clean(tmp_path: Path) -> None:
    place = Place.create(tmp_path / "place")
    last = folder(tmp_path / "one", {"a:1": []})
    (last / "b.json").write_bytes(failure_document("registry.example/b:1"))
    told = place.run(last, NOW)
    assert told.headline == "no vulns are known in 2 images, of which 1 could not be looked at"
