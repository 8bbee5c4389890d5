"""What people may write in a comment, to the letter, and what is decided by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker_contract import marker

from triagebot.commands import HELP, LONGEST, Command, Malformed, read, speaks
from triagebot.decisions import OPEN_END, carried, commands_of, held_by_people, in_force, is_asked_for
from triagebot.model import ClosedAs, Remark, Ticket

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EXPIRY = timedelta(days=90)
SHOWN = ("00000001", "00000002")


def remark(text: str, at: datetime = AT, number: int = 1, **said: object) -> Remark:
    """A comment by somebody who may decide."""
    return replace(Remark(str(number), "octocat", at, text, True, SHOWN), **said)  # type: ignore[arg-type]


def command(text: str, at: datetime = AT) -> Command:
    """What a comment says."""
    assert speaks(text)
    return read(remark(text, at), EXPIRY)


def refused(text: str, at: datetime = AT) -> str:
    """What is said to somebody whose command is none."""
    assert speaks(text)
    with pytest.raises(Malformed) as fault:
        read(remark(text, at), EXPIRY)
    return str(fault.value)


def ticket(*remarks: Remark, **said: object) -> Ticket:
    """A ticket that shows two findings and holds nothing yet."""
    bare = replace(marker(), shown=SHOWN, held=())
    return replace(Ticket("a/b#1", "", "here", bare, True, remarks=remarks), **said)  # type: ignore[arg-type]


def closed(as_: ClosedAs, at: datetime = AT, *remarks: Remark, **said: object) -> Ticket:
    """The same, closed by a person."""
    return ticket(*remarks, is_open=False, closed_as=as_, closed_at=at, **said)


def held(*tickets: Ticket, now: datetime = AT) -> dict[str, date]:
    """Until when each finding is held."""
    return {finding: decision.until for finding, decision in held_by_people(tickets, EXPIRY, now).items()}


# ---- what is a command ----


@pytest.mark.parametrize(
    "text",
    [
        "/triagebot snooze 14d", "  /triagebot snooze 14d", "/triagebot\tsnooze\t14d", "/triagebot   snooze   14d  ",
        "/Triagebot Snooze 14D", "/triagebot snooze for 14d", "/triagebot snooze 2w", "/triagebot snooze 14 d",
        "Hello\n\n/triagebot snooze 14d\n\nThanks", "Hello\r\n/triagebot snooze 14d\r\nThanks\r\n",
        "> what do we do?\n\n/triagebot snooze 14d", "```\ncode\n```\n/triagebot snooze 14d",
        "/triagebot snooze 14d\n/triagebot snooze 90d",
    ],
)  # fmt: skip
def test_a_snooze(text: str) -> None:
    said = command(text)
    assert (said.kind, said.until, said.by, said.shown, said.because) == (
        "snooze", date(2026, 5, 15), "octocat", SHOWN, "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "until", "because"),
    [
        ("/triagebot accept until 2027-01-31 because it is not reachable", "accept", date(2027, 1, 31),
         "it is not reachable"),
        ("/triagebot ACCEPT Until 2027-01-31 Because A, B & (C)", "accept", date(2027, 1, 31), "A, B & (C)"),
        ("/triagebot accept until 2026-05-02 because x", "accept", date(2026, 5, 2), "x"),
        ("/triagebot false-positive because of @org/team, fixes #1", "false-positive", date(2026, 7, 30),
         "of @org/team, fixes #1"),
        ("/triagebot reopen", "reopen", date(2026, 5, 1), ""),
        ("/triagebot reopen  ", "reopen", date(2026, 5, 1), ""),
    ],
)  # fmt: skip
def test_the_other_commands(text: str, kind: str, until: date, because: str) -> None:
    said = command(text)
    assert (said.kind, said.until, said.because) == (kind, until, because)


@pytest.mark.parametrize(
    "text",
    [
        "", "snooze 14d", "/snooze 14d", "> /triagebot snooze 14d", ">/triagebot snooze 14d", "> > /triagebot reopen",
        "Please /triagebot snooze 14d", "`/triagebot snooze 14d`", "- /triagebot reopen", "/triagebotx snooze 14d",
        "/triagebot-dev snooze 14d", "```\n/triagebot snooze 14d\n```", "~~~sh\n/triagebot reopen\n~~~",
        "````\n```\n/triagebot reopen\n```\n````", "```\n/triagebot reopen", "    /triagebot snooze 14d",
        "\t/triagebot reopen", "//triagebot reopen", "/ triagebot reopen", "<!-- /triagebot reopen -->",
    ],
)  # fmt: skip
def test_what_is_no_command(text: str) -> None:
    assert not speaks(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no command that I know"), ("help", "no command that I know"), ("snoozed 14d", "no command that I know"),
        ("reopen please", "no command that I know"), ("close", "no command that I know"),
        ("snooze", "needs a time"), ("snooze 14", "needs a time"), ("snooze d", "needs a time"),
        ("snooze 0d", "needs a time"), ("snooze -3d", "needs a time"), ("snooze 14d please", "needs a time"),
        ("snooze 1.5d", "needs a time"), ("snooze 99999d", "needs a time"), ("snooze 9999w", "a year at most"),
        ("snooze 367d", "a year at most"),
        ("accept", "needs a date and a reason"), ("accept because x", "needs a date and a reason"),
        ("accept 2027-01-31 because x", "needs a date and a reason"), ("accept until", "needs a date and a reason"),
        ("accept until 2027-01-31", "Say why"), ("accept until 2027-01-31 because", "Say why"),
        ("accept until 2027-01-31 because  ", "Say why"), ("accept until 2027-01-31 it is fine", "Say why"),
        ("accept until tomorrow because x", "spelt like"), ("accept until 31.01.2027 because x", "spelt like"),
        ("accept until 2027-02-30 because x", "spelt like"), ("accept until 2026-04-30 because x", "not ahead"),
        ("accept until 2026-05-01 because x", "not ahead"), ("accept until 0001-01-01 because x", "not ahead"),
        ("accept until 9999-12-31 because x", "a year at most"), ("accept until 2028-01-01 because x", "2027-05-02"),
        ("false-positive", "Say why"), ("false-positive because", "Say why"), ("false-positive it is", "Say why"),
        ("false positive because x", "no command that I know"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_answered(text: str, said: str) -> None:
    answer = refused(f"/triagebot {text}")
    assert said in answer
    assert len(answer) <= 300


def test_a_year_is_the_longest() -> None:
    assert command("/triagebot snooze 366d").until == AT.date() + LONGEST
    assert command(f"/triagebot accept until {AT.date() + LONGEST} because x").until == AT.date() + LONGEST


def test_who_may_not_write_may_not_decide() -> None:
    for text in ("/triagebot snooze 14d", "/triagebot nonsense", "/triagebot reopen"):
        with pytest.raises(Malformed, match="Only people with write access"):
            read(remark(text, allowed=False), EXPIRY)


def test_days_are_those_of_utc() -> None:
    late = datetime(2026, 5, 1, 23, 30, tzinfo=timezone(-timedelta(hours=3)))  # already the second, in UTC
    assert command("/triagebot snooze 1d", late).until == date(2026, 5, 3)
    assert "not ahead" in refused("/triagebot accept until 2026-05-02 because x", late)


@given(st.text(max_size=80))
def test_any_text_is_a_command_or_malformed(text: str) -> None:
    said = f"/triagebot {text}"
    if not speaks(said):
        return
    found = next(iter(commands_of(ticket(remark(said)), EXPIRY)), None)
    if found is None:
        answer = refused(said)
        assert HELP in answer or "year" in answer or "ahead" in answer
        assert text.strip() not in answer or len(text.strip()) < 20  # it repeats nothing that was said
    else:
        assert found.kind == "reopen" or AT.date() < found.until <= AT.date() + LONGEST
        assert "\n" not in found.because


@given(st.lists(st.sampled_from(["```", "~~~", "/triagebot snooze 14d", "text", "> q", "    "]), max_size=8))
def test_a_command_in_a_fence_is_none(lines: list[str]) -> None:
    fence, said = "", False
    for line in lines:
        if line in ("```", "~~~"):
            fence = "" if line == fence else fence or line
        said |= line.startswith("/triagebot") and not fence
    assert speaks("\n".join(lines)) is said


# ---- what is decided ----


def test_a_command_holds_what_was_shown_until_its_day() -> None:
    one = ticket(remark("/triagebot snooze 14d"))
    assert held(one) == dict.fromkeys(SHOWN, date(2026, 5, 15))
    assert held(one, now=datetime(2026, 5, 14, 23, 59, 59, tzinfo=UTC)) != {}
    assert held(one, now=datetime(2026, 5, 15, tzinfo=UTC)) == {}
    assert held(one, now=datetime(2026, 5, 15, 1, tzinfo=timezone(timedelta(hours=2)))) != {}  # still the 14th


@pytest.mark.parametrize("text", ["/triagebot snooze", "nothing", "/triagebot reopen"])
def test_what_decides_nothing_holds_nothing(text: str) -> None:
    assert held(ticket(remark(text))) == {}
    assert held(ticket(remark("/triagebot snooze 14d", allowed=False))) == {}


def test_of_several_commands_the_last_one_holds() -> None:
    """A person who says a shorter time means it."""
    short, long = remark("/triagebot snooze 60d"), remark("/triagebot snooze 7d", AT + DAY, 2)
    assert set(held(ticket(short, long)).values()) == {date(2026, 5, 9)}
    assert set(held(ticket(long, short)).values()) == {date(2026, 5, 9)}
    part = replace(long, shown=SHOWN[:1])
    assert held(ticket(short, part)) == {SHOWN[0]: date(2026, 5, 9), SHOWN[1]: date(2026, 6, 30)}
    assert held(ticket(short, long), now=datetime(2026, 5, 9, tzinfo=UTC)) == {}
    assert in_force([ticket(short, long)], EXPIRY, datetime(2026, 5, 9, tzinfo=UTC)) == []
    assert [str(d.until) for d in in_force([ticket(short, part)], EXPIRY, AT)] == ["2026-05-09", "2026-06-30"]
    assert set(held(closed("not-planned", AT, long)).values()) == {date(2026, 5, 9)}


def test_a_closing_does_not_shorten_what_a_command_named() -> None:
    accept = remark("/triagebot accept until 2026-10-01 because of x")
    assert set(held(closed("not-planned", AT + DAY, accept)).values()) == {date(2026, 10, 1)}


def test_the_longest_of_several_tickets_holds() -> None:
    short, long = remark("/triagebot snooze 60d"), remark("/triagebot snooze 7d", AT + DAY, 2)
    assert set(held(ticket(long), ticket(short)).values()) == {date(2026, 6, 30)}


def test_a_reopen_ends_also_what_its_ticket_carries_from_another() -> None:
    """Tickets are grouped otherwise now: the first one is closed, and its comment stands."""
    accept = remark("/triagebot accept until 2026-10-01 because later")
    first = ticket(accept, id="a/b#1", is_open=False, closed_as="not-planned", closed_by_us=True, closed_at=AT)
    entries, told = carried(SHOWN[:1], held_by_people([first], EXPIRY, AT))
    second = ticket(id="a/b#2", marker=replace(marker(), shown=("00000009",), held=entries, decisions=told))
    assert set(held(first, second)) == set(SHOWN)
    assert [d.ticket for d in in_force([first, second], EXPIRY, AT)] == ["a/b#1"], "one decision is named once"
    asks = remark("/triagebot reopen", AT + DAY, 2, shown=("00000009",))
    assert set(held(first, replace(second, remarks=(asks,)))) == {SHOWN[1]}
    shows = replace(second.marker, shown=("00000009", SHOWN[0]), held=(), decisions=(), heard=(asks.mark,))
    written = replace(second, remarks=(asks,), marker=shows)
    assert set(held(first, written)) == {SHOWN[1]}, "and in each run after it"
    assert [d.ticket for d in in_force([first, written], EXPIRY, AT)] == ["a/b#1"], "of the other finding"
    both = replace(written, marker=replace(shows, shown=SHOWN))
    assert (held(first, both), in_force([first, both], EXPIRY, AT)) == ({}, [])
    anew = replace(first, remarks=(replace(accept, at=AT + 2 * DAY),))
    assert set(held(anew, both)) == set(SHOWN), "what is decided after it holds"
    soon = replace(first, remarks=(replace(accept, at=AT + DAY + timedelta(minutes=1)),))
    assert set(held(soon, both)) == set(SHOWN), "also on the same day"


def test_a_reopen_ends_what_was_before_it_and_nothing_after() -> None:
    snooze, reopen = "/triagebot snooze 60d", "/triagebot reopen"
    assert held(ticket(remark(snooze), remark(reopen, AT + DAY, 2))) == {}
    assert held(ticket(remark(reopen), remark(snooze, AT + DAY, 2))) != {}
    assert held(ticket(remark(snooze, AT + DAY, 2), remark(reopen))) != {}, "the order of the comments counts"
    assert held(closed("not-planned", AT, remark(reopen, AT + DAY))) == {}
    assert held(closed("not-planned", AT + DAY, remark(reopen))) != {}
    at_once = ticket(remark(reopen), remark("/triagebot false-positive because x", AT, 2))
    assert held(at_once) != {}
    assert [d.what for d in in_force([at_once], EXPIRY, AT)] == ["false-positive"]


def test_a_closing_holds_until_it_expires() -> None:
    assert set(held(closed("not-planned")).values()) == {date(2026, 7, 30)}
    assert held(closed("not-planned"), now=datetime(2026, 7, 30, tzinfo=UTC)) == {}
    assert held(closed("done")) == {}
    assert held(closed("not-planned", AT, closed_by_us=True)) == {}
    assert held(closed("duplicate")) != {}
    assert held(closed("duplicate", AT, duplicate_open=False)) == {}
    assert held(closed("duplicate", AT, duplicate_open=True), now=AT + 900 * DAY) != {}


def test_what_went_into_the_marker_is_told_by_the_marker() -> None:
    """History lost: a remark that the marker knows was about what the ticket showed then, which nobody knows now."""
    old, reopen = remark("/triagebot reopen"), remark("/triagebot snooze 60d", AT + DAY, 2, shown=())
    bare = replace(marker(), shown=("00000009",), held=("00000001:2026-06-30",))
    known = replace(bare, heard=(old.mark, reopen.mark))
    assert held(ticket(old, reopen, marker=known)) == {"00000001": date(2026, 6, 30)}
    seen = remark("/triagebot snooze 60d")  # and with a history that knows it: also what the marker need not hold
    assert set(held(ticket(seen, marker=replace(bare, held=(), heard=(seen.mark,))))) == set(SHOWN)
    later = remark("/triagebot reopen", AT + 2 * DAY, 3)
    assert held(ticket(old, reopen, later, marker=known)) == {}


WAITS = ("00000001:2026-06-30:0",)


@pytest.mark.parametrize(
    ("beside", "originals", "until"),
    [
        (None, (("a/b#2", True),), OPEN_END), (None, (("a/b#2", False),), None), (None, (), date(2026, 6, 30)),
        (True, (), OPEN_END), (False, (), None), (None, (("a/b#3", False),), date(2026, 6, 30)),
    ],
)  # fmt: skip
def test_a_duplicate_that_a_marker_carries_ends_with_its_original(
    beside: bool | None, originals: tuple[tuple[str, bool], ...], until: date | None
) -> None:
    """Its tracker tells of the original, or it is among the tickets; where nobody does, the marker's day counts."""
    told = replace(marker(), shown=(), held=WAITS, decisions=("duplicate:a/b#2|2026-04-01|octocat|x",))
    tickets = [ticket(marker=told, originals=originals)]
    if beside is not None:
        tickets.append(ticket(id="a/b#2", is_open=beside))
    assert held(*tickets) == ({"00000001": until} if until else {})
    if until == OPEN_END:
        late = AT + 900 * DAY
        [decision] = held_by_people(tickets, EXPIRY, late).values()
        assert carried(["00000001"], {"00000001": decision}) == (WAITS, told.decisions)
        assert decision.words == (
            "decided by octocat on 2026-04-01: closed as a duplicate, because x, until the other ticket is closed"
        )


def test_a_duplicate_of_itself_waits_for_nothing() -> None:
    told = replace(marker(), shown=(), held=WAITS, decisions=("duplicate:a/b#1|2026-04-01|octocat|x",))
    assert held(ticket(marker=told, originals=(("a/b#1", True),))) == {"00000001": date(2026, 6, 30)}


def test_a_closing_as_duplicate_is_carried_with_its_original() -> None:
    one = closed("duplicate", duplicate_of="a/b#2", duplicate_open=True, closed_by="octocat")
    decisions = held_by_people([one], EXPIRY, AT + 300 * DAY)
    assert carried(SHOWN[:1], decisions) == (
        ("00000001:2026-07-30:0",), ("duplicate:a/b#2|2026-05-01|octocat|of a/b#2",),
    )  # fmt: skip


def test_an_edited_comment_is_another_one() -> None:
    before = remark("/triagebot snooze 14")
    assert before.mark != replace(before, at=AT + DAY, text="/triagebot snooze 14d").mark
    assert before.mark == replace(before, answered=True, shown=()).mark


@pytest.mark.parametrize("entry", ["", ":", "00000001", "00000001:", "00000001:soon", ":2026-13-01"])
def test_a_broken_entry_of_a_marker_holds_nothing(entry: str) -> None:
    assert held(ticket(marker=replace(marker(), held=(entry,)))) == {}
    assert in_force([ticket(marker=replace(marker(), held=(entry,)))], EXPIRY, AT) == []


def test_who_asks_for_a_ticket_is_heard_once_per_closing() -> None:
    asks = remark("/triagebot reopen", AT + DAY)
    assert is_asked_for(closed("done", AT, asks), EXPIRY)
    assert not is_asked_for(closed("done", AT + 2 * DAY, asks), EXPIRY)
    assert not is_asked_for(closed("done", AT, asks, remark("/triagebot snooze 2d", AT + 2 * DAY, 2)), EXPIRY)
    assert not is_asked_for(closed("done", AT, replace(asks, allowed=False)), EXPIRY)


def test_what_holds_is_named_the_first_to_end_first() -> None:
    accept = remark("/triagebot accept until 2026-08-01 because of x", by="hubot")
    snooze = replace(remark("/triagebot snooze 14d", AT + DAY, 2), shown=SHOWN[:1])
    told = in_force([ticket(accept, snooze), closed("not-planned")], EXPIRY, AT)
    assert [(d.what, d.by, d.because, str(d.until)) for d in told] == [
        ("snooze", "octocat", "", "2026-05-16"), ("closed as not-planned", "", "", "2026-07-30"),
        ("accept", "hubot", "of x", "2026-08-01"),
    ]  # fmt: skip
    assert {d.ticket for d in told} == {"a/b#1"}
    assert in_force([ticket(accept, remark("/triagebot reopen", AT + DAY, 2))], EXPIRY, AT) == []


TEXTS = st.sampled_from(
    ["/triagebot snooze 14d", "/triagebot reopen", "/triagebot false-positive because x", "/triagebot ?", "thanks"]
)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 20), st.booleans()), max_size=6), st.integers(0, 150))
def test_decisions_do_not_depend_on_the_order_in_which_comments_are_listed(
    said: list[tuple[str, int, bool]], later: int
) -> None:
    made = [remark(t, AT + day * DAY, n, allowed=may) for n, (t, day, may) in enumerate(said)]
    now = AT + later * DAY
    there, back = ticket(*made), ticket(*reversed(made))
    assert held(there, now=now) == held(back, now=now)
    assert commands_of(there, EXPIRY) == commands_of(back, EXPIRY)
    assert bool(held(there, now=now)) == bool(in_force([there], EXPIRY, now)), "what holds is named, and only that"
    assert all(until > now.date() for until in held(there, now=now).values())
