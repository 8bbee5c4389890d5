"""What a run costs a server, told in one way by all trackers that are one."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from triagebot.trackers.retry import Caller


class Calls(Protocol):
    """One connection, which counts what it sends."""

    caller: Caller
    reads: int
    writes: int


C = TypeVar("C", bound=Calls)


class Counted(Generic[C]):
    """A tracker whose connection counts."""

    calls_made: C

    @property
    def waited(self) -> float:
        """Seconds waited for the server, and between writes."""
        return self.calls_made.caller.waited

    @property
    def reads(self) -> int:
        """Requests that only read."""
        return self.calls_made.reads

    @property
    def writes(self) -> int:
        """Requests that write."""
        return self.calls_made.writes
