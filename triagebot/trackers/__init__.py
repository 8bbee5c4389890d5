"""The trackers, by the `type:` that the settings name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from triagebot.files import TrackerSettings
from triagebot.trackers.interface import Drifted, Edit, Listing, Tracker, splice
from triagebot.trackers.local import LocalTracker

__all__ = ["Drifted", "Edit", "Listing", "LocalTracker", "Tracker", "connect", "splice"]


def connect(name: str, settings: TrackerSettings, base: Path, now: datetime) -> Tracker:
    """The tracker of one entry of `trackers:`; paths are relative to `base`."""
    return LocalTracker(name, base / settings.path, now)
