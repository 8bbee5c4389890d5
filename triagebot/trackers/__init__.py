"""The trackers, by the `type:` that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

from triagebot.files import GithubSettings, JiraSettings, LocalSettings
from triagebot.trackers.interface import (
    Deleted,
    Drifted,
    Edit,
    Halted,
    Known,
    Listing,
    Lost,
    Need,
    Picture,
    Survey,
    Tracker,
    Trouble,
    splice,
)
from triagebot.trackers.local import LocalTracker
from triagebot.trackers.retry import Caller

__all__ = [
    "Deleted", "Drifted", "Edit", "Halted", "Known", "Listing", "LocalTracker", "Lost", "Need", "Picture", "Survey",
    "Tracker", "Trouble", "connect", "splice",
]  # fmt: skip


def connect(
    name: str,
    settings: LocalSettings | GithubSettings | JiraSettings,
    base: Path,
    now: datetime,
    places: Collection[str] = (),
    secrets: Mapping[str, str] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Tracker:
    """The tracker of one entry of `trackers:`.

    Paths are relative to `base`; `places`: repositories or projects that teams name; `secrets`: values of variables by
    name.
    """
    if isinstance(settings, LocalSettings):
        return LocalTracker(name, base / settings.path, now)
    held = secrets or {}
    if isinstance(settings, JiraSettings):
        from triagebot.trackers.jira import JiraTracker  # noqa: PLC0415 - a heavy library, only where it is used
        from triagebot.trackers.jira_calls import JiraCalls  # noqa: PLC0415

        return JiraTracker(JiraCalls(name, settings, Caller(name, settings.pause, notice), held), now, places)
    from triagebot.trackers.github import GithubTracker  # noqa: PLC0415 - likewise
    from triagebot.trackers.github_calls import API, Calls  # noqa: PLC0415

    calls = Calls(name, settings, Caller(name, settings.pause, notice), held, held.get("GITHUB_API_URL", API))
    return GithubTracker(name, settings, calls, now, places)
