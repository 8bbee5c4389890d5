"""The local tracker: the common behaviour, and what is special about files."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tracker_contract import NOW, Place, TrackerContract, content, marker, only, update

from triagebot.decisions import held_by_people
from triagebot.errors import TrackerError
from triagebot.model import ClosedAs
from triagebot.trackers import LocalTracker
from triagebot.trackers.interface import BEGIN, END, Edit, Known, splice
from triagebot.trackers.local_marker import file_name


def parts(path: Path) -> tuple[dict[str, Any], str]:
    """Front matter and body, read without any code of the product."""
    _, front, body = path.read_bytes().decode().split("---\n", 2)
    return yaml.safe_load(front), body


def put(path: Path, front: dict[str, Any], body: str) -> None:
    """Write both as a person's editor would."""
    path.write_text(f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}", encoding="utf-8")


def test_a_folder_that_is_gone_is_no_decision_of_a_person_on_every_ticket(tmp_path: Path) -> None:
    folder = tmp_path / "tickets"
    ticket = LocalTracker("here", folder, NOW).create(content())
    folder.rename(tmp_path / "elsewhere")
    known = Known({ticket.id: ticket})
    said = LocalTracker("here", folder, NOW).listing(known)
    assert said.tickets == ()
    assert said.incomplete == (
        f"{folder} is not there, and 1 ticket was in it; put it back or mend `path:`; "
        "if they were meant to be deleted, make it an empty folder"
    )
    folder.mkdir()
    assert LocalTracker("here", folder, NOW).listing(known).incomplete == ""


class LocalPlace(Place):
    """A folder and an editor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def connect(self) -> LocalTracker:
        return LocalTracker("here", self.folder, NOW)

    def body(self, ticket: str) -> str:
        return parts(self.folder / ticket)[1]

    def write_body(self, ticket: str, body: str) -> None:
        put(self.folder / ticket, parts(self.folder / ticket)[0], body)

    def comments(self, ticket: str) -> str:
        return self.body(ticket).partition("\n## Comments\n")[2]

    def close(self, ticket: str, closed_as: ClosedAs, other: str = "") -> None:
        self.change(ticket, state="closed", closed_as=closed_as, closed=(NOW + timedelta(hours=1)).date())
        if other:
            self.change(ticket, duplicate_of=other)

    def reopen(self, ticket: str) -> None:
        self.change(ticket, state="open")

    def names(self, ticket: str, field: str) -> list[str]:
        found = parts(self.folder / ticket)[0][field]
        assert isinstance(found, list)
        return found

    def set_names(self, ticket: str, field: str, names: list[str]) -> None:
        self.change(ticket, **{field: names})

    def strip(self, ticket: str) -> None:
        front, body = parts(self.folder / ticket)
        del front["triagebot"]
        put(self.folder / ticket, front, body)

    def forge(self, ticket: str) -> str:
        copy = self.folder / file_name("image:registry.example/forged", "main")
        copy.write_bytes((self.folder / ticket).read_bytes())
        return copy.name

    def change(self, ticket: str, **said: Any) -> None:
        """Set fields of the front matter by hand."""
        front, body = parts(self.folder / ticket)
        put(self.folder / ticket, {**front, **said}, body)


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace(tmp_path / "tickets")


@pytest.fixture
def tracker(place: LocalPlace) -> LocalTracker:
    return place.connect()


class TestContract(TrackerContract):
    """The common behaviour."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return LocalPlace(tmp_path / "tickets")


def test_a_ticket_is_readable(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    assert re.fullmatch(r"registry\.example-app-[0-9a-f]{12}\.md", made.id)
    text = (place.folder / made.id).read_text()
    assert text.startswith("---\ntitle: '[P1] registry.example/app: 1 critical to fix'\nstate: open\npriority: P1\n")
    front, body = parts(place.folder / made.id)
    assert list(front) == ["title", "state", "priority", "due", "team", "assignees", "labels", "opened", "triagebot"]
    assert (front["opened"], front["due"]) == ("2026-05-01", "2026-05-08")
    assert body == "<!-- triagebot:begin -->\nWhat to do.\n<!-- triagebot:end -->\n"


@pytest.mark.parametrize(
    ("key", "stream", "slug"),
    [
        ("image:registry.example/app", "main", "registry.example-app"),
        ("image:registry.example/app@4.2", "4.2", "registry.example-app"),
        ("image:registry.example:5000/a/b", "main", "registry.example-5000-a-b"),
        ("image:file:///tmp/../../etc/passwd", "main", "file-tmp-..-..-etc-passwd"),
        ("upgrade:platform:openssl", "main", "platform-openssl"),
        ("image:画像", "main", "ticket"),
        ("image:" + "x" * 300, "main", "x" * 60),
    ],
)
def test_file_names(key: str, stream: str, slug: str) -> None:
    name = file_name(key, stream)
    assert name.removesuffix(name[-16:]) == slug
    assert re.fullmatch(r"-[0-9a-f]{12}\.md", name[-16:])
    assert "/" not in name
    assert not name.startswith(".")


@pytest.mark.parametrize(
    ("said", "closed_as"),
    [
        ("done", "done"), ("not-planned", "not-planned"), ("not planned", "not-planned"),
        ("not_planned", "not-planned"), ("Not Planned", "not-planned"), ("wontfix", "not-planned"),
        ("won't fix", "not-planned"), ("duplicate", "duplicate"), ("Duplicate", "duplicate"),
    ],
)  # fmt: skip
def test_closed_by_hand(place: LocalPlace, tracker: LocalTracker, said: str, closed_as: str) -> None:
    made = tracker.create(content())
    path = place.folder / made.id
    path.write_text(path.read_text().replace("\nstate: open\n", f'\nstate: closed\nclosed_as: "{said}"\n'))
    found = only(tracker)
    assert (found.is_open, found.closed_as, found.closed_by_us, found.closed_at) == (False, closed_as, False, None)


def test_closed_by_hand_without_a_reason_is_done(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    path = place.folder / made.id
    path.write_text(path.read_text().replace("state: open", "state: Closed"))
    assert only(tracker).closed_as == "done"


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2026-05-01", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-05-01T10:30:00Z", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        ("2026-05-01 10:30:00", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
        ("2026-05-01T10:30:00+02:00", datetime(2026, 5, 1, 8, 30, tzinfo=UTC)),
        ("'2026-05-01T10:30:00+02:00'", datetime(2026, 5, 1, 8, 30, tzinfo=UTC)),
        ("'2026-05-01'", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-05-02", datetime(2026, 5, 2, 23, 59, 59, tzinfo=UTC)),
        ("", None),
    ],
)
def test_the_day_of_closing(place: LocalPlace, tracker: LocalTracker, said: str, at: datetime | None) -> None:
    made = tracker.create(content())
    path = place.folder / made.id
    path.write_text(path.read_text().replace("\nstate: open\n", f"\nstate: closed\nclosed: {said}\n"))
    assert only(tracker).closed_at == at


def test_other_front_matter_of_people_stays(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    place.change(made.id, milestone="May", estimate=3, watchers=["a", "b"])
    tracker.edit(made.id, update())
    front, _ = parts(place.folder / made.id)
    assert (front["milestone"], front["estimate"], front["watchers"]) == ("May", 3, ["a", "b"])


@pytest.mark.parametrize("field", ["labels", "assignees"])
def test_one_name_without_a_list_is_one_name(place: LocalPlace, tracker: LocalTracker, field: str) -> None:
    """People write `assignees: alice`; that is one person, not five letters."""
    made = tracker.create(content(**{field: ()}))
    place.change(made.id, **{field: "alice"})
    tracker.edit(made.id, update(**{field: ()}))
    assert place.names(made.id, field) == ["alice"]


def test_files_of_others_are_left_alone(place: LocalPlace, tracker: LocalTracker) -> None:
    place.folder.mkdir()
    others = {
        "README.md": "# Tickets\n",
        "notes-of-a-person.md": "---\nstate: open\n---\nNo ticket.\n",
        "broken.md": "---\n: [\n---\n",
        "app-0123456789ab.txt": "no Markdown",
    }
    for name, text in others.items():
        (place.folder / name).write_text(text)
    made = tracker.create(content())
    tracker.edit(made.id, update())
    assert only(tracker).id == made.id
    assert tracker.listing(Known()).warnings == ()
    assert {name: (place.folder / name).read_text() for name in others} == others


@pytest.mark.parametrize(
    "text",
    [
        "---\n: [\n---\nbody\n",
        "---\njust words\n---\nbody\n",
        "no front matter\n",
        "",
        "---\ntitle: x\n",
        "---\na: b\na\n---\n",
    ],
)
def test_a_file_that_cannot_be_read_holds_up_nobody(place: LocalPlace, tracker: LocalTracker, text: str) -> None:
    kept = tracker.create(content("image:registry.example/kept"))
    bad = tracker.create(content())
    (place.folder / bad.id).write_text(text)
    listing = tracker.listing(Known({bad.id: bad, kept.id: kept}))
    assert [t.id for t in listing.tickets] == [kept.id]
    assert not listing.incomplete
    assert [name for name, _ in listing.broken] == [bad.id]
    assert "\n" not in listing.broken[0][1]
    with pytest.raises(TrackerError, match=re.escape(bad.id)):
        tracker.edit(bad.id, update())
    assert (place.folder / bad.id).read_text() == text


def test_bytes_that_are_no_text_hold_up_nobody(place: LocalPlace, tracker: LocalTracker) -> None:
    kept = tracker.create(content("image:registry.example/kept"))
    bad = tracker.create(content())
    (place.folder / bad.id).write_bytes(b"---\nt: \xff\xfe\n---\n")
    listing = tracker.listing(Known())
    assert [t.id for t in listing.tickets] == [kept.id]
    assert [name for name, _ in listing.broken] == [bad.id]


@pytest.mark.parametrize("text", ["---\n: [\n---\n", "# no ticket\n"])
def test_a_duplicate_of_a_file_that_cannot_be_read_holds_up_nobody(
    place: LocalPlace, tracker: LocalTracker, text: str
) -> None:
    made = tracker.create(content())
    (place.folder / "README.md").write_text(text)
    place.close(made.id, "duplicate", "README.md")
    found = only(tracker)
    assert (found.closed_as, found.duplicate_open) == ("duplicate", None)


@pytest.mark.parametrize("other", ["../outside.md", "/etc/passwd", "nowhere.md", ""])
def test_a_duplicate_of_nothing_in_the_folder(place: LocalPlace, tracker: LocalTracker, other: str) -> None:
    made = tracker.create(content())
    place.close(made.id, "duplicate")
    place.change(made.id, duplicate_of=other)
    assert only(tracker).duplicate_open is None


@pytest.mark.parametrize("field", ["shown", "serious", "images", "held", "labels", "assignees", "due", "priority"])
@pytest.mark.parametrize("value", ["nonsense", ["a"], {"a": 1}, 7, None])
def test_a_marker_that_is_nonsense_holds_up_nobody(
    place: LocalPlace, tracker: LocalTracker, field: str, value: object
) -> None:
    """Whatever stands there: the listing works, and what people decided can be read from it."""
    kept = tracker.create(content("image:registry.example/kept"))
    made = tracker.create(content())
    front, _ = parts(place.folder / made.id)
    place.change(made.id, triagebot={**front["triagebot"], field: value})
    listing = tracker.listing(Known({made.id: made}))
    assert kept.id in [t.id for t in listing.tickets]
    assert made.id in [t.id for t in listing.tickets] + [name for name, _ in listing.broken]
    held_by_people(listing.tickets, timedelta(days=90), NOW)


def test_a_forged_file_is_not_taken_for_the_ticket_of_its_name(place: LocalPlace, tracker: LocalTracker) -> None:
    """A copy lies where the ticket of another key belongs: that key has no ticket, and that is said."""
    tracker.create(content())
    forged = tracker.create(content("image:registry.example/other")).id
    (place.folder / forged).write_bytes((place.folder / file_name(marker().key, "main")).read_bytes())
    with pytest.raises(TrackerError, match=re.escape(forged)):
        tracker.create(content("image:registry.example/other"))


def test_windows_line_ends_and_byte_order_mark(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    path = place.folder / made.id
    text = path.read_text() + "\nA person's note.\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = only(tracker)
    assert (found.marker, found.damaged) == (made.marker, False)
    tracker.edit(made.id, replace(update(), comment="Said.", comment_digest="c1"))
    said = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    assert said.count("<!-- triagebot:begin -->") == 1
    assert "\nA person's note.\n" in said
    assert "What to do now." in said
    assert only(tracker).marker.digest == "fedcba9876543210"


def test_nothing_else_is_left_behind(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    tracker.create(content(block="Another.\n"))
    tracker.edit(made.id, replace(update(), comment="Said.", comment_digest="c1"))
    tracker.edit(made.id, Edit(state="closed", closed_as="done"))
    assert [p.name for p in place.folder.iterdir()] == [made.id]


def test_what_a_killed_run_left_is_tidied_away(place: LocalPlace, tracker: LocalTracker) -> None:
    made = tracker.create(content())
    (place.folder / f".{made.id}.new").write_text("---\ntitle: half a tick")
    mine = {name: (place.folder / name) for name in (".hidden.md", ".notes.md.new", "draft.md.new")}
    for path in mine.values():
        path.write_text("mine")
    assert only(place.connect()) == made
    place.connect().tidy()
    assert sorted(p.name for p in place.folder.iterdir()) == sorted([made.id, *mine])


def test_tidying_where_nothing_is(tracker: LocalTracker) -> None:
    tracker.tidy()
    assert not tracker.folder.exists()


def test_a_write_is_whole_or_not_at_all(
    place: LocalPlace, tracker: LocalTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle of a write: the ticket stands as it was."""
    made = tracker.create(content())
    before = (place.folder / made.id).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises((TrackerError, OSError)):
        tracker.edit(made.id, update())
    with pytest.raises((TrackerError, OSError)):
        tracker.create(content("image:registry.example/other"))
    monkeypatch.undo()
    assert (place.folder / made.id).read_bytes() == before
    assert only(tracker) == made


def test_a_folder_that_cannot_be_written_is_a_tracker_error(
    place: LocalPlace, tracker: LocalTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One tracker out of order is one tracker's error; `apply` goes on with the others."""
    made = tracker.create(content())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrackerError, match="No space left"):
        tracker.edit(made.id, update())
    with pytest.raises(TrackerError, match="No space left"):
        tracker.create(content("image:registry.example/other"))


@pytest.mark.parametrize("lost", ["<!-- triagebot:begin -->\n", "<!-- triagebot:end -->\n"])
def test_people_keep_their_text_when_a_border_is_lost(place: LocalPlace, tracker: LocalTracker, lost: str) -> None:
    made = tracker.create(content())
    place.write_body(made.id, f"Before, mine.\n\n{place.body(made.id)}\nAfter, mine.\n".replace(lost, ""))
    assert only(tracker).damaged
    for block in ("Second.\n", "Third.\n", "Fourth.\n"):
        tracker.edit(made.id, update(block))
    body = place.body(made.id)
    assert "Before, mine." in body
    assert "After, mine." in body
    assert "Fourth." in body
    assert "Third." not in body
    assert not only(tracker).damaged


@pytest.mark.parametrize(
    ("body", "spliced"),
    [
        ("", "<!-- triagebot:begin -->\nnew\n<!-- triagebot:end -->\n"),
        ("mine\n", "mine\n\n<!-- triagebot:begin -->\nnew\n<!-- triagebot:end -->\n"),
        (
            "a\n<!-- triagebot:begin -->\nold\n<!-- triagebot:end -->\nb",
            "a\n<!-- triagebot:begin -->\nnew\n<!-- triagebot:end -->\nb",
        ),
        (
            "a\r\n<!-- triagebot:begin -->\r\nold\r\n<!-- triagebot:end -->\r\nb",
            "a\r\n<!-- triagebot:begin -->\nnew\n<!-- triagebot:end -->\r\nb",
        ),
        (
            f"{BEGIN}\nold\n{END}\n> {BEGIN}\n> old\n> {END}",
            f"{BEGIN}\nnew\n{END}\n> {BEGIN}\n> old\n> {END}",
        ),
    ],
)
def test_splice(body: str, spliced: str) -> None:
    assert splice(body, "new\n") == spliced


def test_splice_takes_the_block_as_it_is() -> None:
    once = splice("x", r"\1 \g<0> $1")
    assert r"\1 \g<0> $1" in once
    assert splice(once, r"\1 \g<0> $1") == once
