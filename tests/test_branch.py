"""The history on a branch: lost races are united, one run at a time holds it, and no token is seen."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triagebot import git as gits
from triagebot.branch import Store, last, published, pull, push
from triagebot.errors import InputError, LeaseError
from triagebot.git import GitError
from triagebot.union import Kept

NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)


@dataclass
class FakeClock:
    """Time passes only while somebody sleeps. `meanwhile`: what others do then."""

    now: datetime = NOW
    slept: int = 0
    meanwhile: object = None

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += timedelta(seconds=seconds)
        if callable(self.meanwhile):
            self.meanwhile()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "o.git")
    return tmp_path / "o.git"


@pytest.fixture
def store(origin: Path) -> Store:
    clock = FakeClock()
    return Store(f"file://{origin}", "triagebot-history", owner="one", sleep=clock.sleep, clock=clock)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout


def place(folder: Path, **runs: str) -> Kept:
    made = Kept({"history": folder / "h", "tickets/default": folder / "tickets"})
    for name, text in runs.items():
        (folder / "h" / "runs").mkdir(parents=True, exist_ok=True)
        (folder / "h" / "runs" / f"{name}.json").write_text(json.dumps({"run": text}))
    return made


def runs(kept: Kept) -> set[str]:
    return {name.rpartition("/")[2] for name in kept.files()}


def hook(origin: Path, script: str) -> None:
    path = origin / "hooks" / "update"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
    path.chmod(0o755)


def test_what_one_machine_pushed_another_pulls(store: Store, tmp_path: Path) -> None:
    one = place(tmp_path / "one", a="1")
    (tmp_path / "one" / "tickets").mkdir()
    (tmp_path / "one" / "tickets" / "x.md").write_text("ticket")
    assert pull(store, one) == []
    assert push(store, one)
    assert not push(store, one), "nothing new, no commit"
    two = place(tmp_path / "two")
    assert sorted(pull(store, two)) == ["history/runs/a.json", "tickets/default/x.md"]
    assert two.ids() == one.ids()


def test_a_lost_race_is_united(store: Store, tmp_path: Path) -> None:
    one, two = place(tmp_path / "one", a="1"), place(tmp_path / "two", b="2")
    for kept in (one, two):
        pull(store, kept)
    assert push(store, one)
    assert push(store, two)
    assert runs(two) == {"a.json", "b.json"}
    pull(store, one)
    assert one.ids() == two.ids()


def test_a_race_that_is_lost_while_pushing_is_tried_again(store: Store, origin: Path, tmp_path: Path) -> None:
    other = place(tmp_path / "other", b="2")
    push(replace(store, branch="elsewhere"), other)
    hook(origin, "[ -e once ] && exit 0; touch once; git update-ref refs/heads/triagebot-history refs/heads/elsewhere")
    one = place(tmp_path / "one", a="1")
    pull(store, one)
    assert push(store, one)
    assert runs(one) == {"a.json", "b.json"}
    assert git(origin, "ls-tree", "-r", "--name-only", "triagebot-history").split() == [
        "history/runs/a.json", "history/runs/b.json",
    ]  # fmt: skip


def test_a_branch_that_may_not_be_pushed_is_named_and_the_hold_given_back(
    store: Store, origin: Path, tmp_path: Path
) -> None:
    one = place(tmp_path / "one", a="1")
    pull(store, one, timedelta(0))
    hook(origin, "case $1 in refs/heads/*) echo protected >&2; exit 1;; esac")
    with pytest.raises(GitError, match=r"the branch triagebot-history cannot be pushed: .*declined.*contents: write"):
        push(store, one)
    assert git(origin, "for-each-ref") == ""


def test_a_branch_that_was_deleted_takes_nothing_away(store: Store, origin: Path, tmp_path: Path) -> None:
    one = place(tmp_path / "one", a="1")
    pull(store, one)
    push(store, one)
    git(origin, "update-ref", "-d", "refs/heads/triagebot-history")
    assert pull(store, one) == []
    assert runs(one) == {"a.json"}
    assert push(store, one)


@pytest.mark.parametrize("by", ["pull", "push"])
@pytest.mark.parametrize("other", ["branch", "remote"])
def test_another_branch_or_repository_takes_nothing_away(store: Store, tmp_path: Path, other: str, by: str) -> None:
    """What was pulled from one of them is no ground to take for removed what another never had."""
    git(tmp_path, "init", "--quiet", "--bare", "p.git")
    elsewhere = replace(store, branch="b") if other == "branch" else replace(store, remote=f"file://{tmp_path}/p.git")
    assert push(elsewhere, place(tmp_path / "two", b="2"))
    one = place(tmp_path / "one", a="1")
    (tmp_path / "one" / "tickets").mkdir()
    (tmp_path / "one" / "tickets" / "x.md").write_text("ticket")
    pull(store, one, timedelta(0))
    push(store, one)
    if by == "pull":
        pull(elsewhere, one)
    assert push(elsewhere, one)
    assert runs(one) == {"a.json", "b.json", "x.md"}
    fresh = place(tmp_path / "fresh")
    pull(elsewhere, fresh)
    assert runs(fresh) == {"a.json", "b.json", "x.md"}


def test_a_hold_is_given_back_only_where_it_was_taken(store: Store, origin: Path, tmp_path: Path) -> None:
    one = place(tmp_path / "one", a="1")
    pull(store, one, timedelta(0))
    assert push(replace(store, branch="b"), one)
    assert git(origin, "for-each-ref", "refs/triagebot").endswith("refs/triagebot/triagebot-history\n")


def test_nothing_pulled_and_nothing_run_pushes_nothing(store: Store, origin: Path, tmp_path: Path) -> None:
    assert not push(store, place(tmp_path / "one"))
    assert git(origin, "for-each-ref") == ""


# The hold


def test_while_one_holds_it_another_is_told_who(store: Store, tmp_path: Path) -> None:
    pull(store, place(tmp_path / "one"), timedelta(0))
    with pytest.raises(LeaseError, match="another run holds the history: one, until 2026-05-01 08:00 UTC") as refused:
        pull(replace(store, owner="two"), place(tmp_path / "two"), timedelta(0))
    assert refused.value.exit_code == 4


def test_who_waits_comes_next(store: Store, tmp_path: Path) -> None:
    one, clock = place(tmp_path / "one", a="1"), FakeClock()
    pull(store, one, timedelta(0))
    clock.meanwhile = lambda: push(store, one) if clock.slept == 3 else None
    two = place(tmp_path / "two")
    pull(replace(store, owner="two", clock=clock, sleep=clock.sleep), two, timedelta(minutes=1))
    assert clock.slept == 3
    assert runs(two) == {"a.json"}


def test_what_a_killed_run_left_is_taken_over_and_not_given_back_by_it(
    store: Store, origin: Path, tmp_path: Path
) -> None:
    one, two = place(tmp_path / "one", a="1"), place(tmp_path / "two")
    pull(store, one, timedelta(0))
    later = FakeClock(NOW + timedelta(hours=2, minutes=1))
    pull(replace(store, owner="two", clock=later), two, timedelta(0))
    push(store, one)
    held = git(origin, "for-each-ref", "refs/triagebot")
    assert held
    assert json.loads(git(origin, "log", "-1", "--format=%B", "refs/triagebot/triagebot-history"))["owner"] == "two"
    push(replace(store, owner="two"), two)
    assert git(origin, "for-each-ref", "refs/triagebot") == ""


def test_a_pull_that_fails_gives_the_hold_back(
    store: Store, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(store, place(tmp_path / "one", a="1"))
    monkeypatch.setattr(gits.Git, "out", lambda *_: (_ for _ in ()).throw(GitError("git", "the disk is full")))
    with pytest.raises(GitError, match="disk"):
        pull(store, place(tmp_path / "two"), timedelta(0))
    assert git(origin, "for-each-ref", "refs/triagebot") == ""


# Addresses and tokens


@pytest.mark.parametrize(
    ("remote", "branch"),
    [
        ("--upload-pack=x", "b"), ("ext::sh -c x", "b"), ("https://me:secret@x/y", "b"), ("file:///x", "-b"),
        ("file:///x", "a b"), ("file:///x", "a..b"),
    ],
)  # fmt: skip
def test_what_git_would_take_for_something_else_is_refused(remote: str, branch: str) -> None:
    with pytest.raises(InputError) as refused:
        gits.checked(remote, branch)
    assert "secret" not in str(refused.value)


def test_the_token_goes_by_the_environment_to_its_server_alone(store: Store, tmp_path: Path) -> None:
    with gits.repository("http://127.0.0.1:9/a/b.git", "s3cret") as there:
        told = there.environment
        assert told["GIT_CONFIG_KEY_0"] == "http.http://127.0.0.1:9/.extraheader"
        assert not [name for name, value in told.items() if "s3cret" in value]  # only in base64
        with pytest.raises(GitError) as refused:
            there.asked("refs/heads/x")
    assert "s3cret" not in str(refused.value)
    with gits.repository(store.remote, "s3cret") as there:
        assert "GIT_CONFIG_COUNT" not in there.environment
    with_token = replace(store, token="s3cret")  # noqa: S106
    assert "s3cret" not in repr(with_token)
    kept = place(tmp_path / "one", a="1")
    pull(with_token, kept)
    assert "s3cret" not in repr(last(kept))


def test_the_token_goes_over_no_open_line() -> None:
    with gits.repository("http://git.example/a/b.git", "s3cret") as there:
        assert "GIT_CONFIG_COUNT" not in there.environment


@pytest.mark.parametrize(
    ("remote", "server", "why"),
    [
        ("https://github.com/a/b.git", "https://github.com", ""),
        ("https://GitHub.com:443/a/b", "https://github.com", ""),
        ("https://gitlab.example/a/b.git", "https://github.com", "it is for https://github.com"),
        ("https://github.com.example/a/b", "https://github.com", "it is for https://github.com"),
        ("https://github.com:8443/a/b", "https://github.com", "it is for https://github.com"),
        ("https://gitlab.example/a/b.git", "", ""),
        ("http://github.com/a/b", "https://github.com", "http:// would show it to the network"),
        ("http://127.0.0.1.example/a", "", "http:// would show it to the network"), ("http://[::1]:80/a", "", ""),
        ("http://localhost/a", "", ""),
    ],
)  # fmt: skip
def test_whose_token_it_is(remote: str, server: str, why: str) -> None:
    assert gits.withheld(remote, server) == why


@pytest.mark.parametrize(
    ("remote", "told", "public"),
    [
        ("https://github.com/acme/x.git", '{"repository": {"full_name": "acme/x", "private": false}}', True),
        ("git@github.com:Acme/X.git", '{"repository": {"full_name": "acme/x", "private": false}}', True),
        ("https://github.com/acme/x", '{"repository": {"full_name": "acme/x", "private": true}}', False),
        ("https://github.com/acme/state", '{"repository": {"full_name": "acme/x", "private": false}}', False),
        ("https://gitlab.example/acme/x", '{"repository": {"full_name": "acme/x", "private": false}}', False),
        ("https://github.com/acme/x", '{"schedule": "* * * * *"}', False), ("https://github.com/acme/x", "[]", False),
        ("https://github.com/acme/x", "", False),
    ],
)  # fmt: skip
def test_the_event_of_a_job_says_whether_its_repository_is_public(
    tmp_path: Path, remote: str, told: str, public: bool
) -> None:
    (tmp_path / "event.json").write_text(told)
    assert published(remote, "https://github.com", tmp_path / "event.json") is public
    assert not published(remote, "https://github.com", Path())


def test_the_address_is_that_of_the_clone(tmp_path: Path, origin: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    assert gits.origin(tmp_path / "clone") == str(origin)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="--remote: is needed"):
        gits.origin(tmp_path / "none")
