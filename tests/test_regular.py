"""Whether runs were missed, told from their days; and that the weekly summary says so, once."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from week_world import MONDAY, Platform

from triagebot.regular import Gap, missed

FIRST = date(2026, 6, 1)
"""A Monday."""
WORKDAYS = [n for n in range(28) if n % 7 < 5]


def days(*numbers: int) -> list[date]:
    return [FIRST + timedelta(days=n) for n in numbers]


@pytest.mark.parametrize(
    ("ran", "since", "pause"),
    [
        (range(10), 0, None),
        ([*range(8), 9], 7, (7, 9, 1)),
        ([*range(8), 12], 7, (7, 12, 1)),
        ([*range(8), 12, 13], 7, (7, 12, 1)),
        ([*range(8), 12, 13], 13, None),
        (WORKDAYS, 0, None),
        ([*WORKDAYS, 28], 21, None),
        ([*WORKDAYS, 29], 21, None),
        ([*WORKDAYS, 31], 21, (25, 31, 3)),
        (range(0, 70, 7), 0, None),
        ([*range(0, 70, 7), 77], 70, (63, 77, 7)),
        ([*range(0, 70, 7), 66, 77], 70, (66, 77, 7)),
        ([0, 30, 31], 0, None),
        ([0, 1, 2, 3, 4, 30], 7, None),
        ([0, 1, 2, 3, 4, 5, 30], 7, None),
        ([*range(8), 30], 7, (7, 30, 1)),
        ([6, 7, 8, 9, 10, 11, 14], 7, None),
        ([0, 20, 21, 22, 23, 24, 25, 30], 7, None),
        ([*range(30), 40, *range(41, 70), 80], 71, (69, 80, 1)),
        ([], 0, None),
    ],
)
def test_a_pause_that_is_longer_than_usual(ran: list[int], since: int, pause: tuple[int, int, int] | None) -> None:
    expected = pause and Gap(*days(*pause[:2]), timedelta(days=pause[2]))
    assert missed(days(*ran), FIRST + timedelta(days=since)) == expected


@given(st.lists(st.integers(0, 400)), st.integers(1, 30), st.integers(0, 400))
def test_only_pauses_are_told_and_none_where_runs_are_regular(ran: list[int], step: int, since: int) -> None:
    told = missed(days(*ran, *ran), FIRST + timedelta(days=since))
    if told is not None:
        assert told.next - told.last > told.usual
        assert told.next >= FIRST + timedelta(days=since)
        assert {told.last, told.next} <= set(days(*ran))
        assert not [day for day in days(*ran) if told.last < day < told.next]
    assert missed(days(*range(0, 400, step)), FIRST) is None


def test_the_summary_of_the_week_says_that_runs_were_missed(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path)
    for number in range(7):
        said = platform.run(number).summary
    assert "no run between" not in said
    said = platform.run(9).summary
    last, after = (MONDAY + timedelta(weeks=n) for n in (6, 9))
    fact = f"no run between {last:%Y-%m-%d} and {after:%Y-%m-%d}, where 7 days is usual: is the schedule disabled?"
    assert f"- {fact}\n" in said
    assert "no run between" not in platform.run(10).summary
