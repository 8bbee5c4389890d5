"""How long each stage of a run takes, for its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stages:
    """Seconds by stage, in the order in which they began. `told`: hears of each as it ends."""

    told: Callable[[str, float], None] | None = None
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Take the time of what is done within; also where it fails."""
        began = self.clock()
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            took = self.clock() - began
            self.seconds[name] += took
            if self.told:
                self.told(name, took)

    def rounded(self) -> dict[str, float]:
        """The seconds, to the millisecond."""
        return {name: round(seconds, 3) for name, seconds in self.seconds.items()}
