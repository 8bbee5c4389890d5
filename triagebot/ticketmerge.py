"""Two copies of a local ticket become one: what people wrote in either of them stays.

Three-way: with what both started from, where that is known. What triagebot writes (title, priority, due date, team,
mapping, block) is taken as a whole from whoever changed it, and from the published copy where both did: the next run
writes it anew. How the ticket stands is one thing as well; where both say it anew, a person's closing counts before
ours, ours before an open ticket. Labels and people are united name by name, text outside the block line by line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from triagebot.git import united_text
from triagebot.render import plain
from triagebot.trackers.interface import managed, splice
from triagebot.trackers.local_front import Front, names, split, written

_STANDS = ("state", "closed", "closed_as", "duplicate_of", "closed_by", "because")
_OURS = ("title", "priority", "due", "team", "triagebot")
_LISTS = ("labels", "assignees")
_NOTED = "closed_by"
"""What the mapping notes of a closing of ours: it belongs to how the ticket stands."""


@dataclass(frozen=True)
class Merged:
    """One ticket of two. `lost`: what one of them said and this one does not, for a person to see."""

    data: bytes
    lost: tuple[str, ...] = ()


def united(mine: bytes, published: bytes, base: bytes | None) -> Merged:
    """One file of two copies that differ. `base`: what both started from; None: it is not known.

    A copy that is no ticket any more (broken by hand) is kept as it is, for the next run to name it; of two the
    published one.
    """
    here, there = _Copy.of(mine), _Copy.of(published)
    if here is None or there is None:
        lost = ("one of the copies cannot be read, and what the other one says is not in it",)
        return Merged(published if there is None else mine, lost)
    ground = _Copy.of(base) if base is not None else None
    merge = _Merge(here, there, ground)
    made = merge.copy()
    for copy, data in ((there, published), (here, mine)):
        if made == copy:
            return Merged(data, tuple(merge.lost))
    return Merged(made.data, tuple(merge.lost))


def is_touched(base: bytes, now: bytes) -> bool:
    """Whether a person changed the ticket between these two, as far as that shows; triagebot's changes do not count."""
    before, after = _Copy.of(base), _Copy.of(now)
    if before is None or after is None:
        return before != after
    return _theirs(before) != _theirs(after)


@dataclass(frozen=True)
class _Copy:
    """A ticket in the parts that are merged one by one."""

    stands: Mapping[str, Any]
    ours: Mapping[str, Any]
    lists: Mapping[str, list[Any]]
    others: Mapping[str, Any]
    block: str
    text: str
    """What stands around the block, with an empty one in its place."""
    order: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, data: bytes) -> _Copy | None:
        try:
            _, front, body = split(data)
        except ValueError:
            return None
        told = front.get("triagebot")
        stands = {name: front[name] for name in _STANDS if name in front}
        ours = {name: front[name] for name in _OURS if name in front}
        if isinstance(told, dict):
            ours["triagebot"] = {name: value for name, value in told.items() if name != _NOTED}
            stands |= {f"triagebot.{_NOTED}": told[_NOTED]} if _NOTED in told else {}
        found = managed(body)
        return cls(
            stands, ours, {name: names(front[name]) for name in _LISTS if name in front},
            {name: value for name, value in front.items() if name not in (*_STANDS, *_OURS, *_LISTS)},
            found[0] if found else "", splice(body, "") if found else body, tuple(front),
        )  # fmt: skip

    def stands_as(self, state: str) -> bool:
        """Whether it says so; a misspelt word is neither `open` nor `closed`."""
        return str(self.stands.get("state")).strip().lower() == state

    @property
    def is_ours(self) -> bool:
        """Whether it stands as triagebot leaves it: open, or closed by it."""
        noted = f"triagebot {self.stands.get('closed_as')} {self.stands.get('closed')}"
        return self.stands_as("open") or (self.stands_as("closed") and self.stands.get(f"triagebot.{_NOTED}") == noted)

    @property
    def data(self) -> bytes:
        front: Front = {**self.ours, **self.others, **self.lists}
        front |= {name: value for name, value in self.stands.items() if name in _STANDS}
        if isinstance(front.get("triagebot"), dict) and f"triagebot.{_NOTED}" in self.stands:
            front["triagebot"] = {**front["triagebot"], _NOTED: self.stands[f"triagebot.{_NOTED}"]}
        found = managed(self.text)
        body = self.text
        if self.block:
            body = f"{body[: found.start()]}{self.block}{body[found.end() :]}" if found else f"{body}\n{self.block}\n"
        return written({name: front[name] for name in self.order if name in front}, body).encode()


class _Merge:
    def __init__(self, mine: _Copy, published: _Copy, base: _Copy | None) -> None:
        self.mine, self.published, self.base = mine, published, base
        self.lost: list[str] = []

    def copy(self) -> _Copy:
        managed_by = self._managed()
        return _Copy(
            stands=self._stands(), ours=managed_by.ours, lists=self._lists(), others=self._others(),
            block=managed_by.block,
            order=tuple(dict.fromkeys([*self.published.order, *self.mine.order])),
            text=united_text(self.mine.text, self.base.text if self.base else "", self.published.text),
        )  # fmt: skip

    def _pick(self, part: Callable[[_Copy], Any]) -> _Copy | None:
        """Whose part it is; None: both changed it, or it is not known who did, and they differ."""
        here, there = part(self.mine), part(self.published)
        if here == there or (self.base and here == part(self.base)):
            return self.published
        return self.mine if self.base and there == part(self.base) else None

    def _managed(self) -> _Copy:
        return self._pick(lambda copy: (copy.ours, copy.block)) or self.published

    def _stands(self) -> Mapping[str, Any]:
        if picked := self._pick(lambda copy: copy.stands):
            return picked.stands
        first, second = sorted((self.published, self.mine), key=lambda copy: (copy.is_ours, copy.stands_as("open")))
        if not (second.is_ours and (second.stands_as("closed") or self.base is None)):
            self.lost.append(f"both copies say how it stands; {_said(first)} counts, not {_said(second)}")
        return first.stands

    def _lists(self) -> dict[str, list[Any]]:
        made = {}
        for name in dict.fromkeys([*self.published.lists, *self.mine.lists]):
            here, there = self.mine.lists.get(name, []), self.published.lists.get(name, [])
            before = self.base.lists.get(name, []) if self.base else []
            kept = [item for item in there if item in here or item not in before]
            made[name] = kept + [item for item in here if item not in there and item not in before]
        return made

    def _others(self) -> dict[str, Any]:
        made = {}
        for name in dict.fromkeys([*self.published.others, *self.mine.others]):
            picked = self._pick(lambda copy, name=name: copy.others.get(name))  # type: ignore[misc]
            if picked is None and name in self.mine.others and name in self.published.others:
                self.lost.append(f"both copies have `{plain(name)}:` anew; the branch's counts")
            one = picked or (self.published if name in self.published.others else self.mine)
            if name in one.others:
                made[name] = one.others[name]
        return made


def _theirs(copy: _Copy) -> tuple[Any, ...]:
    stands = None if copy.is_ours else copy.stands
    return stands, copy.others, copy.text


def _said(copy: _Copy) -> str:
    """How a copy says that it stands, as people read it."""
    if not copy.stands_as("closed"):
        return f"`state: {plain(str(copy.stands.get('state')))}`"
    by = f"closed by {'triagebot' if copy.is_ours else 'a person'}"
    as_ = copy.stands.get("closed_as")
    return f"{by} as `{plain(str(as_))}`" if as_ else by
