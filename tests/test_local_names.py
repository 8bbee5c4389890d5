"""Which file of the folder is which ticket: also where people rename and copy files."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Place, written
from reports import several, trivy, vulnerability, write

from triagebot.errors import TrackerError
from triagebot.history import History
from triagebot.model import Content, Marker
from triagebot.trackers import LocalTracker
from triagebot.trackers.interface import Edit, Known
from triagebot.trackers.local_names import sorted_out

NOW = datetime(2026, 5, 3, 6, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("files", "unread", "known", "standing", "copies", "renamed"),
    [
        ({"a": "a", "b": "b"}, (), {"a": "a"}, {"a": "a", "b": "b"}, {}, {}),
        ({"x": "a"}, (), {}, {"a": "x"}, {}, {}),
        ({"x": "a"}, (), {"a": "a"}, {"a": "x"}, {}, {"a": "x"}),
        ({"x": "a"}, (), {"x": "a"}, {"a": "x"}, {}, {}),
        ({"y": "a"}, (), {"x": "a"}, {"a": "y"}, {}, {"x": "y"}),
        ({"a": "a", "0": "a"}, (), {}, {"a": "a"}, {"0": "a"}, {}),
        ({"a": "a", "x": "a"}, (), {"x": "a"}, {"a": "a"}, {"x": "a"}, {"x": "a"}),
        ({"x": "a", "w": "a"}, (), {"x": "a"}, {"a": "x"}, {"w": "x"}, {}),
        ({"x": "a", "w": "a"}, (), {}, {"a": "w"}, {"x": "w"}, {}),
        ({"x": "a"}, ("a",), {}, {"a": "a"}, {"x": "a"}, {}),
        ({}, (), {"a": "a"}, {}, {}, {}),
        ({"b": "a"}, (), {"a": "a", "b": "b"}, {"a": "b"}, {}, {"a": "b"}),
    ],
    ids=["as named", "renamed", "renamed, and known", "renamed long ago", "renamed again", "a copy", "back again",
         "a copy of a renamed", "two renamed", "a copy of what cannot be read", "deleted", "in the place of another"],
)  # fmt: skip
def test_names(
    files: dict[str, str],
    unread: tuple[str, ...],
    known: dict[str, str],
    standing: dict[str, str],
    copies: dict[str, str],
    renamed: dict[str, str],
) -> None:
    found = sorted_out(files, unread, known)
    assert (found.standing, found.copies, found.renamed) == (standing, copies, renamed)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.with_one_ticket(tmp_path, NOW)


def more(warnings: list[str]) -> list[str]:
    """Without what is said of a scan that was recorded before, and of a history that was lost."""
    return [w for w in warnings if "recorded before" not in w and "history was lost" not in w]


def rename(place: Place, name: str) -> Path:
    (path,) = (place.folder / "tickets").glob("*.md")
    return path.rename(path.with_name(name))


@pytest.mark.parametrize("lost", [False, True], ids=["", "history lost"])
@pytest.mark.parametrize("name", ["app.md", "the app-0123456789ab.md"])
def test_a_renamed_file_stays_the_ticket(place: Place, tmp_path: Path, name: str, lost: bool) -> None:
    rename(place, name)
    if lost:
        shutil.rmtree(place.history)
    told = place.run(several(tmp_path, 2, 1), NOW + WEEK)
    assert list(place.ticket_bytes()) == [name]
    assert (told.document["errors"], more(told.document["warnings"])) == ([], [])
    assert [a["ticket"]["id"] for a in told.document["actions"]] == [name]
    assert b"CVE-2026-0001" in place.ticket_bytes()[name]
    again = place.run(several(tmp_path, 2, 1), NOW + WEEK)
    assert (written(again.document), more(again.document["warnings"])) == ({}, [])
    place.run(several(tmp_path, 0, 2), NOW + 2 * WEEK)
    assert [t["state"] for t in place.tickets()] == ["closed"]


def test_what_was_decided_holds_for_a_renamed_file(place: Place, tmp_path: Path) -> None:
    """Closed without a day, it counts from the run that first saw it closed, under whatever name."""
    path = rename(place, "app.md")
    path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: wontfix", 1))
    place.run(several(tmp_path, 1, 1), NOW + WEEK)
    path.rename(path.with_name("later.md"))
    place.run(several(tmp_path, 1, 2), NOW + WEEK + timedelta(days=89))
    assert place.open_keys() == set()
    place.run(several(tmp_path, 1, 3), NOW + WEEK + timedelta(days=91))
    assert [t["state"] for t in place.tickets()] == ["open"]


def test_to_delete_it_is_a_decision_all_the_same(place: Place, tmp_path: Path) -> None:
    path = rename(place, "app.md")
    place.run(several(tmp_path, 1, 1), NOW + WEEK)
    path.unlink()
    told = place.run(several(tmp_path, 1, 2), NOW + 2 * WEEK)
    assert place.ticket_bytes() == {}
    assert ["app.md was deleted" in w for w in told.document["warnings"]] == [True]


@pytest.mark.parametrize("lost", [False, True], ids=["", "history lost"])
@pytest.mark.parametrize("old", ["state: open", "triagebot:\n"])
def test_a_renamed_file_that_cannot_be_read_is_not_filed_again(
    place: Place, tmp_path: Path, old: str, lost: bool
) -> None:
    path = rename(place, "app.md")
    path.write_text(path.read_text().replace(old, "state: clsoed" if old.startswith("state") else f"{old} :[\n", 1))
    before = place.ticket_bytes()
    if lost:
        shutil.rmtree(place.history)
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert "app.md" in told.document["errors"][0]
    assert place.ticket_bytes() == before
    assert not [w for w in told.document["warnings"] if "deleted" in w]


def test_a_copy_is_named_and_ignored(place: Place, tmp_path: Path) -> None:
    (path,) = (place.folder / "tickets").glob("*.md")
    copy = path.with_name("copy of it.md")
    copy.write_bytes(path.read_bytes())
    place.run(several(tmp_path, 2, 1), NOW + WEEK)
    told = place.run(several(tmp_path, 2, 1), NOW + WEEK)
    assert more(told.document["warnings"]) == [
        f"{copy}: is a copy of {path.name} and is ignored; delete it, or move it away"
    ]
    assert (written(told.document), told.exit_code) == ({}, 0)
    assert b"CVE-2026-0001" not in copy.read_bytes()


def test_files_of_others_are_not_looked_at(place: Place, tmp_path: Path) -> None:
    folder = place.folder / "tickets"
    (folder / "README.md").write_text("Settings:\n\ntriagebot:\n  key: x\n")
    (folder / "notes.md").write_text("---\nstate: shut\n---\ntriagebot:\n  key: x\n")
    (folder / ".hidden.md").write_text("---\ntriagebot:\n  key: x\n---\n")
    told = place.run(several(tmp_path, 1, 0), NOW + timedelta(hours=1))
    assert (told.document["errors"], more(told.document["warnings"])) == ([], [])


def test_nothing_is_created_beside_a_renamed_file(tmp_path: Path) -> None:
    """Whatever state it is in; what a plan did not see yet is found by the listing before."""
    tracker = LocalTracker("default", tmp_path, NOW)
    content = Content("title", "text", Marker("image:a", "main", "0" * 16), "Team")
    made = tracker.create(content)
    (tmp_path / made.id).rename(tmp_path / "a.md")
    tracker.listing(Known())
    assert tracker.create(content).id == "a.md"
    (tmp_path / "a.md").write_text((tmp_path / "a.md").read_text().replace("state: open", "state: shut"))
    tracker.listing(Known())
    with pytest.raises(TrackerError, match="shut"):
        tracker.create(content)
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]


def test_what_was_left_of_a_renamed_file_is_tidied_away_and_peoples_files_are_not(tmp_path: Path) -> None:
    tracker = LocalTracker("default", tmp_path, NOW)
    made = tracker.create(Content("title", "text", Marker("image:a", "main", "0" * 16), "Team"))
    (tmp_path / made.id).rename(tmp_path / "a.md")
    tracker.listing(Known())
    tracker.edit("a.md", Edit(state="closed", closed_as="done"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
    (tmp_path / f".{made.id}.new").write_text("half")
    (tmp_path / ".a.md.new").write_text("a person's")
    tracker.tidy()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.md.new", "a.md"]


def test_a_run_that_is_killed_while_a_renamed_file_is_noted_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since when a file without a day is closed, history alone knows: its decision must not begin anew."""
    place = Place.create(tmp_path / "place", "")
    scan = write(tmp_path / "s", a=trivy("r/a:1.0", [vulnerability("CVE-2026-0001")]))
    place.run(scan, NOW)
    [path] = (place.folder / "tickets").glob("*.md")
    path.write_text(path.read_text().replace("state: open", "state: closed\nclosed_as: not-planned"))
    place.run(scan, NOW + WEEK)
    path.rename(path.with_name("mine.md"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "_note", killed)
        with pytest.raises(KeyboardInterrupt):
            place.run(scan, NOW + 7 * WEEK)
    place.run(scan, NOW + 7 * WEEK)
    [known] = (place.history / "tickets").glob("*.json")
    assert json.loads(known.read_text())["closed_seen"][:10] == f"{NOW + WEEK:%Y-%m-%d}"


def test_a_file_that_was_away_and_is_put_back_under_another_name_is_no_deleted_one(
    place: Place, tmp_path: Path
) -> None:
    [path] = (place.folder / "tickets").glob("*.md")
    away = path.rename(tmp_path / "away.md")
    told = place.run(several(tmp_path, 1, 1), NOW + WEEK)
    assert [w for w in told.document["warnings"] if "was deleted" in w]
    away.rename(path.with_name("mine.md"))
    told = place.run(several(tmp_path, 1, 2), NOW + 2 * WEEK)
    assert [w for w in told.document["warnings"] if "was deleted" in w] == []
    assert "state: open\n" in path.with_name("mine.md").read_text()
    assert "ticket deleted" not in told.summary
