"""The emulated GitHub as a process: started, ordered about, ended. The front stands before it (`github_front`)."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "emulators"
NODE = (22, 15)
"""The oldest Node that runs the emulator."""

ACTIONS_APP = 15368
"""The app behind GITHUB_TOKEN."""
APP, INSTALLATION = 4711, 815
"""The GitHub App of the tests, and its installation on `acme`."""
WRITE = {"issues": "write", "metadata": "read"}

USERS = ("triage-bot", "maintainer", "outsider", "reader", "triager", "octocat", "hubot", "solo")
REPOSITORIES = {"acme/platform": True, "acme/network": True, "acme/open": False, "solo/tool": True}
"""Repository: private?"""
PERMISSIONS = {"triage-bot": "push", "octocat": "push", "hubot": "push", "triager": "triage", "reader": "pull"}
"""What each person may do in every repository; `maintainer` is in the team that owns those of `acme`."""


def seed() -> dict[str, Any]:
    """What every test starts from."""
    repos = [(*name.split("/"), private) for name, private in REPOSITORIES.items()]
    apps = [
        {"app_id": ACTIONS_APP, "slug": "github-actions", "name": "GitHub Actions", "permissions": WRITE},
        {
            "app_id": APP, "slug": "triagebot-app", "name": "triagebot app", "permissions": WRITE,
            "installations": [{"installation_id": INSTALLATION, "account": "acme"}],
        },
    ]  # fmt: skip
    github = {
        "users": [{"login": login} for login in USERS],
        "orgs": [{"login": "acme"}],
        "repos": [{"owner": o, "name": n, "private": p, "auto_init": False} for o, n, p in repos],
        "apps": apps,
    }
    collaborators = [
        {"repo": repo, "login": login, "permission": permission}
        for repo in REPOSITORIES
        for login, permission in PERMISSIONS.items()
    ]
    teams = [{"org": "acme", "slug": "platform", "members": ["maintainer"]}]
    return {"github": github, "teams": teams, "collaborators": collaborators}


def node() -> Path | None:
    """A Node that is new enough: the one that came with the emulator, else the machine's."""
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    brought = HERE / "node_modules" / f"node-{platform.system().lower()}-{machine}" / "bin" / "node"
    if brought.is_file():
        return brought
    found = shutil.which("node")
    if not found:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])
    return Path(found) if version >= NODE else None


def absent() -> str:
    """Why the emulator cannot run here; empty: it can."""
    if not (HERE / "node_modules" / "emulate").is_dir():
        return "the emulated GitHub is absent (npm ci --ignore-scripts --prefix tests/emulators)"
    if node() is None:
        return f"the emulated GitHub needs Node {NODE[0]}.{NODE[1]} or newer"
    return ""


class Emulator:
    """The process. `order` is answered when it is carried out."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url`: where clients are told to go; `folder`: for the seed."""
        (folder / "seed.json").write_text(json.dumps(seed()), encoding="utf-8")
        command = [str(node()), "--disable-warning=ExperimentalWarning", str(HERE / "github.mjs")]
        self._process = subprocess.Popen(
            [*command, url, str(folder / "seed.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = threading.Lock()
        told = self._read()
        self.port: int = told["port"]
        self.app_key: str = next(secret["value"] for secret in told["secrets"] if secret["id"] == str(APP))

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the emulated GitHub has ended with exit code {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def order(self, order: str, **given: Any) -> dict[str, Any]:
        """Have something done that GitHub's API cannot do."""
        with self._lock:
            assert self._process.stdin
            self._process.stdin.write(json.dumps({"order": order, **given}) + "\n")
            self._process.stdin.flush()
            told = self._read()
        if "failed" in told:
            raise RuntimeError(f"{order}: {told['failed']}")
        done: dict[str, Any] = told["done"]
        return done

    def stop(self) -> None:
        """End the process; it ends with its input."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
