"""What is tried again, how long is waited, and when to give up: by a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from triagebot.errors import TrackerError
from triagebot.trackers.interface import Halted
from triagebot.trackers.retry import ATTEMPTS, LONGEST_WAIT, Caller, Clock, Throttled, Unanswered

LOST = Unanswered("502")


@dataclass
class Bench:
    """A caller with its clock, and what it said."""

    pause: float = 0.0
    time: float = 1000.0
    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caller = Caller("here", self.pause, self.said.append, Clock(lambda: self.time, self._sleep))

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def playing(*steps: object) -> Callable[[], object]:
    """A call that gives, or raises, one of these after the other."""
    left: Iterable[object] = iter(steps)

    def call() -> object:
        step = next(left)  # type: ignore[call-overload]
        if isinstance(step, Exception):
            raise step
        return step

    return call


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_read_is_tried_again_with_growing_waits_that_are_shown(bench: Bench) -> None:
    assert bench.caller.read(playing(LOST, LOST, LOST, LOST, "done")) == "done"
    assert bench.slept == [1, 2, 4, 8]
    assert bench.caller.waited == 15
    assert bench.said == [f"here: 502; trying again in {n} s" for n in (1, 2, 4, 8)]


def test_a_read_is_given_up(bench: Bench) -> None:
    with pytest.raises(TrackerError, match=r"^here: no answer: 502; the next run tries again$") as caught:
        bench.caller.read(playing(*[LOST] * ATTEMPTS, "too late"))
    assert not isinstance(caught.value, Halted)


def test_other_faults_are_not_tried_again(bench: Bench) -> None:
    with pytest.raises(TrackerError, match="no"):
        bench.caller.read(playing(TrackerError("x", "no"), "too late"))
    with pytest.raises(ZeroDivisionError):
        bench.caller.write(playing(ZeroDivisionError(), "too late"))
    assert bench.slept == []


def test_a_wait_that_is_asked_for_is_obeyed(bench: Bench) -> None:
    steps = [Throttled("slow", 3), Throttled("slow", LONGEST_WAIT), "done"]
    assert bench.caller.read(playing(*steps)) == "done"
    assert bench.slept == [3, LONGEST_WAIT]


def test_a_wait_that_is_too_long_halts_at_once(bench: Bench) -> None:
    with pytest.raises(Halted, match=r"^here: slow, for 50 minutes more; the next run goes on$"):
        bench.caller.read(playing(Throttled("slow", 3000), "too early"))
    assert bench.slept == []


def test_waits_that_are_not_asked_for_start_at_a_minute_and_double(bench: Bench) -> None:
    with pytest.raises(Halted, match=r"^here: slow; the next run goes on$"):
        bench.caller.read(playing(*[Throttled("slow", None)] * ATTEMPTS, "too late"))
    assert bench.slept == [60, 120, 240, 480]
    assert max(bench.slept) <= LONGEST_WAIT


def test_once_halted_nothing_is_called_or_waited_for_any_more(bench: Bench) -> None:
    called: list[int] = []
    with pytest.raises(Halted):
        bench.caller.read(playing(Throttled("slow", 3000)))
    for again in (bench.caller.read, bench.caller.write):
        with pytest.raises(Halted, match="slow"):
            again(lambda: called.append(1))
    assert (called, bench.slept) == ([], [])


def test_a_server_that_is_away_halts_after_three_calls_in_a_row(bench: Bench) -> None:
    for _ in range(2):
        with pytest.raises(TrackerError, match="the next run tries again"):
            bench.caller.read(playing(*[LOST] * ATTEMPTS))
    with pytest.raises(Halted, match=r"^here: no answer: 502; the next run goes on$"):
        bench.caller.write(playing(*[LOST] * ATTEMPTS))


def test_an_answer_between_starts_the_count_anew(bench: Bench) -> None:
    for _ in range(4):
        with pytest.raises(TrackerError) as caught:
            bench.caller.read(playing(*[LOST] * ATTEMPTS))
        assert not isinstance(caught.value, Halted)
        assert bench.caller.read(playing("done")) == "done"


def test_writes_keep_their_pace(bench: Bench) -> None:
    caller = Bench(pause=1.0)
    caller.caller.write(playing("one"))
    caller.time += 0.25
    caller.caller.write(playing("two"))
    assert caller.slept == [0.75]
    caller.time += 5
    caller.caller.write(playing("three"))
    caller.caller.read(playing("four"))
    assert caller.slept == [0.75]


def test_a_write_that_failed_counts_for_the_pace_too() -> None:
    bench = Bench(pause=3.0)
    assert bench.caller.write(playing(LOST, "done")) == "done"
    assert bench.slept == [1, 2]


def test_a_lost_write_is_looked_up_before_it_is_made_again(bench: Bench) -> None:
    written: list[int] = []

    def lost() -> str:
        written.append(1)
        raise LOST

    assert bench.caller.write(lost, lambda: "found") == "found"
    assert len(written) == 1


def test_a_lost_write_that_was_not_carried_out_is_made_again(bench: Bench) -> None:
    looked: list[int] = []
    assert bench.caller.write(playing(LOST, LOST, "done"), lambda: looked.append(1)) == "done"
    assert len(looked) == 2


def test_what_was_refused_for_now_was_not_carried_out_and_is_not_looked_up(bench: Bench) -> None:
    looked: list[int] = []
    assert bench.caller.write(playing(Throttled("slow", 1), "done"), lambda: looked.append(1)) == "done"
    assert looked == []


def test_a_write_whose_lookup_fails_is_not_made_again(bench: Bench) -> None:
    written: list[int] = []

    def lost() -> str:
        written.append(1)
        raise LOST

    with pytest.raises(TrackerError, match="no answer"):
        bench.caller.write(lost, lambda: bench.caller.read(playing(*[LOST] * ATTEMPTS)))
    assert len(written) == 1
