"""The history on a branch of a Git repository, for machines that keep nothing from run to run.

`pull` brings it here, `push` takes it back. Whoever pushes second finds that the branch has moved on, unites both
copies (`union`) and pushes again. A hold keeps others from acting on a copy that is about to change: a ref beside the
branch, which the server creates for one of two at a time.

Works in a bare repository of its own: the clone in which it is called is neither read nor changed.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from triagebot.config import Config
from triagebot.errors import LeaseError
from triagebot.files import LocalSettings
from triagebot.folder import Folder
from triagebot.git import Git, GitError, repository
from triagebot.history import PULLED
from triagebot.union import HISTORY, Kept, hurt, unite

HELD_FOR = timedelta(hours=2)
"""A run that takes longer was killed: whoever waits takes over."""
POLL = 5.0
TRIES = 8
"""Each try is lost only to a push that worked: so many pushes do not come in a row."""


@dataclass(frozen=True)
class Pulled:
    """What the last pull or push noted: where from, what there was in folders of ours, and the hold, if it has one."""

    remote: str
    branch: str
    commit: str = ""
    files: dict[str, str] = field(default_factory=dict)
    hold: str = ""


@dataclass(frozen=True)
class Store:
    """A branch of a repository. `token`: for a server that asks for one; `sleep` and `clock` are for tests.

    `say` hears of each ticket in which a person should look what became of two copies.
    """

    remote: str
    branch: str
    token: str = field(default="", repr=False)
    owner: str = ""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    say: Callable[[str], None] = lambda line: None

    @property
    def ref(self) -> str:
        """The branch."""
        return f"refs/heads/{self.branch}"

    @property
    def hold_ref(self) -> str:
        """The ref that says who holds the history. No branch: nobody sees it in a list of branches."""
        return f"refs/triagebot/{self.branch}"


def published(remote: str, server: str, event: Path) -> bool:
    """Whether this is the repository that a job of Actions runs for, and its event says that it is public."""
    try:
        told = json.loads(event.read_bytes())["repository"]
        name, private = str(told["full_name"]), told["private"]
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no job of Actions, or it does not say
    here = rf"(\w+://)?([^@/]+@)?{re.escape(server.partition('://')[2])}(:\d+)?[:/]{re.escape(name)}(\.git)?/*"
    return private is False and bool(re.fullmatch(here, remote, re.IGNORECASE))


def kept(config: Config) -> Kept:
    """What must be kept between runs: the history, and the tickets that are files."""
    local = {
        f"tickets/{name}": config.base / tracker.path
        for name, tracker in config.settings.trackers.items()
        if isinstance(tracker, LocalSettings)
    }
    return Kept({HISTORY: config.history, **local})


def pull(store: Store, kept: Kept, hold: timedelta | None = None) -> list[str]:
    """Bring what the branch has into the folders; the names that changed here.

    `hold`: hold the history until `push`, and wait so long for who has it. Raises `LeaseError` after that.
    """
    before = _noted(store, kept)
    with repository(store.remote, store.token) as git:
        held = _held(store, git, hold) if hold is not None else ""
        try:
            commit = git.fetch(store.ref)
            changed = _united(store, git, commit, kept, before) if commit else []
            _note(kept, Pulled(store.remote, store.branch, commit, kept.among(git.files(commit)), held))
        except BaseException:
            if held:
                _release(store, git, held)
            raise
    return changed


def push(store: Store, kept: Kept) -> bool:
    """Take the folders to the branch; whether there was anything new. What others pushed meanwhile is united.

    What lies there in no folder of ours, such as tickets of a tracker that other settings name, stays as it is; so does
    what is damaged here, which is brought from there, else left out and said.
    """
    noted = _noted(store, kept)
    with repository(store.remote, store.token) as git:
        try:
            return _pushed(store, git, kept, noted)
        finally:
            if noted.hold:
                _release(store, git, noted.hold)


def last(kept: Kept) -> Pulled | None:
    """What the last pull noted; None: there was none, or its note cannot be read."""
    path = kept.folders[HISTORY] / PULLED
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pulled)
    except (OSError, msgspec.DecodeError):
        return None


def _noted(store: Store, kept: Kept) -> Pulled:
    """What the last pull noted of this very branch; empty: it was of another, with which this one shares no ground.

    Without the files of a folder that is not there: to lose a folder is no decision on every ticket in it.
    """
    noted = last(kept)
    if noted and (noted.remote, noted.branch) == (store.remote, store.branch):
        return replace(noted, files=kept.standing(noted.files))
    return Pulled(store.remote, store.branch)


def _note(kept: Kept, noted: Pulled) -> None:
    folder = kept.folders[HISTORY]
    Folder(folder).write(folder / PULLED, msgspec.json.encode(noted).decode())


def _pushed(store: Store, git: Git, kept: Kept, noted: Pulled) -> bool:
    if not noted.commit and not kept.files():
        return False  # nothing was pulled and nothing run
    for _ in range(TRIES):
        commit = git.fetch(store.ref)
        there = kept.among(git.files(commit))
        left = hurt(kept, there, noted.files)
        if commit and (there != noted.files or left):  # also where the settings name more folders than they did
            _united(store, git, commit, kept, noted)
            left = hurt(kept, there)
        for line in dict.fromkeys(left.values()):
            store.say(f"{line}: it is not pushed; restore it, or delete it")
        files = {name: path for name, path in kept.files().items() if name not in left}
        tree = git.tree(files, commit, [name for name in there if name not in left])
        if commit and tree == git.tree_of(commit):
            _note(kept, Pulled(store.remote, store.branch, commit, there))
            return False
        made = git.commit(tree, [commit] if commit else [], "triagebot: what the last run knows [skip ci]")
        refused = git.push(f"{made}:{store.ref}")
        if not refused:
            _note(kept, Pulled(store.remote, store.branch, made, kept.among(git.files(made))))
            return True
        noted = Pulled(store.remote, store.branch, commit, there, noted.hold)
        if git.asked(store.ref) == commit:
            remedy = "give the token `contents: write`, and let it push to this branch"
            raise GitError(store.remote, f"the branch {store.branch} cannot be pushed: {refused}", remedy)
    raise GitError(
        store.remote, f"the branch {store.branch} moved on {TRIES} times", "run `triagebot history push` again"
    )


def _united(store: Store, git: Git, commit: str, kept: Kept, base: Pulled) -> list[str]:
    def held(name: str) -> bytes | None:
        return git.held(base.commit, base.files[name]) if base.commit and name in base.files else None

    with tempfile.TemporaryDirectory(prefix="triagebot-") as folder:
        there = Path(folder)
        git.out(commit, there)
        theirs = Kept({name: there / name for name in kept.folders})
        return unite(kept, theirs, base.files, held, store.say)


# The hold


def _held(store: Store, git: Git, wait: timedelta) -> str:
    """Take the hold; its name, by which alone it can be given back."""
    until = store.clock() + wait
    while True:
        now = store.clock()
        said = json.dumps({"owner": store.owner, "until": (now + HELD_FOR).isoformat()})
        mine = git.commit(git.no_tree(), [], said)
        theirs = git.asked(store.hold_ref)
        over, who = _over(store, git, theirs, now)
        if over:
            refused = git.push(f"{mine}:{store.hold_ref}", expect=(store.hold_ref, theirs))
            if not refused:
                return mine
            if git.asked(store.hold_ref) == theirs:
                remedy = "give the token `contents: write`"
                raise GitError(store.remote, f"the history cannot be held: {refused}", remedy)
        elif now >= until:
            raise LeaseError(store.remote, f"another run holds the history: {who}", "wait for it to end")
        else:
            store.sleep(POLL)


def _over(store: Store, git: Git, held: str, now: datetime) -> tuple[bool, str]:
    """(whether a hold holds no longer, who has it and until when)."""
    if not held or not (commit := git.fetch(store.hold_ref)):
        return True, ""
    try:
        told: dict[str, Any] = json.loads(git.message(commit))
        until = datetime.fromisoformat(told["until"])
        owner = str(told["owner"])
    except (ValueError, KeyError, TypeError):
        return True, ""  # not one of ours
    return commit == held and until < now, f"{owner}, until {until:%Y-%m-%d %H:%M} UTC"


def _release(store: Store, git: Git, held: str) -> None:
    """Give the hold back, unless somebody has taken it over meanwhile."""
    git.push(f":{store.hold_ref}", expect=(store.hold_ref, held))
