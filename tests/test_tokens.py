"""A settings file that holds a token does not load, and no message tells the token."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from triagebot import config
from triagebot.cli import app
from triagebot.errors import ConfigError, InputError
from triagebot.files import tokens

GITHUB = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
OTHERS = (
    GITHUB, "github_pat_11ABCDEFG0123456789_abcdefghij", "ghs_0123456789abcdefghijABCDEFGHIJ012345",
    "glpat-0123456789abcdefghij", "ATATT3xFfGF0123456789abcdefghij_-=AB", "xoxb-123456789012-abcdef",
    "AKIA0123456789ABCDEF", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
)  # fmt: skip
VARIABLE = "holds a token; write the name of the environment variable that holds it, and renew the token"
ADDRESS = "the address holds a name, password or token; leave it out"
TRACKER = f"{ADDRESS}: the token comes from the variable that `token_env` names"
FEED = f"{ADDRESS}: fetch the feed yourself, and give its path"
DEFAULT = "tracker 'default': url"
NO_NAME = "is no name of an environment variable; write for example GITHUB_TOKEN"


def told(folder: Path, text: str, name: str = "triagebot.yaml") -> list[str]:
    """What is said of a file, line by line, without where it is."""
    path = folder / name
    path.write_text(text)
    with pytest.raises(ConfigError) as fault:
        config.load(path if name == "triagebot.yaml" else folder / "triagebot.yaml")
    return [line.partition(f"{name}:")[2].partition(": ")[2] for line in str(fault.value).splitlines()]


def tracker(text: str) -> str:
    return f"trackers: {{default: {{{text}}}}}\n"


@pytest.mark.parametrize("token", [*OTHERS, "0123456789abcdef0123456789abcdef01234567", "aB3dE5gH7jK9mN1pQ3sT5vX7"])
@pytest.mark.parametrize("field", ["token_env: {}", "app: {{id: 1, key_env: {}}}"])
def test_a_token_for_the_name_of_a_variable_is_refused_and_not_told(tmp_path: Path, token: str, field: str) -> None:
    said = told(tmp_path, tracker(f"type: github, repo: a/b, {field.format(token)}"))
    assert [line.endswith(VARIABLE) for line in said] == [True]
    assert token not in "".join(said)


@pytest.mark.parametrize("token", ["MDM0MTIzNDU2Nzg5OqL/x+y/z==", "my token", "a-b", "''", "1"])
def test_so_is_what_is_no_name(tmp_path: Path, token: str) -> None:
    said = told(tmp_path, tracker(f"type: jira, url: https://j.example, project: NET, token_env: {token}"))
    assert said == [f"tracker 'default': token_env: {NO_NAME}"]


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        (tracker("type: github, repo: a/b, url: 'x:s3cret@ghe.example'"), "default", TRACKER),
        (tracker("type: github, repo: a/b, url: 'https://x:s3cret@ghe.example/api/v3'"), "default", TRACKER),
        (tracker("type: github, repo: a/b, url: 'https://s3cret@ghe.example/api/v3'"), "default", TRACKER),
        (tracker("type: jira, project: NET, url: 'https://me:s3cret@j.example'"), "default", TRACKER),
        (tracker("type: jira, project: NET, url: 'https://j.example/?token=s3cret'"), "default", TRACKER),
        ("feeds: {kev: 'https://x:s3cret@e.example/k.json'}", "feeds: kev", FEED),
        ("feeds: {epss: 'https://e.example/k.json?a=b&access_token=s3cret'}", "feeds: epss", FEED),
        ("feeds: {epss: 'https://e.example/k.json?sig=s3cret#x'}", "feeds: epss", FEED),
    ],
)  # fmt: skip
def test_so_is_an_address_that_holds_one(tmp_path: Path, text: str, at: str, why: str) -> None:
    said = told(tmp_path, text)
    assert f"{at.replace('default', DEFAULT)}: {why}" in said
    assert "s3cret" not in "".join(said)


@pytest.mark.parametrize("token", OTHERS)
@pytest.mark.parametrize(
    "text",
    ["{}: 1", "history: {}", "severity_sources: [{}]", "trackers: {{default: {{type: local, path: t, note: {}}}}}",
     "trackers: {{default: {{type: jira, url: 'https://j.example', project: NET, fields: {{customfield_1: {}}}}}}}",
     "trackers: {{{}: {{type: local}}}}", "trackers: {{default: {{type: github, repo: {}}}}}", "rules: [{}]",
     "a: &a {}\nb: !!int {}", "{}: 1\n{}: 2", "teams: {}"],
)  # fmt: skip
def test_no_message_tells_a_token_wherever_it_stands(tmp_path: Path, token: str, text: str) -> None:
    (tmp_path / "triagebot.yaml").write_text(text.format(*[token] * 9))
    with pytest.raises(ConfigError) as fault:
        config.load(tmp_path / "triagebot.yaml")
    assert token not in str(fault.value)
    assert token not in "".join(map(str, fault.value.args))


def test_so_it_is_in_the_files_that_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "triagebot.yaml").write_text("teams: teams.yaml\n")
    said = told(tmp_path, f"unowned: a\nteams: {{a: {{tracker: default, labels: [{GITHUB}]}}}}\n", "teams.yaml")
    assert [line for line in said if VARIABLE in line]
    assert GITHUB not in "".join(said)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "_x", "my_token", "JIRA_TOKEN_2", "ACME_GITHUB_TOKEN_READONLY2"])
def test_a_name_is_no_token(tmp_path: Path, name: str) -> None:
    path = tmp_path / "triagebot.yaml"
    url = "url: 'https://ghe.example:8443/api/v3?page=1', "
    path.write_text(tracker(f"type: github, repo: a/b, {url}token_env: {name}"))
    assert config.load(path).settings.trackers["default"].token_env == name  # type: ignore[union-attr]
    assert tokens.is_variable(name)


def test_nor_is_one_told_that_is_given_for_the_variable_of_the_history(tmp_path: Path) -> None:
    (tmp_path / "triagebot.yaml").write_text("history: h\n")
    words = ["history", "pull", "--config", str(tmp_path / "triagebot.yaml"), "--remote", "https://x.example/a/b.git"]
    done = CliRunner().invoke(app, [*words, "--token-env", GITHUB])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith("--token-env: is no name of a variable")
    assert GITHUB not in f"{done.output}{done.exception}"
