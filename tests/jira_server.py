"""The Jiras that tests run against, as fixtures: `jira` is each flavour in turn, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jira_cloud import Cloud
from jira_contract import contract_faults
from jira_dc import DataCenter
from jira_rules import BOT, JiraServer

from triagebot.files import JiraSettings
from triagebot.trackers import connect
from triagebot.trackers.jira import JiraTracker

Server = Cloud | DataCenter


@pytest.fixture(scope="session")
def jira_servers() -> Iterator[dict[str, JiraServer]]:
    """One of each for each worker, started when first asked for."""
    made: dict[str, JiraServer] = {}
    yield made
    for server in made.values():
        server.stop()


def _fresh(servers: dict[str, Any], flavour: str) -> Iterator[Server]:
    if flavour not in servers:
        servers[flavour] = {"cloud": Cloud, "data-center": DataCenter}[flavour]()
    server: Server = servers[flavour]
    server.reset()
    yield server
    assert server.troubles == []
    if isinstance(server, Cloud):
        faults = contract_faults(server.log)
        assert faults == []


@pytest.fixture(params=["cloud", "data-center"])
def jira(request: pytest.FixtureRequest, jira_servers: dict[str, Any]) -> Iterator[Server]:
    """A Jira on which nothing has happened yet."""
    yield from _fresh(jira_servers, request.param)


@pytest.fixture
def cloud(jira_servers: dict[str, Any]) -> Iterator[Server]:
    """The Cloud."""
    yield from _fresh(jira_servers, "cloud")


@pytest.fixture
def data_center(jira_servers: dict[str, Any]) -> Iterator[Server]:
    """The Data Center."""
    yield from _fresh(jira_servers, "data-center")


def flavour_of(server: JiraServer) -> str:
    """As the settings name it."""
    return "cloud" if isinstance(server, Cloud) else "data-center"


def settings_of(server: JiraServer, **said: Any) -> dict[str, Any]:
    """The settings of a tracker on it."""
    return {
        "type": "jira", "url": server.url, "project": "NET", "flavour": flavour_of(server),
        "email": f"{BOT}@example.com", **said,
    }  # fmt: skip


def jira_tracker(server: JiraServer, now: Any, token: str = "", projects: Any = (), **said: Any) -> JiraTracker:
    """A tracker of project NET that has seen nothing; no wait of its policy takes time."""
    settings = JiraSettings.model_validate(settings_of(server, **said))
    made = connect("here", settings, Path(), now, projects, {"JIRA_TOKEN": token or server.token()})
    assert isinstance(made, JiraTracker)
    made.calls_made.caller.clock.sleep = lambda _: None
    return made
