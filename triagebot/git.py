"""Git, as far as a branch that is a store needs it, in a bare repository of its own.

Needs Git 2.31 or newer: before, configuration could not come by the environment, and a token would stand in a list of
processes. https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from triagebot.errors import InputError, TriagebotError


class GitError(TriagebotError):
    """Git refused."""


@contextmanager
def repository(remote: str, token: str = "") -> Iterator[Git]:
    """An empty bare repository that talks to `remote`; gone afterwards. `token`: for a server that asks for one."""
    with tempfile.TemporaryDirectory(prefix="triagebot-git-") as folder:
        git = Git(remote, Path(folder), _environment(remote, token))
        git.call("init", "--quiet", "--bare", ".")
        yield git


def united_text(mine: str, base: str, other: str) -> str:
    """Both texts in one, line by line: what either changed since `base`; where both did, the lines of both."""
    if mine == other:
        return mine
    with tempfile.TemporaryDirectory(prefix="triagebot-git-") as folder:
        git = Git("", Path(folder), _environment("", ""))
        for name, text in (("mine", mine), ("base", base), ("other", other)):
            (git.folder / name).write_bytes(text.encode())
        return git.call("merge-file", "-p", "--union", "mine", "base", "other")[0]


def origin(folder: Path) -> str:
    """The address that the clone at this folder was made from."""
    here = Git("origin", folder, _environment("", ""))
    said, why = here.call("remote", "get-url", "origin", fails=True)
    if why:
        raise InputError("--remote", f"is needed: {folder.resolve()} is no clone ({why})", "name the repository")
    return said.strip()


@dataclass
class Git:
    """Git in a bare repository. Never asks anybody anything."""

    remote: str
    folder: Path
    environment: Mapping[str, str]
    heard: dict[str, dict[str, str]] = field(default_factory=dict)

    def call(
        self, *words: str, told: str = "", env: Mapping[str, str] | None = None, fails: bool = False
    ) -> tuple[str, str]:
        """(what it printed, why it failed); raises `GitError` where it may not fail. `told`: what it reads."""
        env = {**self.environment, **(env or {})}
        try:
            done = subprocess.run(
                ["git", *words], cwd=self.folder, env=env, input=told.encode(), capture_output=True, check=False,  # noqa: S607
            )  # fmt: skip
        except OSError as error:
            raise GitError("git", f"cannot be started: {error.strerror}", "install Git 2.31 or newer") from error
        said = done.stderr.decode(errors="replace").strip()
        if not done.returncode:
            return done.stdout.decode(errors="replace"), ""
        why = said or f"exit code {done.returncode}"
        if not fails:
            remedy = "correct the address (--remote), or what the token or key may do"
            raise GitError(self.remote, f"git {words[0]}: {_cause(why)}", remedy)
        return "", why

    def asked(self, ref: str) -> str:
        """The commit that the server has under a ref; empty: none."""
        return self.call("ls-remote", self.remote, ref)[0].partition("\t")[0]

    def fetch(self, ref: str) -> str:
        """Fetch one commit; its name, or empty where there is no such ref."""
        if not (found := self.asked(ref)):
            return ""
        self.call("fetch", "--quiet", "--depth=1", "--no-tags", self.remote, f"+{ref}:refs/fetched/here")
        return self.call("rev-parse", "refs/fetched/here")[0].strip() or found

    def out(self, commit: str, folder: Path) -> None:
        """The files of a commit, into a folder."""
        index = {"GIT_INDEX_FILE": str(self.folder / "index-out")}
        self.call("read-tree", commit, env=index)
        self.call("--work-tree", str(folder), "checkout-index", "--all", "--force", env=index)

    def tree(self, files: Mapping[str, Path], commit: str = "", without: Collection[str] = ()) -> str:
        """These files as a tree, by the names that they have in it; with them what a commit has but `without`."""
        index = {"GIT_INDEX_FILE": str(self.folder / f"index-{time.monotonic_ns()}")}
        if commit:
            self.call("read-tree", commit, env=index)
        told = "".join(f"0 {_NOTHING}\t{name}\0" for name in without)
        ids = self._stored(list(files.values()))
        told += "".join(f"100644 {blob}\t{name}\0" for name, blob in zip(files, ids, strict=True))
        self.call("update-index", "-z", "--add", "--replace", "--index-info", told=told, env=index)
        return self.call("write-tree", env=index)[0].strip()

    def _stored(self, paths: list[Path]) -> list[str]:
        listed = "".join(f"{path.resolve()}\n" for path in paths)
        return self.call("hash-object", "-w", "--no-filters", "--stdin-paths", told=listed)[0].split()

    def no_tree(self) -> str:
        """The tree without files."""
        return self.call("mktree")[0].strip()

    def tree_of(self, commit: str) -> str:
        """What a commit holds."""
        return self.call("rev-parse", f"{commit}^{{tree}}")[0].strip()

    def held(self, commit: str, blob: str) -> bytes | None:
        """What a file of a commit held; None: the server does not give it, as where the branch was rewritten."""
        if (
            not self.call("cat-file", "-e", f"{commit}^{{commit}}", fails=True)[1]
            or not self.call("fetch", "--quiet", "--depth=1", "--no-tags", self.remote, commit, fails=True)[1]
        ):
            said, why = self.call("cat-file", "blob", blob, fails=True)
            return None if why else said.encode()
        return None

    def files(self, commit: str) -> dict[str, str]:
        """File name -> blob id of a commit."""
        if not commit:
            return {}
        if commit not in self.heard:
            listed = self.call("ls-tree", "-r", "-z", commit)[0].split("\0")
            parted = [line.partition("\t") for line in listed if line]
            self.heard[commit] = {name: told.split()[2] for told, _, name in parted}
        return self.heard[commit]

    def commit(self, tree: str, parents: list[str], said: str) -> str:
        """A commit; its name."""
        words = [word for parent in parents for word in ("-p", parent)]
        return self.call("commit-tree", tree, *words, "-m", said)[0].strip()

    def message(self, commit: str) -> str:
        """What a commit says."""
        return self.call("show", "--no-patch", "--format=%B", commit)[0]

    def push(self, spec: str, expect: tuple[str, str] | None = None) -> str:
        """Push; why it was refused, empty: it was not. `expect`: only if the ref stands there; empty: is not there."""
        lease = [f"--force-with-lease={expect[0]}:{expect[1]}"] if expect else []
        said = self.call("push", "--quiet", *lease, self.remote, spec, fails=True)[1]
        rejected = [
            line.strip() for line in said.splitlines() if "rejected" in line or "error" in line or "fatal" in line
        ]
        return (rejected[0] if rejected else said) if said else ""


def _cause(said: str) -> str:
    """The line that says what is wrong: neither the warnings before it nor the advice after it."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith(_BESIDE)]
    grave = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (grave or lines or said.splitlines())[0].removeprefix("fatal: ")


_BESIDE = (
    "Warning:", "warning:", "hint:", "fatal: Could not read from remote repository", "Please make sure you have",
    "and the repository exists",
)  # fmt: skip

_NOTHING = "0" * 40
"""Told as the id of a file that is to leave: https://git-scm.com/docs/git-update-index#_using_index_info"""

_IDENTITY = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "triagebot"), (f"GIT_{role}_EMAIL", "triagebot@users.noreply.github.com"))
}


def _environment(remote: str, token: str) -> dict[str, str]:
    """No questions, no other repository; and the token, where no list of processes shows it."""
    ours = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "LC_ALL": "C", **_IDENTITY}
    around = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    if not token or not remote.startswith(("https://", "http://")) or withheld(remote):
        return around | ours
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return around | ours | {
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"http.{_host(remote)}.extraheader",
        "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {basic}",
    }  # fmt: skip


_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""What a hook or a script around us may have set for a repository of its own."""


def withheld(remote: str, server: str = "") -> str:
    """Why a token is kept from this address; empty: it may be sent. `server`: whose token it is; empty: not asked."""
    scheme, authority = remote.partition("://")[0], _authority(remote)
    if scheme == "http" and not _LOOPBACK.fullmatch(authority):
        return "http:// would show it to the network"
    if scheme in ("http", "https") and server and authority != _authority(server):
        return f"it is for {server}"
    return ""


_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


def _authority(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].lower().removesuffix(":443")


def _host(remote: str) -> str:
    scheme, _, rest = remote.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def checked(remote: str, branch: str) -> None:
    """Raises `InputError` for an address or a name that Git would take for something else."""
    if remote.startswith("-") or not remote.strip() or "::" in remote:
        raise InputError("--remote", f"{remote!r} is no address of a repository", "write https://…/owner/name.git")
    if "://" in remote and "@" in remote.partition("://")[2].partition("/")[0]:
        raise InputError("--remote", "holds a password or name", "leave it out: the token comes from the environment")
    git_like = branch and not branch.startswith(("-", ".", "/")) and not branch.endswith(("/", ".", ".lock"))
    if not git_like or any(c in branch for c in " ~^:?*[\\") or ".." in branch or "//" in branch:
        raise InputError("--branch", f"{branch!r} is no name of a branch", "write for example triagebot-history")
