"""Whether runs were missed: schedules are dropped under load, and disabled after a while without commits.

Told from the days of the runs alone, as no run knows the schedule that starts it.
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#schedule
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

_ENOUGH = 5
"""So few pauses between runs tell no habit."""
_A_WEEK = timedelta(days=7)
_LOOKED_AT = 20
_TWO_WEEKENDS = 14
"""After so many pauses the second longest is a weekend, where there are runs on working days only."""
_TOO_LONG = 1.5


@dataclass(frozen=True)
class Gap:
    """A pause between two days with a run that is longer than runs usually pause."""

    last: date
    next: date
    usual: timedelta


def missed(days: Iterable[date], since: date) -> Gap | None:
    """The newest pause that ended on or after `since` and is half as long again as the others; None: no run was missed.

    What is usual is the longest of the pauses before it, and the second longest once there are enough of them:
    weekends without runs are usual, one outage is not.
    """
    known = sorted(set(days))
    pauses = [Gap(last, following, following - last) for last, following in pairwise(known)]
    for at in reversed(range(_ENOUGH, len(pauses))):
        pause = pauses[at]
        if pause.next < since:
            return None
        if pause.last - known[0] < _A_WEEK:  # nobody has seen a weekend yet
            continue
        usual = sorted(p.usual for p in pauses[max(0, at - _LOOKED_AT) : at])[-2 if at >= _TWO_WEEKENDS else -1]
        if pause.usual > _TOO_LONG * usual:
            return Gap(pause.last, pause.next, usual)
    return None
