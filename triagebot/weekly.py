"""The weekly summary where people read it: one ticket, its text how things stand, and one comment on it a week.

The ticket is found as every ticket is (its marker, its author), and so is the comment (a hidden digest of the week).
The comment is written first, then the text together with a note of what was written: a run that is killed in between
finds the comment, and goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from triagebot import figures, owners
from triagebot import span as spans
from triagebot.config import Config
from triagebot.counted import ignoring
from triagebot.drawn import drawn, name_of
from triagebot.errors import TrackerError
from triagebot.files import SummarySettings
from triagebot.history import History
from triagebot.look import Options, View, beside
from triagebot.model import EVERY_STREAM, SUMMARY_KEY, Content, Marker, Ticket
from triagebot.regular import missed
from triagebot.summary import Summary, TeamRow
from triagebot.trackers import Drifted, Edit, Lost, Picture, Tracker
from triagebot.week import Section, Sheet, has_trend, iso_week, text

LABELS = ("triagebot", "triagebot/summary")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FOOT = "Kept up to date by triagebot, which adds a comment each week. Close this ticket to end that."


@dataclass(frozen=True)
class Posted:
    """What became of the weekly summary.

    `outcome`: `posted`, `edited`, `unchanged`, `not-due`, `waits`, `failed`; empty: none is asked for.
    """

    week: str = ""
    outcome: str = ""
    ticket: str = ""
    url: str = ""
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def sheet(config: Config, history: History, view: View, options: Options, said: Summary, only: bool = False) -> Sheet:
    """What is told of all streams; with `only`, of that of `options`. `said`: its figures."""
    sections = []
    for stream in [options.stream] if only else _streams(history, options):
        if stream == options.stream:
            sections.append(_section(config, history, view, options, said))
            continue
        theirs = replace(options, stream=stream)
        other = beside(config, history, view, theirs)
        figured = figures.summarised(config, theirs, other, figures.left_by(history.last_run(stream)))
        sections.append(_section(config, history, other, theirs, figured))
    today = options.now.astimezone(UTC).date()
    gap = missed([*history.run_days(), today], spans.monday_of(options.now))
    return Sheet(tuple(sections), options.now, iso_week(today), gap)


def _streams(history: History, options: Options) -> list[str]:
    """The streams that are still scanned, and those that ended this week; `main` first."""
    last = {s.stream: s for s in history.snapshots() if s.accepted}
    monday = spans.monday_of(options.now)
    told = {name for name, s in last.items() if not (s.scope.end_stream and spans.monday_of(s.taken_at) < monday)}
    return sorted(told | {options.stream}, key=lambda name: (name != "main", name))


def _section(config: Config, history: History, view: View, options: Options, said: Summary) -> Section:
    last = view.state.last
    keep = not options.dry_run
    trail = figures.trail(history, said, keep)
    if last is None or (last.label, last.taken_at) not in {(point.label, point.taken_at) for point in trail}:
        return Section(said, None, last.taken_at if last else None)  # a dry run: the scan is not in history
    monday, first = spans.begin(trail, options.now)
    events = history.events(options.stream, first, keep)
    # of what was fixed some is of images that nothing is believed of any more, and of teams that have nothing left
    assets = sorted({*events["asset"].unique().to_list()} - view.ownership.team_of.keys())
    team_of = {**owners.assign(assets, config.teams, config.charts).team_of, **view.ownership.team_of}
    told = spans.span(trail, monday, first, events, team_of, bool(ignoring(config)))
    held = {team.id: team for team in said.teams}
    idle = {i: TeamRow(i, t.name or i, 0, 0, 0, 0, 0, 0) for i, t in config.teams.teams.items() if i in told.fixed}
    rows = tuple(held.get(i) or idle[i] for i in config.teams.teams if i in held or i in idle)
    return Section(replace(said, teams=rows), told, last.taken_at)


def post(config: Config, history: History, view: View, options: Options, said: Sheet) -> Posted:
    """Bring the ticket and the comment of the week up to date. Writes nothing where nothing changed."""
    asked = config.settings.summary
    if asked is None:
        return Posted()
    tracker, facts = view.trackers[asked.tracker], view.facts[asked.tracker]
    place = facts.home(asked.place)
    held = view.tracking.get(asked.tracker)
    held = held if held and held.place in ("", place) else None
    fault = _hindrance(view, asked, place, held)
    if fault:
        return _at(said, held, "waits", notes=(f"weekly summary: {fault}",))
    is_due = options.now.astimezone(UTC).weekday() >= _DAYS.index(asked.weekday)
    if held is None and not is_due:
        return Posted(said.week, "not-due")
    try:
        return _brought(history, tracker, _Text(said, asked, tracker, is_due, place, held), options)
    except TrackerError as error:
        return _at(said, held, "failed", errors=(str(error),))


def _hindrance(view: View, asked: SummarySettings, place: str, held: Ticket | None) -> str:
    """Why nothing can be written now; empty: it can."""
    facts = view.facts[asked.tracker]
    if facts.incomplete or place in facts.shut:
        return f"tracker {asked.tracker!r} cannot be listed; the next run posts it"
    if SUMMARY_KEY in facts.unsure:
        return facts.unsure[SUMMARY_KEY]
    if SUMMARY_KEY in facts.broken:
        return "its ticket cannot be read; mend or delete it"
    if held is None:
        claim = facts.claimed.get((place, SUMMARY_KEY))
        return claim.told if claim else view.untracked.get(asked.tracker, "")
    if not held.is_open:
        return f"{held.id} is closed; open it again, or take `summary:` out of the settings"
    return ""


def _at(said: Sheet, ticket: Ticket | None, outcome: str, **told: tuple[str, ...]) -> Posted:
    return Posted(said.week, outcome, ticket.id if ticket else "", ticket.url if ticket else "", **told)


class _Text:
    """What is to stand in the ticket and in the comment of the week."""

    def __init__(
        self, said: Sheet, asked: SummarySettings, tracker: Tracker, is_due: bool, place: str, held: Ticket | None
    ) -> None:
        self.said, self.asked, self.tracker, self.place, self.held = said, asked, tracker, place, held
        self.points = [s.span.shown if s.span and has_trend(s) else () for s in said.sections]
        self.names = [
            name_of(s.summary.stream, p) if p else "" for s, p in zip(said.sections, self.points, strict=True)
        ]
        names = self.names if tracker.attaches else ()
        self.comment = text(said, tracker.markup, names, tracker.body_limit) if is_due else ""
        body = text(said.standing(), tracker.markup, (), tracker.body_limit - 500)
        if tracker.markup != "adf":
            body += f"\n{_FOOT}\n"
        self.body = body
        self.told = f"{said.week}:{_digest(self.comment)}" if is_due else held.marker.rules if held else ""

    def content(self, people: Sequence[str], told: str) -> Content:
        """The ticket. `told`: which comment was written last."""
        labels = tuple(dict.fromkeys([*LABELS, *self.asked.labels]))
        digest = _digest(self.asked.title, self.body, *labels, *people)
        marker = Marker(
            key=SUMMARY_KEY, stream=EVERY_STREAM, digest=digest, labels=labels, assignees=tuple(people), rules=told
        )
        return Content(self.asked.title, self.body, marker, "", place=self.asked.place)

    def pictures(self, notes: list[str]) -> tuple[Picture, ...]:
        """The trends, for a tracker that can show pictures."""
        if not self.tracker.attaches:
            return ()
        found = []
        for name, points in zip(self.names, self.points, strict=True):
            png = drawn(points) if points else b""
            found += [Picture(name, png)] if png else []
            if points and not png:
                notes.append("weekly summary: without its picture; install `triagebot[charts]`")
        return tuple(found)


def _digest(*said: str) -> str:
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _brought(history: History, tracker: Tracker, wanted: _Text, options: Options) -> Posted:
    held, notes = wanted.held, list[str]()
    people, errors = _assignable(tracker, wanted, notes)
    if errors:
        return _at(wanted.said, held, "failed", errors=errors)
    before = held.marker.rules if held else ""
    made = None
    if held is None:
        made = held = _created(history, tracker, wanted.content(people, ""), options)
        before = held.marker.rules
    content = wanted.content(people, wanted.told)
    is_told = before == wanted.told
    if is_told and held.marker.digest == content.marker.digest and not held.damaged:
        return _at(wanted.said, held, "unchanged", notes=tuple(notes))
    edit = Edit(content=content)
    if not is_told:
        week = f"summary-{wanted.said.week}"
        edit = replace(edit, comment=wanted.comment, comment_digest=week, rewrite=True, pictures=wanted.pictures(notes))
    try:
        held = tracker.edit(held.id, edit)
    except Drifted as drift:
        return _at(wanted.said, held, "waits", notes=(f"weekly summary: {held.id}: {drift}",))
    history.remember(held, options.now)
    is_new = made is not None or not before.startswith(f"{wanted.said.week}:")
    outcome = "posted" if not is_told and is_new else "edited"
    return _at(wanted.said, held, outcome, notes=tuple(notes))


def _assignable(tracker: Tracker, wanted: _Text, notes: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """(who of those that the settings name can be assigned, why nothing may be filed). Asked before it is changed."""
    people = list(wanted.asked.assignees)
    set_before = wanted.held.marker.assignees if wanted.held else ()
    if wanted.held and not set(people) - set(set_before):
        return people, ()
    survey = tracker.survey(wanted.place, people)
    if survey.refused:
        return [], (f"{tracker.name}: {survey.refused}",)
    notes += [f"weekly summary: {p} cannot be assigned in {wanted.place}" for p in people if p in survey.unassignable]
    return [p for p in people if p not in survey.unassignable], ()


def _created(history: History, tracker: Tracker, content: Content, options: Options) -> Ticket:
    """File the ticket, journalled as every new ticket is."""
    history.intend(tracker.name, SUMMARY_KEY, options.now)
    try:
        made = tracker.create(content)
    except Lost:
        raise
    except TrackerError:
        history.settle(tracker.name, SUMMARY_KEY)
        raise
    history.remember(made, options.now)
    history.settle(tracker.name, SUMMARY_KEY)
    return made


def appended(config: Config, said: Sheet) -> str:
    """Add the summary to what GitHub Actions shows of a job, where it asks for it; what went wrong, in words."""
    if config.step_summary is None:
        return ""
    try:
        with config.step_summary.open("a", encoding="utf-8") as file:
            file.write(text(said, "markdown") + "\n")
    except OSError as error:
        return f"{config.step_summary}: the summary of the job cannot be written: {error.strerror}"
    return ""
