"""What a tracker is: it lists its own tickets, and writes what a plan decided. It never renders or decides.

Bodies hold a managed block between two marker lines; people's text outside it stays. Trackers splice the block
into the body that they have just read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, Protocol

from triagebot.errors import TrackerError
from triagebot.model import FLAGS, Claim, ClosedAs, Content, Marker, Remark, Ticket
from triagebot.render import marker

BEGIN = "<!-- triagebot:begin -->"
END = "<!-- triagebot:end -->"
MARKER = re.compile(r"<!-- triagebot:marker (?P<told>\{.*?\}) -->\n?", re.DOTALL)
_BLOCK = re.compile(f"{BEGIN}(?:(?!{BEGIN}).)*?{END}", re.DOTALL)
"""From the last begin before an end: a begin that people quote takes none of their text away."""


@dataclass(frozen=True)
class Known:
    """What history remembers: tickets as they stood when last seen, by id, and what the tracker itself learnt."""

    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """Every own ticket. `incomplete` says why the listing cannot be trusted; empty: it can.

    `shut`: why some places (repositories, projects) take no part; `broken`: (id, fault) of own tickets that stand
    there and cannot be read; they hold up nobody else. `renamed`: old id -> new id of tickets that were transferred.
    `claimed`: (place, key) of tickets that others filed there with our marker, where none of ours stands.
    `named`: the id that the ticket of a key and stream has, where these decide it: so one of `broken` is known again.
    """

    tickets: tuple[Ticket, ...]
    incomplete: str = ""
    broken: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    shut: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[tuple[str, str], Claim] = field(default_factory=dict)
    named: Callable[[str, str], str] | None = None


@dataclass(frozen=True)
class Survey:
    """What must be known of a place before something is filed there. `refused` says why nothing may be."""

    refused: str = ""
    unassignable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A PNG. `name`: of its file; another picture has another name."""

    name: str
    png: bytes


@dataclass(frozen=True)
class Edit:
    """One change of one ticket, done in one go where the tracker can. What is left out stays as it is."""

    content: Content | None = None
    state: Literal["", "open", "closed"] = ""
    closed_as: ClosedAs = ""
    comment: str = ""
    comment_digest: str = ""
    seen_digest: str = ""
    seen_open: bool = True
    flag: str | None = None
    """The label that says that the ticket is due, from now on; empty: none of them; None: as it is."""
    rewrite: bool = False
    """A comment of ours with this digest says `comment` from now on, whatever it said before."""
    pictures: tuple[Picture, ...] = ()
    """What the comment shows; for a tracker that `attaches`. One of the same name that is there stays as it is."""


class Drifted(Exception):
    """The ticket is not as the plan saw it; the message says what differs."""


class Deleted(TrackerError):
    """The ticket is no more: a person deleted it."""


@dataclass(frozen=True)
class Need:
    """What a team of the team file, or without one the weekly summary, wants of a tracker.

    `pictures`: pictures are to be attached.
    """

    team: str
    place: str
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    component: str = ""
    pictures: bool = False

    def at(self, field: str) -> tuple[Literal["teams", "summary"], tuple[str, ...]]:
        """Where it is written: `file` and `at` of a `Trouble` with it."""
        return ("teams", (self.team, field)) if self.team else ("summary", (field,))


@dataclass(frozen=True)
class Trouble:
    """Something that would go wrong.

    `at`: where it is put right, in the settings of this tracker, the team file, or `summary:` of the settings.
    """

    file: Literal["settings", "teams", "summary"]
    at: tuple[str, ...]
    cause: str
    remedy: str


class Refused(TrackerError):
    """A server answered, and said no."""

    def __init__(self, place: str, status: int, said: str, remedy: str = "") -> None:
        super().__init__(place, f"{status}: {said}", remedy)
        self.status = status


class Lost(TrackerError):
    """The answer was lost: what was asked may have been done or not."""


class Halted(TrackerError):
    """The tracker does no more in this run (no calls left, no right to go on, no answer): the rest waits."""


class Tracker(Protocol):
    """A place where tickets are. Methods raise `TrackerError` when the tracker refuses or is out of reach.

    `flags`: whether its tickets carry the label that says that they are due (`Ticket.flag`, `Edit.flag`). `attaches`:
    whether it takes pictures; elsewhere a comment draws its own.
    `place`: the repository or project where it files by default; empty where it knows no places. `notes`: what a
    person should know of what happened, in words. `comment_writes`: what a comment costs beside its edit. `batch`: how
    many tickets one request can file. `lag`: how long a listing may miss what was written.
    """

    name: str
    flags: bool
    attaches: bool
    body_limit: int
    place: str
    comment_writes: int
    batch: int
    lag: timedelta
    notes: list[str]

    @property
    def markup(self) -> str:
        """What its texts are written in. A tracker may know only once it has listed."""

    @property
    def reads(self) -> int:
        """How many requests only read, so far."""

    @property
    def writes(self) -> int:
        """How many requests wrote."""

    @property
    def waited(self) -> float:
        """How many seconds it has waited: to be asked again, and between writes."""

    def listing(self, known: Known) -> Listing:
        """All own tickets, open and closed; never somebody else's, never one with a forged marker.

        `known.tickets`: one whose marker was removed by hand is put back.
        """

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """Look at a place before something is filed there for these people."""

    def calls(self) -> tuple[int | None, str]:
        """How many calls are left for this run, and why there are no more; None: as many as one likes."""

    def tidy(self) -> None:
        """Remove what a killed run left half written. Called before writing, by the one run that may write."""

    def create(self, content: Content) -> Ticket:
        """File a ticket. A ticket of the same key that already stands is returned instead: never two."""

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        """File at most `batch` tickets, each as `create` does; what became of each, in their order, as it is known.

        `Lost`: it may stand or not. Raises `Halted` where the rest must wait.
        """

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change a ticket. A comment whose digest is there already is not posted again, nor in another's name.

        Raises `Drifted` where the ticket's state or digest is not what the plan saw, `Deleted` where it is no more.
        """

    def answer(self, ticket: Ticket, remark: Remark, reply: str) -> None:
        """Tell a person that a remark was heard; with a `reply`, what is wrong with it. Never twice."""

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        """What would go wrong if tickets were filed for these teams. Writes nothing."""

    def memory(self) -> Mapping[str, Any]:
        """What it learnt and wants to be told at the next listing."""


def one_by_one(create: Callable[[Content], Ticket], contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
    """`Tracker.create_many` of a tracker that files one ticket a request."""
    for content in contents:
        try:
            yield create(content)
        except Halted:
            raise
        except TrackerError as error:
            yield error


def merged(held: Sequence[str], ours: Collection[str], now: Collection[str]) -> list[str]:
    """Names (labels, people) after a change of ours: what people added stays, what they removed stays away.

    `held`: what stands there; `ours`: what we had set; `now`: what we would set. Servers do not tell case apart.
    """
    set_before, wanted, there = ({name.casefold() for name in names} for names in (ours, now, held))
    kept = [name for name in held if name.casefold() not in set_before or name.casefold() in wanted]
    return [*kept, *(name for name in now if name.casefold() not in set_before | there)]


def refuse_drift(marker: Marker | None, is_open: bool, edit: Edit) -> None:
    """Raises `Drifted` where a ticket, freshly read, is not as the plan saw it. `marker`: what it carries, if any."""
    if marker and edit.seen_digest and marker.digest != edit.seen_digest:
        raise Drifted("its content changed since the plan was made")
    if is_open != edit.seen_open:
        raise Drifted(f"it is {'open' if is_open else 'closed'}, the plan saw it otherwise")


def with_original(ticket: Ticket, tickets: Mapping[str, Ticket], is_open: Callable[[str], bool]) -> Ticket:
    """The ticket, with the state of the one that it is a duplicate of, and of those that its decisions wait for.

    `is_open` asks for one that is none of ours; it raises `Refused` or `Deleted` where there is none of that name.
    """

    def state(name: str) -> bool | None:
        if original := tickets.get(name):
            return original.is_open
        try:
            return is_open(name)
        except (Deleted, Refused):
            return None

    waits = ticket.closed_as == "duplicate" and ticket.duplicate_of
    told = ((name, state(name)) for name in originals(ticket.marker))
    known = tuple((name, stands) for name, stands in told if stands is not None)
    return replace(ticket, duplicate_open=state(ticket.duplicate_of) if waits else None, originals=known)


def originals(held: Marker) -> list[str]:
    """The tickets that decisions in a marker wait for. People can edit it: a name may be anything."""
    named = (entry.partition("|")[0].partition(":") for entry in held.decisions)
    return sorted({name for kind, _, name in named if kind == "duplicate" and name})


def managed(body: str) -> re.Match[str] | None:
    """The managed block: where people have copied it or quote its borders, the first one with a marker of ours."""
    found = list(_BLOCK.finditer(body))
    ours = (block for block in found if (said := MARKER.search(block[0])) and marker.read(said["told"])[0])
    return next(ours, found[0] if found else None)


def flag_of(labels: Collection[str]) -> str:
    """Which of the labels that say that a ticket is due stands there."""
    return next((flag for flag in FLAGS if flag in labels), "")


def reflagged(labels: Sequence[str], flag: str | None) -> list[str]:
    """The labels with this one of `FLAGS` and no other; None: as they are."""
    if flag is None:
        return list(labels)
    kept = [name for name in labels if name not in FLAGS or name == flag]
    return kept if flag in (*kept, "") else [*kept, flag]


def splice(body: str, block: str) -> str:
    """The body with the managed block replaced, or added at its end where it has none."""
    told = f"{BEGIN}\n{block.strip()}\n{END}"
    if found := managed(body):
        return body[: found.start()] + told + body[found.end() :]
    body = body.replace(BEGIN, "").replace(END, "")  # half a border: what stood beside it may be theirs
    return f"{body.rstrip()}\n\n{told}\n" if body.strip() else f"{told}\n"
