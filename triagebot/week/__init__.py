"""The weekly summary as a page: what it says, in which order, and in which words.

First the sentence that managers read, then what it means, then what explains it, then who has what to do. A part that
has nothing to say is left out. A page has fewer than 60 lines: long lists say how many they leave out.
"""

from __future__ import annotations

from triagebot.week.page import text
from triagebot.week.sheet import Section, Sheet, has_trend, iso_week

__all__ = ["Section", "Sheet", "has_trend", "iso_week", "text"]
