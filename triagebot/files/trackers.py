"""`trackers:` of `triagebot.yaml`: where tickets go, a model per kind of tracker."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
)
from pydantic import field_validator as checks

from triagebot.files.words import Priority, Project, Repository, Strict, Texts, Url, UrlOrNone


class LocalSettings(Strict):
    """Tickets as files of a folder."""

    type: Literal["local"]
    path: str = "tickets"


class AppSettings(Strict):
    """A GitHub App that files the tickets. `key_env` names the variable that holds its private key (PEM)."""

    id: int
    key_env: str = "GITHUB_APP_KEY"
    installation: int | None = None


class GithubSettings(Strict):
    """Issues of GitHub repositories: github.com, or an Enterprise Server at `url`.

    `repo` is where teams without a `repo` of their own file; `authors`: former identities whose tickets are ours;
    `pause`: seconds between writes, which GitHub asks for; an Enterprise Server may do without.
    """

    type: Literal["github"]
    repo: Repository
    url: UrlOrNone = ""
    token_env: str = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable, not a token
    app: AppSettings | None = None
    authors: list[str] = []
    public: bool = False
    milestone: str = ""
    issue_type: str = ""
    pause: float = Field(1.0, ge=0, le=60)
    timeout: float = Field(30.0, gt=0, le=300)


Way = Literal["open", "done", "not-planned", "duplicate"]


class JiraSettings(Strict):
    """Issues of Jira projects, in Jira Cloud or Data Center.

    `project` is where teams without a `project` of their own file. `token_env` names the variable that holds an API
    token (Cloud, with `email` or the variable that `user_env` names) or a personal access token (Data Center).
    `priorities`: ours -> the server's; `transitions`: their names by what they do, the first that is offered is taken;
    `resolutions`: what the server's mean, beside those that are known; `fields`: what a new issue must also have, by
    id or name.
    """

    type: Literal["jira"]
    url: Url
    project: Project
    issue_type: str = Field("Bug", min_length=1)
    flavour: Literal["", "cloud", "data-center"] = ""
    token_env: str = "JIRA_TOKEN"  # noqa: S105 - the name of a variable, not a token
    user_env: str = "JIRA_USER"
    email: str = ""
    authors: list[str] = []
    priorities: dict[Priority, str] = {}
    transitions: dict[Way, Texts] = {}
    resolutions: dict[str, Literal["done", "not-planned", "duplicate"]] = {}
    fields: dict[str, Any] = {}
    pause: float = Field(0.0, ge=0, le=60)
    timeout: float = Field(30.0, gt=0, le=300)

    @checks("fields")
    @classmethod
    def _not_ours(cls, fields: dict[str, Any]) -> dict[str, Any]:
        taken = sorted(set(fields) & {"project", "issuetype", "summary", "description"})
        if taken:
            raise ValueError(f"{', '.join(taken)}: triagebot sets that itself")
        return fields


TrackerSettings = Annotated[LocalSettings | GithubSettings | JiraSettings, Field(discriminator="type")]
"""One place for tickets, by its `type`."""
