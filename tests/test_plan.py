"""The state table of tickets, row by row, with plain values; and that a plan carried out leaves nothing to do."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triagebot.apply import carry_out
from triagebot.decisions import Held, held_by_people
from triagebot.errors import TrackerError
from triagebot.files import Limits
from triagebot.model import (
    Action,
    Cause,
    ClosedAs,
    Content,
    Draft,
    Gone,
    Kind,
    Line,
    Plan,
    Remark,
    Ticket,
    TrackerFacts,
    Want,
)  # fmt: skip
from triagebot.plan import Policy, make
from triagebot.render.comments import NEW_TICKET
from triagebot.trackers import Drifted, Edit, Known, Listing, LocalTracker, Survey, Tracker
from triagebot.trackers.interface import Need, Trouble, one_by_one

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "image:registry.example/app"
OLD_IMAGE = "aaaaaaaa.bbbbbbbb.00000001"
NEW_IMAGE = "aaaaaaab.bbbbbbbb.00000002"
WRITING = {Kind.CREATE, Kind.UPDATE, Kind.COMMENT, Kind.CLOSE, Kind.REOPEN, Kind.MOVE}
WIDE = Limits(new_tickets=1000, writes=1000, close_fraction=1)


def line(number: int, severity: str = "critical", priority: str = "P1", **said: Any) -> Line:
    """One finding."""
    return replace(
        Line(
            id=f"{number:08x}", vulnerability=f"CVE-2026-{number:04}", package=f"pkg:apk/alpine/p{number}",
            name=f"p{number}", asset="registry.example/app", severity=severity, severity_source="nvd",
            priority=priority, rule="critical-fixable", because="An upgrade fixes it.", fixable=True,
            due=NOW + 7 * DAY, first_seen=NOW - 60 * DAY, verified=True, missed=0, tags=("1.0",), installed=("1.0-r0",),
            fixed="1.0-r1", title="Something", url="",
        ),
        **said,
    )  # fmt: skip


def draft(*lines: Line, key: str = KEY, want: Want = Want.OPEN, **said: Any) -> Draft:
    """What one ticket should be."""
    return replace(
        Draft(
            key=key, stream="main", subject=key.partition(":")[2], team="platform", team_name="Platform",
            tracker="here", labels=("team/platform",), assignees=("octocat",), mention="", want=want, rules="r1",
            lines=lines, images=(OLD_IMAGE,), scanned_at=NOW,
        ),
        **said,
    )  # fmt: skip


def ticket_of(of: Draft, **said: Any) -> Ticket:
    """The ticket as it stands after a draft was planned and carried out; `marker` fields as `marker__name`."""
    marker = plan(of).actions[0].content
    assert marker is not None
    told = {name.removeprefix("marker__"): said.pop(name) for name in list(said) if name.startswith("marker__")}
    ticket = Ticket(f"{of.key}.md", f"url/{of.key}", of.tracker, replace(marker.marker, **told), True, marker.title)
    return replace(ticket, **said)


def closed(of: Draft, closed_as: str = "done", days: float = 1, **said: Any) -> Ticket:
    """A ticket that a person closed `days` ago."""
    return ticket_of(of, is_open=False, closed_as=closed_as, closed_at=NOW - days * DAY, **said)


def plan(
    *drafts: Draft,
    tickets: Iterable[Ticket] = (),
    limits: Limits = WIDE,
    held: Mapping[str, Held] | None = None,
    incomplete: Mapping[str, str] | None = None,
    foreign: Iterable[str] = (),
    now: datetime = NOW,
    allow_mass_close: bool = False,
) -> Plan:
    """The plan for trackers `here` and `there` with the given tickets."""
    tickets = list(tickets)
    facts = {
        name: TrackerFacts(
            name,
            "markdown",
            65_536,
            tuple(t for t in tickets if t.tracker == name),
            (incomplete or {}).get(name, ""),
        )
        for name in ("here", "there")
    }
    return make(drafts, facts, held or {}, Policy(now, limits, 14 * DAY, allow_mass_close), foreign)


def one(made: Plan) -> Action:
    """The only action of a plan that says nothing else."""
    assert (made.deferred, made.refused, made.warnings) == ((), "", ())
    assert len(made.actions) == 1
    return made.actions[0]


def written(made: Plan) -> list[Action]:
    """The actions that write."""
    return [a for a in made.actions if a.kind in WRITING]


# ---- no ticket ----


def test_no_ticket_and_something_to_act_on_creates_one() -> None:
    done = one(plan(draft(line(1), line(2, "high", "P2"))))
    assert (done.kind, done.cause, done.tracker, done.priority) == (Kind.CREATE, Cause.NEW_FINDINGS, "here", "P1")
    assert (done.state, done.ticket, done.comment) == ("open", "", "")
    assert done.content is not None
    assert done.title == done.content.title == "[P1] registry.example/app: 1 critical, 1 high to fix"
    assert "CVE-2026-0001" in done.content.block
    marker = done.content.marker
    assert (marker.key, marker.stream, marker.priority, marker.due) == (KEY, "main", "P1", "2026-05-27")
    assert (marker.labels, marker.assignees) == (("triagebot", "team/platform"), ("octocat",))
    assert (marker.shown, marker.serious) == (("00000001", "00000002"), ("00000001", "00000002"))
    assert (marker.images, marker.held, marker.rules) == ((OLD_IMAGE,), (), "r1")
    assert len(marker.digest) == 16


@pytest.mark.parametrize("want", [w for w in Want if w is not Want.OPEN])
def test_no_ticket_and_nothing_to_act_on_does_nothing(want: Want) -> None:
    assert plan(draft(want=want)).actions == ()


# ---- an open ticket ----


def test_equal_content_writes_nothing() -> None:
    assert plan(draft(line(1)), tickets=[ticket_of(draft(line(1)))]).actions == ()


@pytest.mark.parametrize(
    "change",
    [
        {"scanned_at": NOW + DAY},
        {"images": (NEW_IMAGE,)},
        {"lines": (line(1, first_seen=NOW - DAY),)},
        {"lines": (line(1, severity_source="vendor"),)},
        {"lines": (line(1, url="https://example.org/moved"),)},
    ],
)
def test_what_no_reader_misses_writes_nothing(change: dict[str, Any]) -> None:
    assert plan(replace(draft(line(1)), **change), tickets=[ticket_of(draft(line(1)))]).actions == ()


@pytest.mark.parametrize(
    "after",
    [
        draft(line(1, title="Something else")),
        draft(line(1, fixed="1.0-r2")),
        draft(line(1, tags=("1.0", "1.1"))),
        draft(line(1), line(2, "medium")),
        draft(line(1), line(3), line(4)),
    ],
)
def test_changed_content_updates_without_a_comment(after: Draft) -> None:
    """Serious findings that the ticket showed before are no news, nor is anything that leaves."""
    before = ticket_of(draft(line(1), line(3), line(4), line(5)))
    done = one(plan(after, tickets=[before]))
    assert (done.kind, done.cause, done.comment, done.comment_digest) == (
        Kind.UPDATE,
        Cause.CONTENT_CHANGED,
        "",
        "",
    )
    assert (done.ticket, done.url, done.state) == (before.id, before.url, "")
    assert (done.seen_digest, done.seen_open) == (before.marker.digest, True)


def test_changed_rules_are_noted_without_a_comment() -> None:
    """The marker must know by which rules it stands: later, data that moves is told from rules that changed."""
    done = one(plan(replace(draft(line(1)), rules="r2"), tickets=[ticket_of(draft(line(1)))]))
    assert (done.kind, done.comment) == (Kind.UPDATE, "")
    assert done.content is not None
    assert done.content.marker.rules == "r2"


def test_new_serious_findings_comment_and_name_only_the_new() -> None:
    done = one(plan(draft(line(1), line(2, "high")), tickets=[ticket_of(draft(line(1)))]))
    assert (done.kind, done.cause) == (Kind.UPDATE, Cause.MATERIAL_CHANGE)
    assert "New since this ticket was last updated: 1 critical or high." in done.comment
    assert "CVE-2026-0002" in done.comment
    assert "CVE-2026-0001" not in done.comment
    assert len(done.comment_digest) == 12


def test_a_finding_that_becomes_serious_is_news() -> None:
    done = one(plan(draft(line(1), line(2)), tickets=[ticket_of(draft(line(1), line(2, "medium")))]))
    assert done.cause is Cause.MATERIAL_CHANGE
    assert "CVE-2026-0002" in done.comment


def test_many_new_findings_are_named_up_to_twenty() -> None:
    done = one(plan(draft(*(line(n) for n in range(1, 32))), tickets=[ticket_of(draft(line(1)))]))
    assert done.comment.count("CVE-2026-") == 20
    assert done.comment.endswith("\n- and 10 more\n")


def test_a_raised_priority_comments() -> None:
    done = one(plan(draft(line(1, priority="P0")), tickets=[ticket_of(draft(line(1)))]))
    said = "Priority raised from P1 to P0 by CVE-2026-0001 in `p1`: An upgrade fixes it.\n"
    assert (done.cause, done.comment) == (Cause.MATERIAL_CHANGE, said)
    assert done.reason == "Priority raised from P1 to P0: CVE-2026-0001 in p1."


def test_a_lowered_priority_does_not() -> None:
    done = one(plan(draft(line(1, priority="P2")), tickets=[ticket_of(draft(line(1)))]))
    assert (done.cause, done.comment) == (Cause.CONTENT_CHANGED, "")


def test_a_damaged_ticket_is_put_right() -> None:
    done = one(plan(draft(line(1)), tickets=[ticket_of(draft(line(1)), damaged=True)]))
    assert (done.kind, done.cause, done.comment) == (Kind.UPDATE, Cause.MARKER_RESTORED, "")


def test_two_tickets_of_one_key_are_said() -> None:
    here = ticket_of(draft(line(1)))
    made = plan(draft(line(1)), tickets=[here, replace(here, id="other.md")])
    assert made.actions == ()
    assert len(made.warnings) == 1
    assert KEY in made.warnings[0]


def test_an_open_ticket_is_used_before_a_closed_one() -> None:
    gone = closed(draft(line(1)), closed_by_us=True)
    done = one(replace(plan(draft(line(2)), tickets=[gone, ticket_of(draft(line(1)), id="open.md")]), warnings=()))
    assert (done.kind, done.ticket) == (Kind.UPDATE, "open.md")


# ---- due dates ----


def test_due_never_moves_later() -> None:
    before = ticket_of(draft(line(1, due=NOW + 3 * DAY)))
    assert plan(draft(line(1, due=NOW + 9 * DAY)), tickets=[before]).actions == ()


def test_due_moves_earlier() -> None:
    done = one(plan(draft(line(1, due=NOW + 3 * DAY)), tickets=[ticket_of(draft(line(1)))]))
    assert done.content is not None
    assert done.content.marker.due == "2026-05-23"
    assert "2026-05-23" in done.content.block


def test_due_stays_where_no_rule_gives_one_any_more() -> None:
    done = one(plan(draft(line(1, due=None), line(2, "low")), tickets=[ticket_of(draft(line(1)))]))
    assert done.content is not None
    assert done.content.marker.due == "2026-05-27"


def test_a_reappeared_finding_starts_anew() -> None:
    gone = closed_by_us(line(1, due=NOW - 30 * DAY), "done")
    done = one(plan(draft(line(1, first_seen=NOW)), tickets=[gone]))
    assert done.content is not None
    assert done.content.marker.due == "2026-05-27"


def closed_by_us(shown: Line, closed_as: ClosedAs) -> Ticket:
    """A ticket that we closed a day ago, from which time on what it showed was gone, or excused."""
    return ticket_of(draft(shown), is_open=False, closed_by_us=True, closed_as=closed_as, closed_at=NOW - DAY)


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_was_excused_or_ignored_in_between_keeps_its_day(is_lost: bool) -> None:
    """It never went away. Where history was lost meanwhile it seems new, and is not."""
    now = line(1, first_seen=NOW, baseline=True) if is_lost else line(1)
    done = one(plan(draft(now), tickets=[closed_by_us(line(1, due=NOW), "not-planned")]))
    assert done.content is not None
    assert (done.kind, done.content.marker.due) == (Kind.REOPEN, "2026-05-20")


def test_one_that_stayed_while_the_others_were_mended_keeps_the_day() -> None:
    gone = closed_by_us(line(1, due=NOW), "done")
    done = one(plan(draft(line(1), line(2, first_seen=NOW)), tickets=[gone]))
    assert done.content is not None
    assert done.content.marker.due == "2026-05-20"


def test_what_the_ticket_never_showed_has_a_day_of_its_own() -> None:
    done = one(plan(draft(line(2)), tickets=[closed_by_us(line(1, due=NOW), "not-planned")]))
    assert done.content is not None
    assert done.content.marker.due == "2026-05-27"


def test_a_decision_that_ends_as_something_new_comes_keeps_the_day() -> None:
    gone = closed(draft(line(1, due=NOW)), "not-planned", days=91)
    done = one(plan(draft(line(1, first_seen=NOW - 100 * DAY), line(2)), tickets=[gone]))
    assert done.content is not None
    assert (done.cause, done.content.marker.due) == (Cause.DECISION_EXPIRED, "2026-05-20")
    assert "has expired, and there is something new" in done.comment


def test_what_was_mended_and_returns_begins_anew_whoever_closed_the_ticket() -> None:
    for closed_as in ("done", "not-planned", "duplicate"):
        gone = closed(draft(line(1, due=NOW)), closed_as, days=91)
        done = one(plan(draft(line(1, first_seen=NOW - DAY)), tickets=[gone]))
        assert done.content is not None
        assert done.content.marker.due == "2026-05-27", closed_as
        lost = one(plan(draft(line(1, first_seen=NOW - DAY, baseline=True)), tickets=[gone]))
        assert lost.content is not None
        assert lost.content.marker.due == "2026-05-20", closed_as


def test_what_is_excused_keeps_its_day_while_the_ticket_is_about_something_else() -> None:
    """A and its day are remembered by the ticket that is reopened for B, and told again when nothing excuses A."""
    gone = closed(draft(line(1, due=NOW)), "not-planned")
    held = held_by_people([gone], 90 * DAY, NOW)
    reopened = one(plan(draft(line(2), excused=(line(1, excuse="decided"),)), tickets=[gone], held=held))
    assert reopened.content is not None
    marker = reopened.content.marker
    assert (marker.due, marker.promised) == ("2026-05-27", ("00000001:2026-05-20",))
    standing = replace(gone, is_open=True, closed_as="", closed_at=None, marker=marker)
    done = one(plan(draft(line(1, due=NOW + 30 * DAY), line(2)), tickets=[standing]))
    assert done.content is not None
    assert (done.content.marker.due, done.content.marker.promised) == ("2026-05-20", ())
    assert "Known before, and to act on now" in done.comment
    assert "New since" not in done.comment


def test_the_day_goes_along_to_another_tracker_also_from_a_closed_ticket() -> None:
    gone = replace(closed_by_us(line(1, due=NOW), "not-planned"), tracker="there")
    done = one(plan(draft(line(1)), tickets=[gone]))
    assert done.content is not None
    assert (done.kind, done.content.marker.due) == (Kind.CREATE, "2026-05-20")
    other = replace(gone, marker=replace(gone.marker, stream="other"))
    anew = one(plan(draft(line(1)), tickets=[other])).content
    assert anew is not None
    assert anew.marker.due == "2026-05-27", "another stream promises nothing here"


# ---- why a ticket is opened again ----


def test_a_ticket_of_what_was_mended_is_opened_for_something_else_with_true_words() -> None:
    for gone in (
        closed_by_us(line(1, due=NOW), "done"),
        closed(draft(line(1, due=NOW))),
        closed(draft(line(1)), days=90),
    ):
        done = one(plan(draft(line(2, first_seen=NOW)), tickets=[gone]))
        assert (done.kind, done.cause) == (Kind.REOPEN, Cause.NOT_SHOWN_BEFORE)
        assert "there is something that this ticket did not show when it was closed" in done.comment
        assert "stays decided" not in done.comment
        assert done.content is not None
        assert done.content.marker.due == "2026-05-27"


def test_closed_by_us_as_excused_and_something_new_does_not_say_that_nothing_excuses() -> None:
    gone = closed_by_us(line(1), "not-planned")
    done = one(plan(draft(line(2), excused=(line(1, excuse="accepted"),)), tickets=[gone]))
    assert done.cause is Cause.NOT_SHOWN_BEFORE
    assert "nothing excuses" not in done.comment


def test_closed_as_done_and_something_more_urgent_does_not_wait_for_a_newer_image() -> None:
    gone = closed(draft(line(1, priority="P2")))
    now = draft(line(1, priority="P2"), line(2, priority="P0", first_seen=NOW))
    done = one(plan(now, tickets=[gone]))
    assert (done.kind, done.cause) == (Kind.REOPEN, Cause.NOT_SHOWN_BEFORE)
    assert "CVE-2026-0002" in done.comment
    assert "CVE-2026-0001" not in done.comment
    alike = draft(line(1, priority="P2"), line(2, priority="P2", first_seen=NOW))
    assert one(plan(alike, tickets=[gone])).kind is Kind.LEAVE


def test_reopening_counts_as_opening_for_the_limit() -> None:
    gone = [replace(closed_by_us(line(n), "not-planned"), id=f"{n}.md") for n in range(3)]
    gone = [replace(t, marker=replace(t.marker, key=f"{KEY}{n}")) for n, t in enumerate(gone)]
    drafts = [draft(line(n), key=f"{KEY}{n}") for n in range(3)]
    made = plan(*drafts, draft(line(7), key=f"{KEY}7"), tickets=gone, limits=WIDE.model_copy(update={"new_tickets": 2}))
    assert [a.kind for a in made.actions] == [Kind.CREATE, Kind.REOPEN]
    assert [a.kind for a in made.deferred] == [Kind.REOPEN, Kind.REOPEN]


# ---- closed tickets ----


def test_closed_by_us_and_there_again_reopens_with_a_comment() -> None:
    gone = ticket_of(draft(line(1)), is_open=False, closed_as="done", closed_by_us=True, closed_at=NOW - DAY)
    done = one(plan(draft(line(1)), tickets=[gone]))
    assert (done.kind, done.cause, done.state, done.seen_open) == (Kind.REOPEN, Cause.REAPPEARED, "open", False)
    assert done.content is not None
    assert done.comment.startswith("Reopened: what was gone is there again.\n")
    assert "CVE-2026-0001" in done.comment
    image = "`registry.example/app:1.0@sha256:0123456789ab`"
    seen = draft(line(1, images=("1.0@sha256:0123456789ab",), seen_in="week-20"))
    told = one(plan(seen, tickets=[gone])).comment
    assert f"Scan `week-20` shows this in {image}.\n\nNext: " in told
    assert done.comment_digest


def test_each_closing_is_reopened_with_its_own_comment() -> None:
    """The same words after another closing are another comment."""
    gone = ticket_of(draft(line(1)), is_open=False, closed_by_us=True, closed_at=NOW - 2 * DAY)
    again = replace(gone, closed_at=NOW - DAY)
    first, second = (one(plan(draft(line(1)), tickets=[t])) for t in (gone, again))
    assert first.comment == second.comment
    assert first.comment_digest != second.comment_digest


def test_a_reopening_with_many_findings_counts_those_it_does_not_name() -> None:
    gone = ticket_of(draft(line(1)), is_open=False, closed_by_us=True, closed_at=NOW - DAY)
    done = one(plan(draft(*(line(n) for n in range(31))), tickets=[gone]))
    assert done.comment.count("CVE-2026-") == 20
    assert "and 11 more" in done.comment


def test_closed_as_done_and_not_scanned_since_waits() -> None:
    done = one(plan(draft(line(1), scanned_at=NOW - 2 * DAY, images=(NEW_IMAGE,)), tickets=[closed(draft(line(1)))]))
    assert (done.kind, done.cause) == (Kind.LEAVE, Cause.CLOSED_UNVERIFIED)


def test_closed_as_done_and_scanned_since_with_the_old_image_waits() -> None:
    done = one(plan(draft(line(1)), tickets=[closed(draft(line(1)))]))
    assert (done.kind, done.cause) == (Kind.LEAVE, Cause.CLOSED_UNVERIFIED)


def test_closed_as_done_and_a_newer_image_has_it_reopens() -> None:
    done = one(plan(draft(line(1), images=(NEW_IMAGE,)), tickets=[closed(draft(line(1)))]))
    assert (done.kind, done.cause, done.state) == (Kind.REOPEN, Cause.CLOSED_BUT_PRESENT, "open")
    assert "newer image" in done.comment


def test_closed_as_done_the_old_image_beside_the_newer_counts_too() -> None:
    """Two tags of an image: one was rebuilt and still has it."""
    done = one(plan(draft(line(1), images=(OLD_IMAGE, NEW_IMAGE)), tickets=[closed(draft(line(1)))]))
    assert done.kind is Kind.REOPEN


@pytest.mark.parametrize(("days", "kind"), [(13.9, Kind.LEAVE), (14, Kind.REOPEN), (40, Kind.REOPEN)])
def test_closed_as_done_waits_no_longer_than_the_grace(days: float, kind: Kind) -> None:
    done = one(plan(draft(line(1), scanned_at=NOW - 50 * DAY), tickets=[closed(draft(line(1)), days=days)]))
    assert done.kind is kind


@pytest.mark.parametrize("want", [w for w in Want if w is not Want.OPEN])
def test_a_closed_ticket_that_need_not_be_open_stays_closed(want: Want) -> None:
    assert plan(draft(want=want), tickets=[closed(draft(line(1)))]).actions == ()


@pytest.mark.parametrize("closed_as", ["not-planned", "duplicate"])
def test_a_finding_it_did_not_show_reopens_it_naming_only_that_one(closed_as: str) -> None:
    gone = closed(draft(line(1)), closed_as)
    held = held_by_people([gone], 90 * DAY, NOW)
    now = draft(line(2), excused=(line(1, excuse="closed as not-planned"),))
    done = one(plan(now, tickets=[gone], held=held))
    assert (done.kind, done.cause, done.state) == (Kind.REOPEN, Cause.NOT_SHOWN_BEFORE, "open")
    assert "CVE-2026-0002" in done.comment
    assert "CVE-2026-0001" not in done.comment
    assert done.content is not None
    assert done.content.marker.shown == ("00000002",)


@pytest.mark.parametrize("duplicate_open", [None, True])
@pytest.mark.parametrize("closed_as", ["not-planned", "duplicate"])
def test_a_reopened_ticket_keeps_the_decision_on_what_it_showed(closed_as: str, duplicate_open: bool | None) -> None:
    gone = closed(draft(line(1)), closed_as, duplicate_open=duplicate_open)
    held = held_by_people([gone], 90 * DAY, NOW)
    done = one(plan(draft(line(2), excused=(line(1, excuse="decided"),)), tickets=[gone], held=held))
    assert done.content is not None
    reopened = replace(
        gone, is_open=True, closed_as="", closed_at=None, duplicate_open=None, marker=done.content.marker
    )
    assert set(held_by_people([reopened], 90 * DAY, NOW + DAY)) == {"00000001"}
    if not duplicate_open:
        assert held_by_people([reopened], 90 * DAY, NOW + 90 * DAY) == {}


def test_an_expired_decision_reopens_it() -> None:
    gone = closed(draft(line(1)), "not-planned", days=91)
    assert held_by_people([gone], 90 * DAY, NOW) == {}
    done = one(plan(draft(line(1)), tickets=[gone]))
    assert (done.kind, done.cause) == (Kind.REOPEN, Cause.DECISION_EXPIRED)
    assert "expired" in done.comment


# ---- decisions of people ----


@pytest.mark.parametrize(
    ("ticket", "held"),
    [
        (closed(draft(line(1)), "not-planned", days=1), {"00000001"}),
        (closed(draft(line(1)), "not-planned", days=89), {"00000001"}),
        (closed(draft(line(1)), "not-planned", days=90), set()),
        (closed(draft(line(1)), "duplicate", days=1), {"00000001"}),
        (closed(draft(line(1)), "duplicate", days=300, duplicate_open=True), {"00000001"}),
        (closed(draft(line(1)), "duplicate", days=1, duplicate_open=False), set()),
        (closed(draft(line(1)), "done", days=1), set()),
        (closed(draft(line(1)), "not-planned", closed_by_us=True), set()),
        (ticket_of(draft(line(1))), set()),
        (ticket_of(draft(line(1)), marker__held=("00000009:2026-05-21",)), {"00000009"}),
        (ticket_of(draft(line(1)), marker__held=("00000009:2026-05-20",)), set()),
        (closed(draft(line(1)), "done", marker__held=("00000009:2026-06-01",)), {"00000009"}),
    ],
)
def test_what_people_decided(ticket: Ticket, held: set[str]) -> None:
    assert set(held_by_people([ticket], 90 * DAY, NOW)) == held


def test_the_longest_decision_holds() -> None:
    short = ticket_of(draft(line(1)), marker__held=("00000001:2026-06-01",))
    long = closed(draft(line(1)), "not-planned", days=0)
    for tickets in ([short, long], [long, short]):
        assert held_by_people(tickets, 90 * DAY, NOW)["00000001"].until == date(2026, 8, 18)


# ---- closing ----


@pytest.mark.parametrize(
    ("want", "cause", "closed_as"),
    [
        (Want.FIXED, Cause.FIXED, "done"),
        (Want.DECIDED, Cause.DECIDED, "not-planned"),
        (Want.BELOW, Cause.BELOW_THRESHOLD, "not-planned"),
        (Want.RETIRED, Cause.RETIRED, "not-planned"),
    ],
)
def test_closing(want: Want, cause: Cause, closed_as: str) -> None:
    before = ticket_of(draft(line(1)))
    done = one(plan(draft(want=want, excused=(line(1, excuse="accepted"),)), tickets=[before]))
    assert (done.kind, done.cause, done.state, done.closed_as) == (Kind.CLOSE, cause, "closed", closed_as)
    assert done.comment.startswith("Closed")
    assert done.comment_digest
    assert (done.seen_digest, done.seen_open, done.title) == (before.marker.digest, True, before.title)
    assert done.priority == "P1"


def test_a_closing_names_its_evidence() -> None:
    gone = Gone("00000001", "CVE-2026-0001", "p1", "registry.example/app", "fixed", "week-20", "1.0@sha256:aaa",
                "1.1@sha256:bbb", "1.0-r0", "1.0-r1")  # fmt: skip
    done = one(plan(draft(want=Want.FIXED, gone=(gone,)), tickets=[ticket_of(draft(line(1)))]))
    for evidence in ("CVE-2026-0001", "p1", "1.0@sha256:aaa", "1.1@sha256:bbb", "1.0-r0", "1.0-r1", "week-20"):
        assert evidence in done.comment


def test_a_closing_names_its_decision() -> None:
    excused = (line(1, excuse="accepted risk until 2027-01-31: behind the firewall, approved by A. Person"),)
    done = one(plan(draft(want=Want.DECIDED, excused=excused), tickets=[ticket_of(draft(line(1)))]))
    assert "accepted risk until 2027-01-31: behind the firewall, approved by A. Person" in done.comment


@pytest.mark.parametrize(
    ("want", "cause"),
    [
        (Want.STAYS, Cause.DATA_MOVED),
        (Want.LEAVE, Cause.UNVERIFIED),
        (Want.UNKNOWN, Cause.UNVERIFIED),
    ],
)
def test_an_open_ticket_stays(want: Want, cause: Cause) -> None:
    before = ticket_of(draft(line(1)))
    done = one(plan(draft(line(1), want=want), tickets=[before]))
    assert (done.kind, done.cause) == (Kind.LEAVE, cause)
    assert (done.content, done.state, done.comment) == (None, "", "")


@pytest.mark.parametrize(("missed", "kind"), [(1, Kind.LEAVE), (2, Kind.LEAVE), (3, Kind.UPDATE), (7, Kind.UPDATE)])
def test_three_missed_scans_are_said_once(missed: int, kind: Kind) -> None:
    unseen = draft(line(1, verified=False, missed=missed), want=Want.LEAVE)
    before = ticket_of(draft(line(1)))
    done = one(plan(unseen, tickets=[before]))
    assert (done.kind, done.cause, done.comment) == (kind, Cause.UNVERIFIED, "")
    if done.content is None:
        return
    assert "Not looked at by the last scans" in done.content.block
    later = draft(line(1, verified=False, missed=missed + 1), want=Want.LEAVE)
    assert one(plan(later, tickets=[replace(before, marker=done.content.marker)])).kind is Kind.LEAVE


def test_one_finding_that_was_looked_at_is_enough() -> None:
    unseen = draft(line(1, missed=9, verified=False), line(2, missed=0), want=Want.LEAVE)
    assert one(plan(unseen, tickets=[ticket_of(draft(line(1)))])).kind is Kind.LEAVE


# ---- moves ----


def test_another_tracker_creates_there_then_closes_here() -> None:
    before = ticket_of(draft(line(1, due=NOW + DAY)), marker__held=("00000009:2026-06-01",))
    held = held_by_people([before], 90 * DAY, NOW)
    now = draft(line(1), tracker="there", excused=(line(9, excuse="decided"),))
    create, move = plan(now, tickets=[before], held=held).actions
    assert (create.kind, create.cause, create.tracker, create.state) == (Kind.CREATE, Cause.MOVED, "there", "open")
    assert create.content is not None
    assert create.content.marker.due == "2026-05-21"
    assert create.content.marker.held == ("00000009:2026-06-01",)
    assert (move.kind, move.cause, move.tracker, move.ticket) == (Kind.MOVE, Cause.MOVED, "here", before.id)
    assert (move.state, move.closed_as) == ("closed", "not-planned")
    assert KEY in move.after
    assert NEW_TICKET in move.comment
    assert move.comment.endswith(" It belongs to Platform, whose tickets are filed in there.\n")


def test_a_move_back_goes_on_where_it_was() -> None:
    """The ticket at the old place was closed as moved; it is opened again, with the due date that was promised."""
    first = ticket_of(draft(line(1)), is_open=False, closed_as="not-planned", closed_by_us=True, closed_at=NOW - DAY)
    second = ticket_of(draft(line(1, due=NOW + DAY), tracker="there"))
    done, move = plan(draft(line(1)), tickets=[first, second]).actions
    assert (done.kind, move.kind, move.ticket) == (Kind.REOPEN, Kind.MOVE, second.id)
    assert done.content is not None
    assert done.content.marker.due == "2026-05-21"
    assert done.cause is Cause.MOVED


def test_a_move_waits_for_its_new_ticket() -> None:
    before = ticket_of(draft(line(1)))
    made = plan(draft(line(1), tracker="there"), tickets=[before], limits=Limits(new_tickets=0))
    assert made.actions == ()
    assert [(a.kind, a.cause) for a in made.deferred] == [(Kind.CREATE, Cause.LIMIT), (Kind.MOVE, Cause.LIMIT)]


def test_moves_are_no_closings() -> None:
    drafts = [draft(line(n), key=f"image:r/{n}") for n in range(1, 21)]
    moved = [replace(d, tracker="there") for d in drafts]
    made = plan(*moved, tickets=[ticket_of(d) for d in drafts], limits=Limits(close_fraction=0.1))
    assert made.refused == ""
    kinds = [a.kind for a in made.actions]
    assert (kinds.count(Kind.CREATE), kinds.count(Kind.MOVE)) == (20, 20)
    assert max(i for i, k in enumerate(kinds) if k is Kind.CREATE) < kinds.index(Kind.MOVE)


def test_a_renamed_team_keeps_its_ticket() -> None:
    before = ticket_of(draft(line(1), key="upgrade:nameservers:bind"))
    renamed = draft(line(1), key="upgrade:dns:bind", former_keys=("upgrade:nameservers:bind",))
    assert [a.kind for a in written(plan(renamed, tickets=[before]))] in ([], [Kind.UPDATE])


def test_a_renamed_team_has_one_draft_for_its_ticket() -> None:
    """`group` makes a draft of the former key too, as its ticket still carries it; it must not close the ticket."""
    before = ticket_of(draft(line(1, priority="P0"), key="upgrade:nameservers:bind"))
    renamed = draft(line(1), key="upgrade:dns:bind", former_keys=("upgrade:nameservers:bind",))
    former = draft(key="upgrade:nameservers:bind", want=Want.FIXED)
    for drafts in ([renamed, former], [former, renamed]):
        assert Kind.CLOSE not in [a.kind for a in plan(*drafts, tickets=[before]).actions]


# ---- grouped otherwise ----

OLD_KEY = "upgrade:platform:openssl"


def regrouped(*shown: Line) -> tuple[Draft, Ticket]:
    """A ticket from before the grouping changed, and its draft now."""
    before = ticket_of(draft(*shown, key=OLD_KEY))
    return draft(key=OLD_KEY, want=Want.UNKNOWN), before


def test_regrouped_findings_with_a_home_move_there() -> None:
    old, before = regrouped(line(1, due=NOW + DAY))
    create, move = plan(draft(line(1)), old, tickets=[before], foreign=[OLD_KEY]).actions
    assert (create.kind, create.key) == (Kind.CREATE, KEY)
    assert create.content is not None
    assert create.content.marker.due == "2026-05-21"
    assert (move.kind, move.ticket) == (Kind.MOVE, before.id)
    assert KEY in move.after


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (OLD_KEY, KEY, "Tickets are grouped by image now."),
        ("upgrade:web:openssl", "upgrade:dns:openssl", "Its team changed from web to dns."),
        ("posture:web:k8s://a/b", "posture:dns:k8s://a/b", "Its team changed from web to dns."),
        ("upgrade:web:openssl", "upgrade:web:libssl", "What it is about has another name now."),
        (KEY, "image:r/other", "What it is about has another name now."),
    ],
)
def test_a_move_says_what_changed(old: str, new: str, why: str) -> None:
    before = ticket_of(draft(line(1), key=old))
    home, away = draft(line(1), key=new), draft(key=old, want=Want.UNKNOWN)
    _, move = plan(home, away, tickets=[before], foreign=[old]).actions
    assert move.comment == f"Moved: the work goes on in {NEW_TICKET}. {why}\n"


def test_regrouped_findings_without_a_home_keep_the_ticket() -> None:
    old, before = regrouped(line(1), line(2))
    made = plan(draft(line(1)), old, tickets=[before], foreign=[OLD_KEY])
    assert [a.kind for a in made.actions] == [Kind.CREATE, Kind.LEAVE]
    assert made.actions[1].cause is Cause.MOVED


@pytest.mark.parametrize("how", ["gone", "excused"])
def test_regrouped_findings_that_left_need_no_home(how: str) -> None:
    _, before = regrouped(line(1), line(2))
    gone = Gone("00000002", "CVE-2026-0002", "p2", "registry.example/app", "fixed", "l", "1", "2", "1", "2")
    old = draft(key=OLD_KEY, want=Want.UNKNOWN, gone=(gone,) if how == "gone" else ())
    home = draft(line(1), excused=(line(2, excuse="accepted"),) if how == "excused" else ())
    made = plan(home, old, tickets=[before], foreign=[OLD_KEY])
    assert [a.kind for a in made.actions] == [Kind.CREATE, Kind.MOVE]


def test_regrouped_findings_that_all_left_close_it() -> None:
    _, before = regrouped(line(1))
    gone = Gone("00000001", "CVE-2026-0001", "p1", "registry.example/app", "fixed", "l", "1", "2", "1", "2")
    done = one(plan(draft(key=OLD_KEY, want=Want.FIXED, gone=(gone,)), tickets=[before], foreign=[OLD_KEY]))
    assert (done.kind, done.cause, done.closed_as) == (Kind.CLOSE, Cause.FIXED, "done")


def test_regrouped_findings_move_once_all_homes_stand() -> None:
    """One of two new tickets does not fit into the limits: the old one stays until both stand."""
    old, before = regrouped(line(1), line(2, "high", "P2"))
    homes = [draft(line(1), key="image:r/a"), draft(line(2, "high", "P2"), key="image:r/b")]
    made = plan(*homes, old, tickets=[before], foreign=[OLD_KEY], limits=Limits(new_tickets=1))
    assert [a.key for a in made.actions if a.kind is Kind.CREATE] == ["image:r/a"]
    assert [a for a in made.actions if a.kind is Kind.MOVE] == []
    first = ticket_of(homes[0])
    made = plan(*homes, old, tickets=[before, first], foreign=[OLD_KEY], limits=Limits(new_tickets=1))
    assert [a.kind for a in written(made)] == [Kind.CREATE, Kind.MOVE]


def test_regrouped_findings_do_not_move_to_a_tracker_that_is_out_of_reach() -> None:
    old, before = regrouped(line(1))
    home = draft(line(1), tracker="there")
    made = plan(home, old, tickets=[before], foreign=[OLD_KEY], incomplete={"there": "no answer"})
    assert written(made) == []


# ---- trackers that do not answer ----


def test_an_incomplete_tracker_takes_no_part_and_the_others_go_on() -> None:
    drafts = [draft(line(1)), draft(line(2), key="image:r/b", tracker="there")]
    made = plan(*drafts, incomplete={"here": "page 3 of 7 is missing"})
    assert [(a.kind, a.tracker) for a in made.actions] == [(Kind.CREATE, "there")]
    assert [(a.key, a.cause) for a in made.deferred] == [(KEY, Cause.TRACKER_INCOMPLETE)]
    assert "page 3 of 7 is missing" in made.deferred[0].reason


@pytest.mark.parametrize("want", list(Want))
def test_a_ticket_in_an_incomplete_tracker_is_not_touched(want: Want) -> None:
    before = ticket_of(draft(line(1), line(2)))
    made = plan(draft(line(1), want=want), tickets=[before], incomplete={"here": "no answer"})
    assert made.actions == ()


def test_a_move_out_of_an_incomplete_tracker_waits() -> None:
    before = ticket_of(draft(line(1)))
    made = plan(draft(line(1), tracker="there"), tickets=[before], incomplete={"here": "no answer"})
    assert made.actions == ()
    assert len(made.deferred) == 1


def test_a_tracker_that_nobody_configured_is_deferred() -> None:
    made = plan(draft(line(1), tracker="nowhere"))
    assert made.actions == ()
    assert [a.cause for a in made.deferred] == [Cause.TRACKER_INCOMPLETE]


# ---- limits ----


def test_the_most_urgent_tickets_come_first() -> None:
    drafts = [draft(line(n, priority=f"P{n % 5}"), key=f"image:r/{n}") for n in range(10)]
    made = plan(*drafts, limits=Limits(new_tickets=4))
    assert [a.priority for a in made.actions] == ["P0", "P0", "P1", "P1"]
    assert [a.priority for a in made.deferred] == ["P2", "P2", "P3", "P3", "P4", "P4"]
    assert {(a.cause, a.kind) for a in made.deferred} == {(Cause.LIMIT, Kind.CREATE)}
    assert all("limits.new_tickets of 4" in a.reason for a in made.deferred)


def test_limits_count_per_tracker() -> None:
    drafts = [draft(line(n), key=f"image:r/{n}", tracker=("here", "there")[n % 2]) for n in range(6)]
    made = plan(*drafts, limits=Limits(new_tickets=2))
    assert sorted(a.tracker for a in made.actions) == ["here", "here", "there", "there"]
    assert len(made.deferred) == 2


def test_writes_are_limited_over_all_kinds() -> None:
    old = [draft(line(n, "high", "P2"), key=f"image:r/{n}") for n in range(1, 5)]
    drafts = [replace(d, lines=(replace(d.lines[0], title="changed"),)) for d in old[:2]]
    drafts += [replace(d, lines=(), want=Want.FIXED) for d in old[2:]]
    drafts += [draft(line(9, priority="P0"), key="image:r/9"), draft(line(8, priority="P3"), key="image:r/8")]
    made = plan(*drafts, tickets=[ticket_of(d) for d in old], limits=Limits(writes=4))
    assert [a.kind for a in made.actions] == [Kind.CREATE, Kind.UPDATE, Kind.UPDATE, Kind.CLOSE]
    assert [a.kind for a in made.deferred] == [Kind.CLOSE, Kind.CREATE]
    assert all("limits.writes of 4" in a.reason for a in made.deferred)


def test_what_only_stays_counts_against_no_limit() -> None:
    stays = [draft(line(n), key=f"image:r/{n}", want=Want.LEAVE) for n in range(5)]
    tickets = [ticket_of(replace(d, want=Want.OPEN)) for d in stays]
    made = plan(*stays, tickets=tickets, limits=Limits(new_tickets=0, writes=0))
    assert len(made.actions) == 5
    assert made.deferred == ()


@pytest.mark.parametrize(
    ("closing", "of", "refused"),
    [(5, 5, False), (6, 6, True), (6, 12, False), (7, 12, True), (6, 11, True), (0, 0, False), (20, 100, False)],
)
def test_closing_most_of_it_at_once_is_refused(closing: int, of: int, refused: bool) -> None:
    old = [draft(line(n), key=f"image:r/{n:03}") for n in range(of)]
    drafts = [replace(d, lines=(), want=Want.FIXED) for d in old[:closing]] + old[closing:]
    tickets = [ticket_of(d) for d in old]
    limits = Limits(close_fraction=0.5)
    made = plan(*drafts, tickets=tickets, limits=limits)
    assert bool(made.refused) == refused
    assert len([a for a in made.actions if a.kind is Kind.CLOSE]) == closing
    if refused:
        assert f"{closing} of {of} open tickets" in made.refused
        assert "--allow-mass-close" in made.refused
        assert "here" in made.refused
    assert plan(*drafts, tickets=tickets, limits=limits, allow_mass_close=True).refused == ""


def test_closed_tickets_do_not_hide_a_mass_closing() -> None:
    old = [draft(line(n), key=f"image:r/{n}") for n in range(6)]
    past = [closed(draft(line(n), key=f"image:r/{n}")) for n in range(10, 90)]
    drafts = [replace(d, lines=(), want=Want.FIXED) for d in old]
    made = plan(*drafts, tickets=[*past, *(ticket_of(d) for d in old)], limits=Limits(close_fraction=0.5))
    assert "6 of 6 open tickets" in made.refused


# ---- a plan carried out leaves nothing to do ----


class Unjournalled:
    """No journal."""

    def intend(self, action: Action) -> None: ...

    def refused(self, action: Action) -> None: ...

    def done(self, action: Action, ticket: Ticket) -> None: ...

    def gone(self, action: Action) -> None: ...


@dataclass
class MemoryTracker:
    """A tracker in memory: the interface and nothing more."""

    name: str
    now: datetime
    markup: str = "markdown"
    body_limit: int = 65_536
    reads: int = 0
    writes: int = 0
    place: str = ""
    comment_writes: int = 0
    batch: int = 2
    lag: timedelta = timedelta(0)
    flags: bool = True
    notes: list[str] = field(default_factory=list)
    held: dict[str, Ticket] = field(default_factory=dict)

    def listing(self, known: Known) -> Listing:
        return Listing(tuple(self.held.values()))

    def survey(self, place: str, people: Collection[str]) -> Survey:
        return Survey()

    def calls(self) -> tuple[int | None, str]:
        return None, ""

    def memory(self) -> Mapping[str, Any]:
        return {}

    def answer(self, ticket: Ticket, remark: Remark, reply: str) -> None: ...

    def tidy(self) -> None: ...

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        return []

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        return one_by_one(self.create, contents)

    def create(self, content: Content) -> Ticket:
        for ticket in self.held.values():
            if ticket.marker.key == content.marker.key:
                return ticket
        made = f"{self.name}-{len(self.held) + 1}"
        self.writes += 1
        self.held[made] = Ticket(made, f"url/{made}", self.name, content.marker, True, content.title)
        return self.held[made]

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        ticket = self.held.get(ticket_id)
        if ticket is None:
            raise TrackerError(ticket_id, "is not there")
        if ticket.is_open != edit.seen_open or (edit.seen_digest and edit.seen_digest != ticket.marker.digest):
            raise Drifted("it changed")
        self.writes += 1
        if edit.content:
            ticket = replace(ticket, marker=edit.content.marker, title=edit.content.title, damaged=False)
        if edit.state == "open":
            ticket = replace(ticket, is_open=True, closed_as="", closed_by_us=False, closed_at=None)
        elif edit.state == "closed":
            ticket = replace(
                ticket, is_open=False, closed_as=edit.closed_as, closed_by_us=True, closed_at=self.now
            )  # fmt: skip
        self.held[ticket_id] = ticket
        return ticket


@dataclass(frozen=True)
class Image:
    """What is believed of one image in one run."""

    want: Want
    findings: tuple[int, ...]
    severity: str
    tracker: str
    image: str
    due: int
    missed: int


def in_words(decision: Held) -> str:
    """A decision as the ticket shows it."""
    return decision.said if decision.until == date.max else f"{decision.said}, until {decision.until}"


def judged(images: Sequence[Image], held: Mapping[str, Held], now: datetime) -> list[Draft]:
    """Drafts as `group` makes them: what people decided is excused, and only what is left opens a ticket."""
    made = []
    for number, image in enumerate(images):
        lines = [
            line(100 * number + f, image.severity, due=now + image.due * DAY, missed=image.missed)
            for f in image.findings
        ]
        if image.want in (Want.OPEN, Want.LEAVE):
            free = tuple(x for x in lines if x.id not in held)
            excused = tuple(replace(x, excuse=in_words(held[x.id])) for x in lines if x.id in held)
            want = image.want if free else Want.DECIDED if excused else Want.FIXED
        else:
            free, excused, want = (), (), image.want
        made.append(
            draft(
                *free,
                key=f"image:r/{number}",
                want=want,
                excused=excused,
                tracker=image.tracker,
                images=(image.image,),
                scanned_at=now,
            )
        )
    return made


def run(trackers: Mapping[str, Tracker], images: Sequence[Image], now: datetime) -> Plan:
    """Look, decide and plan, as a run does."""
    listed = {name: t.listing(Known()) for name, t in trackers.items()}
    assert not any(x.incomplete or x.broken or x.warnings for x in listed.values())
    facts = {
        name: TrackerFacts(name, "markdown", t.body_limit, listed[name].tickets) for name, t in trackers.items()
    }  # fmt: skip
    held = held_by_people([t for x in listed.values() for t in x.tickets], 90 * DAY, now)
    return make(judged(images, held, now), facts, held, Policy(now, WIDE, 14 * DAY, True))


IMAGES = st.lists(
    st.builds(
        Image,
        want=st.sampled_from([Want.OPEN, Want.OPEN, Want.OPEN, *Want]),
        findings=st.lists(st.integers(1, 4), unique=True, max_size=4).map(tuple),
        severity=st.sampled_from(["critical", "high", "medium"]),
        tracker=st.sampled_from(["here", "there"]),
        image=st.sampled_from([OLD_IMAGE, NEW_IMAGE]),
        due=st.integers(0, 30),
        missed=st.integers(0, 4),
    ),
    min_size=3,
    max_size=3,
)
PEOPLE = st.lists(st.sampled_from(["", "", "done", "not-planned", "duplicate", "open"]), min_size=3, max_size=3)
STEPS = st.lists(st.tuples(IMAGES, PEOPLE, st.integers(1, 60)), min_size=1, max_size=4)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_what_was_carried_out_leaves_nothing_to_do(steps: list[tuple[list[Image], list[str], int]]) -> None:
    trackers = {name: MemoryTracker(name, NOW) for name in ("here", "there")}
    now = NOW
    for images, people, days in steps:
        for tracker in trackers.values():
            tracker.now = now
        made = run(trackers, images, now)
        outcomes = carry_out(made, trackers, Unjournalled())
        assert [(o.outcome, o.error) for o in outcomes if o.outcome != "done"] == []
        assert written(run(trackers, images, now)) == []
        keys = [(t.marker.key, t.is_open) for x in trackers.values() for t in x.held.values() if t.is_open]
        assert len(set(keys)) == len(keys), "one open ticket a key"
        now += days * DAY
        for tracker in trackers.values():
            for (name, ticket), choice in zip(sorted(tracker.held.items()), people, strict=False):
                tracker.held[name] = by_hand(ticket, choice, now - DAY)


class Broken(MemoryTracker):
    """A tracker that breaks while it files, after its first ticket."""

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        yield self.create(contents[0])
        raise TrackerError(self.name, "broke", "mend it")


class Intents(Unjournalled):
    """What is still intended."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def intend(self, action: Action) -> None:
        self.keys.append(action.key)

    def refused(self, action: Action) -> None:
        self.keys.remove(action.key)

    def done(self, action: Action, ticket: Ticket) -> None:
        if action.key in self.keys:
            self.keys.remove(action.key)


def test_a_tracker_that_breaks_while_filing_stops_no_other() -> None:
    """What it leaves untold has failed, and may stand all the same: it stays intended."""
    trackers = {"here": Broken("here", NOW), "there": MemoryTracker("there", NOW)}
    drafts = [draft(line(n), key=f"image:{n}", tracker=n_at) for n, n_at in ((1, "here"), (2, "here"), (3, "there"))]
    facts = {n: TrackerFacts(n, "markdown", 65_536, ()) for n in trackers}
    journal = Intents()
    outcomes = carry_out(make(drafts, facts, {}, Policy(NOW, WIDE, 14 * DAY)), trackers, journal)
    told = {o.action.key: (o.outcome, o.error) for o in outcomes}
    assert told == {"image:1": ("done", ""), "image:2": ("failed", "here: broke; mend it"), "image:3": ("done", "")}
    assert journal.keys == ["image:2"]


def by_hand(ticket: Ticket, choice: str, at: datetime) -> Ticket:
    """A person closes or opens a ticket, or does nothing."""
    if choice == "open":
        return replace(ticket, is_open=True, closed_as="", closed_by_us=False, closed_at=None)
    if not choice or not ticket.is_open:
        return ticket
    return replace(ticket, is_open=False, closed_as=choice, closed_by_us=False, closed_at=at)


@given(st.lists(IMAGES, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_what_was_carried_out_on_files_leaves_nothing_to_do(steps: list[list[Image]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for step, images in enumerate(steps):
            now = NOW + step * DAY
            trackers = {name: LocalTracker(name, Path(folder) / name, now) for name in ("here", "there")}
            outcomes = carry_out(run(trackers, images, now), trackers, Unjournalled())
            assert [(o.outcome, o.error) for o in outcomes if o.outcome != "done"] == []
            again = {name: LocalTracker(name, Path(folder) / name, now) for name in ("here", "there")}
            assert written(run(again, images, now)) == []


def test_a_renamed_team_keeps_its_file(tmp_path: Path) -> None:
    """The file is named by the key; under a new key it must still be found."""
    trackers = {"here": LocalTracker("here", tmp_path, NOW)}
    old = draft(line(1), key="upgrade:nameservers:bind")
    new = draft(line(1), key="upgrade:dns:bind", team="dns", former_keys=(old.key,))

    def facts() -> dict[str, TrackerFacts]:
        return {"here": TrackerFacts("here", "markdown", 65_536, trackers["here"].listing(Known()).tickets)}

    policy = Policy(NOW, WIDE, 14 * DAY)
    carry_out(make([old], facts(), {}, policy), trackers, Unjournalled())
    carry_out(make([new], facts(), {}, policy), trackers, Unjournalled())
    listing = trackers["here"].listing(Known())
    assert listing.warnings == ()
    assert [t.is_open for t in listing.tickets] == [True]
    assert written(make([new], facts(), {}, policy)) == []
