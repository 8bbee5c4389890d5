"""What every tracker must do, whatever is behind it: one suite, run on each.

A subclass of `TrackerContract` gives the fixture `place`: a tracker that is empty, and the hands of a person who
works on its tickets. Nothing here may know what a ticket looks like inside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from triagebot.errors import TrackerError
from triagebot.model import ClosedAs, Content, Marker, Ticket
from triagebot.trackers import LocalTracker
from triagebot.trackers.interface import Drifted, Edit, Known, Tracker

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Place(ABC):
    """A tracker from outside: what a person sees and does there."""

    slack = timedelta(seconds=1)
    """How far the clock of the tracker may be from ours."""

    @abstractmethod
    def connect(self) -> Tracker:
        """A tracker object that has seen nothing yet; it looks at the same tickets as all others."""

    people: tuple[str, str, str, str] = ("ours", "former", "theirs", "next")
    """Names that can be assigned."""

    def text(self, ticket: str) -> str:
        """The text without what nobody sees."""
        return self.body(ticket)

    @abstractmethod
    def body(self, ticket: str) -> str:
        """The text as people read it, without comments where the tracker keeps them elsewhere."""

    @abstractmethod
    def write_body(self, ticket: str, body: str) -> None:
        """Replace the text by hand."""

    @abstractmethod
    def comments(self, ticket: str) -> str:
        """All comments, one after the other."""

    @abstractmethod
    def close(self, ticket: str, closed_as: ClosedAs, other: str = "") -> None:
        """Close by hand; a duplicate may name the other ticket."""

    @abstractmethod
    def reopen(self, ticket: str) -> None:
        """Open again by hand."""

    @abstractmethod
    def names(self, ticket: str, field: str) -> list[str]:
        """The `labels` or `assignees`."""

    @abstractmethod
    def set_names(self, ticket: str, field: str, names: list[str]) -> None:
        """Set the `labels` or `assignees` by hand."""

    @abstractmethod
    def strip(self, ticket: str) -> None:
        """Remove by hand all that triagebot keeps about itself."""

    def forge_comment(self, ticket: str, edit: Edit) -> bool:
        """Say "Forged." as somebody else, in a comment with the hidden mark of ours; False: nobody else can."""
        return False

    @abstractmethod
    def forge(self, ticket: str) -> str:
        """File by hand a ticket that carries the marker of another; its id."""


def marker(key: str = "image:registry.example/app", **said: object) -> Marker:
    """A marker with something in every field."""
    told = Marker(
        key=key, stream="main", digest="00e1234567890123", priority="P1", due="2026-05-08",
        labels=("triagebot", "team/platform"), assignees=("octocat",), shown=("00000001", "12345678", "1e500000"),
        serious=("00000001",), images=("aaaaaaaa.bbbbbbbb.cccccccc",), held=("0000000f:2026-07-01",), rules="01234567",
    )  # fmt: skip
    return replace(told, **said)  # type: ignore[arg-type]


def content(key: str = "image:registry.example/app", block: str = "What to do.\n", **said: object) -> Content:
    """What a plan would have a tracker write."""
    return Content("[P1] registry.example/app: 1 critical to fix", block, marker(key, **said), "Platform")


def update(block: str = "What to do now.\n", key: str = "image:registry.example/app", **said: object) -> Edit:
    """A changed content."""
    return Edit(content=content(key, block, **{"digest": "fedcba9876543210", **said}))


def only(tracker: Tracker, *known: Ticket) -> Ticket:
    """The one ticket that is listed, in a listing with nothing else to say."""
    listing = tracker.listing(Known({t.id: t for t in known}))
    assert (listing.incomplete, listing.broken) == ("", ())
    assert len(listing.tickets) == 1
    return listing.tickets[0]


class TrackerContract:
    """The behaviour that `apply` and `plan` count on."""

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def tracker(self, place: Place) -> Tracker:
        return place.connect()

    def test_nothing_is_listed_where_nothing_is(self, tracker: Tracker) -> None:
        listing = tracker.listing(Known())
        assert (listing.tickets, listing.incomplete, listing.broken, listing.warnings) == ((), "", (), ())
        assert tracker.writes == 0

    def test_what_is_created_is_what_is_listed(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        assert made.is_open
        assert made.id
        assert made.url
        assert made.tracker == tracker.name
        assert made.title == content().title
        assert made.marker == marker()
        assert not made.damaged
        assert only(tracker) == made
        assert only(place.connect()).marker == made.marker
        assert "What to do." in place.body(made.id)
        assert sorted(place.names(made.id, "labels")) == ["team/platform", "triagebot"]
        assert place.names(made.id, "assignees") == ["octocat"]

    def test_a_bare_marker_comes_back_as_it_was(self, tracker: Tracker) -> None:
        bare = Marker(key="image:registry.example/app@4.2", stream="4.2", digest="0" * 16)
        tracker.create(Content("title", "text", bare, "Platform"))
        assert only(tracker).marker == bare

    def test_unicode_comes_back_as_it_was(self, place: Place, tracker: Tracker) -> None:
        said = replace(content(), title="[P1] größe/画像 🐳: «1» critical", block="Überlauf in 画像 🐳: ‘yes’ — no.\n")
        made = tracker.create(said)
        assert only(place.connect()).title == said.title
        assert said.block.strip() in place.body(made.id)

    def test_creating_twice_gives_one_ticket(self, place: Place, tracker: Tracker) -> None:
        first = tracker.create(content())
        place.write_body(first.id, place.body(first.id) + "\nA person's note.\n")
        second = place.connect().create(content(block="Another text.\n"))
        assert second.id == first.id
        assert only(tracker).id == first.id
        assert "A person's note." in place.body(first.id)

    def test_keys_that_look_alike_are_two_tickets(self, tracker: Tracker) -> None:
        keys = [
            "image:registry.example/a-b",
            "image:registry.example/a/b",
            "image:registry.example/a.b",
            "image:registry.example/a/b@4.2",
            "upgrade:platform:registry.example/a/b",
        ]
        made = {tracker.create(content(key)).id for key in keys}
        assert len(made) == len(keys)
        assert sorted(t.marker.key for t in tracker.listing(Known()).tickets) == sorted(keys)

    def test_an_edit_changes_the_block_and_nothing_around_it(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.write_body(made.id, f"Before, by a person.\n\n{place.body(made.id)}\nAfter, by a person: **bold** `x`.\n")
        changed = tracker.edit(made.id, update())
        body = place.body(made.id)
        assert body.startswith("Before, by a person.\n")
        assert "After, by a person: **bold** `x`." in body
        assert "What to do now." in body
        assert "What to do.\n" not in body
        assert changed.marker.digest == "fedcba9876543210"
        assert only(place.connect()) == changed

    def test_the_same_edit_twice_leaves_the_same_text(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.write_body(made.id, f"Before.\n\n{place.body(made.id)}\nAfter.\n")
        tracker.edit(made.id, update())
        once = place.body(made.id)
        tracker.edit(made.id, update())
        assert place.body(made.id) == once

    def test_a_block_that_a_person_deleted_is_put_back(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.write_body(made.id, "Only my own words.\n")
        assert only(tracker, made).damaged
        tracker.edit(made.id, update())
        assert not only(tracker).damaged
        assert "Only my own words." in place.body(made.id)
        assert "What to do now." in place.body(made.id)

    def test_a_marker_that_a_person_removed_is_put_back_if_known(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.strip(made.id)
        found = only(place.connect(), made)
        assert found.damaged
        assert found.marker == made.marker
        tracker.edit(made.id, update())
        mended = only(place.connect())
        assert not mended.damaged
        assert mended.marker.digest == "fedcba9876543210"

    def test_a_known_ticket_without_its_marker_can_be_closed(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.strip(made.id)
        only(tracker, made)
        close = Edit(state="closed", closed_as="done", comment="Closed: gone.\n", comment_digest="c1",
                     seen_digest=made.marker.digest)  # fmt: skip
        closed = tracker.edit(made.id, close)
        assert not closed.is_open
        assert closed.closed_by_us
        found = only(place.connect(), made)
        assert not found.is_open
        assert found.closed_by_us
        assert found.marker.key == made.marker.key

    def test_a_ticket_without_marker_that_nobody_knows_holds_up_nobody(self, place: Place, tracker: Tracker) -> None:
        lost = tracker.create(content())
        kept = tracker.create(content("image:registry.example/other"))
        place.strip(lost.id)
        listing = place.connect().listing(Known())
        assert [t.id for t in listing.tickets] == [kept.id]
        assert not listing.incomplete

    def test_a_forged_marker_is_ignored(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        forged = place.forge(made.id)
        before = place.body(forged)
        listing = place.connect().listing(Known())
        assert [t.id for t in listing.tickets] == [made.id]
        assert any(forged in warning for warning in listing.warnings)
        tracker.create(content())
        tracker.edit(made.id, update())
        assert place.body(forged) == before

    @pytest.mark.parametrize("closed_as", ["done", "not-planned"])
    def test_closed_by_us(self, place: Place, tracker: Tracker, closed_as: ClosedAs) -> None:
        made = tracker.create(content())
        tracker.edit(made.id, Edit(state="closed", closed_as=closed_as))
        found = only(place.connect())
        assert (found.is_open, found.closed_by_us, found.closed_as) == (False, True, closed_as)
        assert found.closed_at is not None
        assert abs(found.closed_at - NOW) <= place.slack
        assert found.marker == made.marker

    @pytest.mark.parametrize("closed_as", ["done", "not-planned", "duplicate"])
    def test_closed_by_a_person(self, place: Place, tracker: Tracker, closed_as: ClosedAs) -> None:
        made = tracker.create(content())
        place.close(made.id, closed_as)
        found = only(place.connect())
        assert (found.is_open, found.closed_by_us, found.closed_as) == (False, False, closed_as)
        assert found.closed_at is not None

    def test_a_duplicate_tells_whether_the_other_is_open(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        other = tracker.create(content("image:registry.example/other"))
        place.close(made.id, "duplicate", other.id)
        found = {t.id: t for t in place.connect().listing(Known()).tickets}
        assert found[made.id].duplicate_open is True
        assert found[other.id].duplicate_open is None
        place.close(other.id, "done")
        found = {t.id: t for t in place.connect().listing(Known()).tickets}
        assert found[made.id].duplicate_open is False

    def test_reopened_by_us(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.close(made.id, "not-planned")
        edit = replace(update(), state="open", seen_open=False, seen_digest=made.marker.digest,
                       comment="Reopened: still there.", comment_digest="r1")  # fmt: skip
        tracker.edit(made.id, edit)
        found = only(place.connect())
        assert (found.is_open, found.closed_as, found.closed_by_us, found.closed_at) == (True, "", False, None)
        assert "Reopened: still there." in place.comments(made.id)

    def test_reopened_by_a_person(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        tracker.edit(made.id, Edit(state="closed", closed_as="done"))
        place.reopen(made.id)
        found = only(place.connect())
        assert (found.is_open, found.closed_as, found.closed_by_us, found.closed_at) == (True, "", False, None)

    @pytest.mark.parametrize("edited_between", [False, True])
    def test_the_last_closing_counts(self, place: Place, tracker: Tracker, edited_between: bool) -> None:
        """We closed it, a person opened it and closed it as not planned: that is the person's decision."""
        made = tracker.create(content())
        tracker.edit(made.id, Edit(state="closed", closed_as="done"))
        place.reopen(made.id)
        if edited_between:
            tracker.edit(made.id, update())
        place.close(made.id, "not-planned")
        found = only(place.connect())
        assert (found.closed_by_us, found.closed_as) == (False, "not-planned")

    def test_a_closing_of_ours_after_one_by_a_person_is_ours(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.close(made.id, "done")
        tracker.edit(made.id, Edit(state="open", seen_open=False))
        tracker.edit(made.id, Edit(state="closed", closed_as="done"))
        assert only(place.connect()).closed_by_us

    def test_a_comment_is_posted_once(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        said = Edit(comment="New: **CVE-2026-1**.\n", comment_digest="0123456789ab")
        tracker.edit(made.id, said)
        place.connect().edit(made.id, said)
        place.connect().edit(made.id, replace(update(), comment=said.comment, comment_digest=said.comment_digest))
        assert place.comments(made.id).count("New: **CVE-2026-1**.") == 1
        tracker.edit(made.id, replace(said, comment_digest="ba9876543210"))
        assert place.comments(made.id).count("New: **CVE-2026-1**.") == 2

    def test_comments_outlive_edits(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        tracker.edit(made.id, Edit(comment="First.", comment_digest="c1"))
        tracker.edit(made.id, update())
        tracker.edit(made.id, Edit(comment="Second.", comment_digest="c2"))
        said = place.comments(made.id)
        assert said.index("First.") < said.index("Second.")
        assert "What to do now." in place.body(made.id)

    def test_an_edit_without_content_leaves_the_text(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        before = place.text(made.id)
        tracker.edit(made.id, Edit(state="closed", closed_as="done"))
        assert place.text(made.id) == before

    def test_drift_of_the_digest_is_refused(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        before = place.body(made.id)
        with pytest.raises(Drifted):
            tracker.edit(made.id, replace(update(), seen_digest="another", comment="No.", comment_digest="c1"))
        assert place.body(made.id) == before
        assert "No." not in place.comments(made.id)
        assert only(place.connect()) == made

    def test_drift_of_the_state_is_refused(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        with pytest.raises(Drifted):
            tracker.edit(made.id, replace(update(), seen_open=False))
        place.close(made.id, "not-planned")
        with pytest.raises(Drifted):
            tracker.edit(made.id, replace(update(), seen_digest=made.marker.digest, seen_open=True))
        assert only(place.connect()).marker == made.marker

    def test_a_ticket_that_is_not_there_is_a_tracker_error(self, tracker: Tracker) -> None:
        made = tracker.create(content())
        with pytest.raises(TrackerError):
            tracker.edit(made.id[::-1], update())

    @pytest.mark.parametrize("field", ["labels", "assignees"])
    def test_what_people_added_stays_and_what_they_removed_stays_away(
        self, place: Place, tracker: Tracker, field: str
    ) -> None:
        ours, taken_off, theirs, _ = place.people
        base = ["triagebot"] if field == "labels" else []
        made = tracker.create(content(**{field: (*base, ours, taken_off)}))
        place.set_names(made.id, field, [*base, ours, theirs])
        for _ in range(2):
            tracker.edit(made.id, update(**{field: (*base, ours, taken_off)}))
            assert sorted(place.names(made.id, field)) == sorted([*base, ours, theirs])

    @pytest.mark.parametrize("field", ["labels", "assignees"])
    def test_what_the_team_file_changes_is_changed(self, place: Place, tracker: Tracker, field: str) -> None:
        ours, former, theirs, following = place.people
        base = ["triagebot"] if field == "labels" else []
        made = tracker.create(content(**{field: (*base, ours, former)}))
        place.set_names(made.id, field, [*base, ours, former, theirs])
        tracker.edit(made.id, update(**{field: (*base, ours, following)}))
        assert sorted(place.names(made.id, field)) == sorted([*base, following, ours, theirs])

    def test_a_comment_can_be_written_anew(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        week = Edit(comment="Week 19: 44 critical.\n", comment_digest="week-2026-W19", rewrite=True)
        tracker.edit(made.id, week)
        place.connect().edit(made.id, replace(week, comment="Week 19: 31 critical.\n"))
        tracker.edit(made.id, replace(week, comment="Week 20: 30 critical.\n", comment_digest="week-2026-W20"))
        tracker.edit(made.id, replace(week, comment="Week 19: 32 critical.\n"))
        said = place.comments(made.id)
        assert [said.count(f"Week {n} critical.") for n in ("19: 44", "19: 31", "19: 32", "20: 30")] == [0, 0, 1, 1]
        assert said.index("Week 19") < said.index("Week 20")
        assert "What to do." in place.body(made.id)

    def test_a_comment_that_says_the_same_is_not_written(self, place: Place) -> None:
        tracker = place.connect()
        made = tracker.create(content())
        week = Edit(comment="Week 19: 44 critical.\n\n- one\n- two\n", comment_digest="week-2026-W19", rewrite=True)
        tracker.edit(made.id, week)
        before, said = tracker.writes, place.comments(made.id)
        tracker.edit(made.id, week)
        assert place.comments(made.id) == said
        assert tracker.writes - before == (1 if isinstance(tracker, LocalTracker) else 0)  # a file is written whole

    def test_a_comment_that_others_wrote_is_never_written_anew(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        week = Edit(comment="Week 19: 44 critical.\n", comment_digest="week-2026-W19", rewrite=True)
        if not place.forge_comment(made.id, week):
            pytest.skip("whoever may write to a file may write all of it")
        tracker.edit(made.id, week)
        tracker.edit(made.id, replace(week, comment="Week 19: 31 critical.\n"))
        said = place.comments(made.id)
        assert [said.count(f"Week 19: {n} critical.") for n in (44, 31)] == [0, 1]
        assert said.count("Forged.") == 1

    def test_the_key_of_the_weekly_summary_is_one(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content("summary:weekly"))
        assert only(place.connect()).marker.key == "summary:weekly"
        assert place.connect().create(content("summary:weekly")).id == made.id

    def test_looking_writes_nothing(self, place: Place, tracker: Tracker) -> None:
        made = tracker.create(content())
        place.write_body(made.id, place.body(made.id) + "\nA note.\n")
        before = place.body(made.id)
        looking = place.connect()
        looking.listing(Known({made.id: made}))
        looking.listing(Known())
        assert looking.writes == 0
        assert looking.reads > 0
        assert place.body(made.id) == before

    def test_writes_are_counted(self, place: Place) -> None:
        tracker = place.connect()
        made = tracker.create(content())
        before = tracker.writes  # with what a first ticket needs, such as labels
        tracker.create(content("image:registry.example/other"))
        assert tracker.writes == before + 1
        tracker.edit(made.id, update())
        assert tracker.writes == before + 2
        tracker.edit(made.id, Edit(comment="Said.", comment_digest="c1"))
        assert before + 3 <= tracker.writes <= before + 4
