"""One policy for calls to trackers: what is tried again, how long to wait, and when to give up.

Reads are tried again freely. A write whose answer was lost may have been carried out: whoever makes it says how to
look that up before it is tried again (`Caller.write`), or that doing it twice is doing it once (`again=True`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import tenacity
from tenacity import RetryCallState

from triagebot.trackers.interface import Halted, Lost

T = TypeVar("T")

ATTEMPTS = 5
LONGEST_WAIT = 15 * 60.0
"""Seconds of one wait; where a server asks for more, the rest waits for the next run."""

IN_A_ROW = 3
"""So many calls without an answer, each tried again and again: the server is down, not the ticket bad."""


class Unanswered(Exception):
    """No answer, or one that says nothing (5xx, broken): the server may have acted or not."""


class Throttled(Exception):
    """The server did not act and asks to wait. `seconds`: how long, where it says so."""

    def __init__(self, said: str, seconds: float | None) -> None:
        super().__init__(said)
        self.seconds = seconds


@dataclass
class Clock:
    """Time and sleep, so that tests need not wait."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Caller:
    """Makes calls for one tracker, one after the other. `pause`: seconds between the ends of two writes.

    Once it halted it makes no more: what still asks is told so at once, and waits for nothing.
    """

    name: str
    pause: float = 0.0
    notice: Callable[[str], None] | None = None
    clock: Clock = field(default_factory=Clock)
    waited: float = 0.0
    _written: float | None = None
    _failures: int = 0
    _halt: Halted | None = None

    def read(self, call: Callable[[], T]) -> T:
        """The call's result; tried again until it is answered. Raises `TrackerError` where it is not."""
        return self._again(call, (Unanswered, Throttled))

    def write(self, call: Callable[[], T], found: Callable[[], T | None] | None = None) -> T:
        """Make a write, at its pace. `found` looks up whether a lost one was carried out, and its result.

        Without `found` the write is one that may be done twice.
        """
        lost = False

        def once() -> T:
            nonlocal lost
            if lost and found and (done := found()) is not None:
                return done
            self._paced()
            try:
                return call()
            except Unanswered:
                lost = True
                raise
            finally:
                self._written = self.clock.now()

        return self._again(once, (Unanswered, Throttled))

    def wait(self, seconds: float) -> None:
        """Let time pass, such as for an index to catch up."""
        self._sleep(seconds)

    def _paced(self) -> None:
        if self._written is not None:
            self._sleep(max(0.0, self._written + self.pause - self.clock.now()))

    def _again(self, call: Callable[[], T], faults: tuple[type[Exception], ...]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(faults), stop=tenacity.stop_after_attempt(ATTEMPTS), wait=self._wait,
            sleep=self._sleep, before_sleep=self._tell, reraise=True,
        )  # fmt: skip
        if self._halt:
            raise self._halt
        try:
            done = self._settled(lambda: retrying(call))
        except Halted as halt:
            self._halt = halt
            raise
        self._failures = 0
        return done

    def _settled(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except Throttled as fault:
            raise Halted(self.name, str(fault), "the next run goes on") from fault
        except Unanswered as fault:
            self._failures += 1
            if self._failures >= IN_A_ROW:
                raise Halted(self.name, f"no answer: {fault}", "the next run goes on") from fault
            raise Lost(self.name, f"no answer: {fault}", "the next run tries again") from fault

    def _wait(self, state: RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        if not isinstance(fault, Throttled):
            return float(2 ** (state.attempt_number - 1))
        seconds = fault.seconds
        if seconds is None:
            return min(60.0 * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT)
        if seconds > LONGEST_WAIT:
            raise Halted(self.name, f"{fault}, for {seconds / 60:.0f} minutes more", "the next run goes on") from fault
        return seconds

    def _tell(self, state: RetryCallState) -> None:
        fault = state.outcome.exception() if state.outcome else None
        if self.notice and state.next_action:
            self.notice(f"{self.name}: {fault}; trying again in {state.next_action.sleep:.0f} s")

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.waited += seconds
            self.clock.sleep(seconds)
