"""The local tracker: one Markdown file a ticket, with YAML front matter. Readable, greppable, git-friendly.

People close a ticket by setting `state: closed`, with `closed_as: done`, `not-planned` or `duplicate`
(`duplicate_of:` the other file's name) and, if they like, `closed: 2026-05-01`, `closed_by:` and `because:`.
Everything else in the front matter and outside the managed block is theirs. The `triagebot:` mapping is ours. A file
whose `state`, `closed_as` or `closed` is misspelt is left alone: none is guessed. A file that people rename stays the
ticket that its mapping names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from triagebot.errors import TrackerError, joined
from triagebot.files import suggest
from triagebot.model import Content, Marker, Remark, Ticket
from triagebot.render import many
from triagebot.trackers.interface import (
    BEGIN,
    END,
    Edit,
    Known,
    Listing,
    Need,
    Survey,
    Trouble,
    flag_of,
    merged,
    one_by_one,
    originals,
    reflagged,
    refuse_drift,
    splice,
)
from triagebot.trackers.local_front import (
    MEND,
    FrontError,
    closed_as,
    closing,
    names,
    noted,
    parsed,
    stands_open,
    time,
    written,
)
from triagebot.trackers.local_marker import as_front, file_name, file_of, is_ours, looked, marker_of
from triagebot.trackers.local_names import sorted_out

_COMMENTS = "## Comments"


class LocalTracker:
    """Tickets as files of one folder. A ticket's id is its file name: its key decides it, until a person renames it."""

    markup = "markdown"
    body_limit = 65_536
    place = ""
    comment_writes = 0
    batch = 1
    lag = timedelta(0)
    flags = True
    attaches = False

    def __init__(self, name: str, folder: Path, now: datetime) -> None:
        self.name, self.folder, self.now = name, folder, now
        self.reads = self.writes = 0
        self.waited = 0.0
        self.notes: list[str] = []
        self._known: Mapping[str, Ticket] = {}
        self._standing: Mapping[str, str] = {}
        """The file of each ticket, by the name that its marker gives it."""

    def listing(self, known: Known) -> Listing:
        """The tickets of the folder."""
        tickets: list[Ticket] = []
        broken: list[tuple[str, str]] = []
        warned: list[str] = []
        self.reads += 1
        self._known = known.tickets
        if known.tickets and not self.folder.is_dir():  # else every ticket would count as deleted by a person
            return Listing((), incomplete=_gone(self.folder, len(known.tickets)))
        paths = sorted(self.folder.glob("[!.]*.md"))
        looks = {path.name: look for path in paths if (look := looked(path, known.tickets, self.now))}
        called = {name: file_of(look.marker) for name, look in looks.items() if look.marker}
        before = {ticket_id: file_of(ticket.marker) for ticket_id, ticket in known.tickets.items()}
        sorts = sorted_out(called, set(looks) - set(called), before)
        self._standing = sorts.standing
        for name, look in looks.items():
            path = self.folder / name
            if name in sorts.copies:
                warned.append(f"{path}: is a copy of {sorts.copies[name]} and is ignored; delete it, or move it away")
            elif look.fault or look.marker is None:
                broken.append((name, look.fault or f"its `triagebot:` mapping is gone; {MEND}"))
            else:
                tickets.append(self._ticket(path, look.front, look.body, look.marker, damaged=look.told is None))
                if tickets[-1].closed_as == "duplicate" and (fault := self._no_original(look.front, name)):
                    warned.append(f"{path}: `duplicate_of` {fault}")
        return Listing(
            tuple(tickets), broken=tuple(broken), warnings=tuple(warned), renamed=sorts.renamed, named=file_name
        )

    def _no_original(self, front: Mapping[str, Any], name: str) -> str:
        """Why a duplicate is taken as not planned although it names another ticket; empty: it is not."""
        other = front.get("duplicate_of")
        if other == name:
            return "names the file itself, so it is taken as not planned; name the other file"
        if not other or (isinstance(other, str) and self._is_open(other, name) is not None):
            return ""
        near = suggest(str(other), [path.name for path in self.folder.glob("[!.]*.md")])
        return joined("names no ticket of this folder, so it is taken as not planned" + near, "name the other file")

    def _remembered(self, ticket_id: str) -> Marker | None:
        known = self._known.get(ticket_id)
        return known.marker if known else None

    def survey(self, place: str, people: Collection[str]) -> Survey:
        """A folder takes everything and everybody."""
        return Survey()

    def calls(self) -> tuple[int | None, str]:
        """As many as one likes."""
        return None, ""

    def answer(self, ticket: Ticket, remark: Remark, reply: str) -> None:
        """Nobody talks to a file: there are no remarks."""

    def examine(self, needs: Sequence[Need]) -> list[Trouble]:
        """Whether the folder can be written to."""
        there = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        if there.is_dir() and os.access(there, os.W_OK):
            return []
        return [Trouble("settings", ("path",), f"{there} cannot be written to", "name a folder that can: `path: …`")]

    def memory(self) -> Mapping[str, Any]:
        """A folder is read anew each time."""
        return {}

    def tidy(self) -> None:
        """Remove files that were written aside and never renamed."""
        for left in self.folder.glob(".*.md.new"):
            if is_ours(left.name.removesuffix(".new")):
                left.unlink(missing_ok=True)

    def create(self, content: Content) -> Ticket:
        """Write a new file; where one of this key stands already, that is the ticket."""
        name = file_of(content.marker)
        path = self.folder / self._standing.get(name, name)
        self.folder.mkdir(parents=True, exist_ok=True)
        front: dict[str, Any] = {
            "title": content.title, "state": "open", "priority": content.marker.priority, "due": content.marker.due,
            "team": content.team, "assignees": list(content.marker.assignees),
            "labels": reflagged(content.marker.labels, content.flag),
            "opened": f"{self.now:%Y-%m-%d}", "triagebot": as_front(content.marker, ""),
        }  # fmt: skip
        body = splice("", content.block)
        aside = self._aside(path, front, body, content.marker)
        self.writes += 1
        try:
            os.link(aside, path)
        except FileExistsError:
            front, body = self._read(path)
            held = marker_of(front)
            if held is None or held.key != content.marker.key:
                raise TrackerError(str(path), "is not the ticket of its name", "mend or delete the file") from None
        finally:
            aside.unlink(missing_ok=True)
        return self._ticket(path, front, body, marker_of(front) or content.marker)

    def create_many(self, contents: Sequence[Content]) -> Iterator[Ticket | TrackerError]:
        """A file each."""
        return one_by_one(self.create, contents)

    def edit(self, ticket_id: str, edit: Edit) -> Ticket:
        """Change a file in one step: aside, then renamed."""
        path = self.folder / ticket_id
        front, body = self._read(path)
        told = marker_of(front)
        marker = told or self._remembered(ticket_id) or (edit.content.marker if edit.content else None)
        if marker is None:
            raise TrackerError(str(path), "its `triagebot:` mapping is gone", MEND)
        refuse_drift(told, stands_open(front), edit)
        if edit.content:
            _set_content(front, edit.content, marker)
            marker, body = edit.content.marker, splice(body, edit.content.block)
        if edit.flag is not None:
            front["labels"] = reflagged(names(front.get("labels")), edit.flag)
        closed_by = noted(front)
        if edit.state == "open":
            front["state"], closed_by = "open", ""
            for name in ("closed", "closed_as", "duplicate_of", "closed_by", "because"):
                front.pop(name, None)
        elif edit.state == "closed":
            front.update(state="closed", closed_as=edit.closed_as, closed=f"{self.now:%Y-%m-%dT%H:%M:%SZ}")
            closed_by = closing(front)
        if edit.comment:
            body = self._commented(body, edit)
        front["triagebot"] = as_front(marker, closed_by)
        self.writes += 1
        self._aside(path, front, body, marker).replace(path)
        return self._ticket(path, front, body, marker)

    def _commented(self, body: str, edit: Edit) -> str:
        mark = f"<!-- triagebot:comment {edit.comment_digest} -->"
        end = f"<!-- triagebot:comment-end {edit.comment_digest} -->"
        said = f"{edit.comment.strip()}\n{end}\n" if edit.rewrite else f"{edit.comment.strip()}\n"
        if mark in body:
            before, _, after = body.partition(mark)
            theirs = after.partition(end)
            # without its end it is not told from what people wrote below it
            return f"{before}{mark}\n{said.rstrip()}{theirs[2]}" if edit.rewrite and theirs[1] else body
        if not re.search(rf"^{_COMMENTS}$", body, re.MULTILINE):
            body = f"{body.rstrip()}\n\n{_COMMENTS}\n"
        return f"{body.rstrip()}\n\n**triagebot**, {self.now:%Y-%m-%d}: {mark}\n{said}"

    def _read(self, path: Path) -> tuple[dict[str, Any], str]:
        self.reads += 1
        try:
            return parsed(path.read_bytes(), self.now)
        except FrontError as error:
            raise TrackerError(str(path), error.cause, error.remedy) from error
        except OSError as error:
            raise TrackerError(str(path), f"cannot be read: {error.strerror}", "see who may read it") from error

    def _aside(self, path: Path, front: Mapping[str, Any], body: str, marker: Marker) -> Path:
        aside = path.with_name(f".{file_of(marker)}.new")
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(written(front, body))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TrackerError(str(path), f"cannot be written: {error.strerror}", "make the folder writable") from error
        return aside

    def _ticket(self, path: Path, front: Mapping[str, Any], body: str, marker: Marker, damaged: bool = False) -> Ticket:
        is_open = stands_open(front)
        return Ticket(
            id=path.name, url=path.as_posix(), tracker=self.name, marker=marker, is_open=is_open,
            title=str(front.get("title", "")), closed_as="" if is_open else closed_as(front),
            closed_by_us=not is_open and noted(front) == closing(front),
            closed_at=None if is_open else time(front.get("closed")),
            duplicate_open=None if is_open else self._is_open(front.get("duplicate_of"), path.name),
            duplicate_of="" if is_open else str(front.get("duplicate_of") or ""),
            originals=tuple((o, told) for o in originals(marker) if (told := self._is_open(o, "")) is not None),
            damaged=damaged or BEGIN not in body or END not in body,
            closed_by="" if is_open else str(front.get("closed_by") or ""),
            closed_because="" if is_open else str(front.get("because") or ""),
            flag=flag_of(names(front.get("labels"))),
        )  # fmt: skip

    def _is_open(self, other: object, name: str) -> bool | None:
        """Whether the ticket that a duplicate names is open; None where it names none that exists, or itself."""
        if not isinstance(other, str) or other == name or Path(other).name != other:
            return None
        if not (self.folder / other).is_file():
            return None
        with suppress(TrackerError):
            return stands_open(self._read(self.folder / other)[0])
        return None


def _gone(folder: Path, count: int) -> str:
    tickets = many(count, "ticket was", "tickets were")
    return (
        f"{folder} is not there, and {tickets} in it; put it back or mend `path:`; "
        "if they were meant to be deleted, make it an empty folder"
    )


def _set_content(front: dict[str, Any], content: Content, old: Marker) -> None:
    """Our fields anew; labels and assignees only where people left them as we had set them."""
    front.update(title=content.title, priority=content.marker.priority, due=content.marker.due, team=content.team)
    for name in ("labels", "assignees"):
        front[name] = merged(names(front.get(name)), getattr(old, name), getattr(content.marker, name))
