"""The commands for setting up: init, doctor, schema, demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triagebot.cli.base import ConfigOption, Now, app, note, options_of, settings_of

if TYPE_CHECKING:
    from triagebot.branch import Store


@app.command()
def init(
    scan: Annotated[Path, typer.Argument(help="A scan, or a folder of scans.")] = Path("scans"),
    tracker: Annotated[
        str, typer.Option(help="Where tickets go: local, github or jira. Default: GitHub if this is a clone of it.")
    ] = "",
    repo: Annotated[str, typer.Option(help="The repository for issues (owner/name).")] = "",
    url: Annotated[str, typer.Option(help="The address of Jira, or the API of a GitHub Enterprise Server.")] = "",
    project: Annotated[str, typer.Option(help="The Jira project, by its key.")] = "",
    codeowners: Annotated[Path | None, typer.Option(help="A CODEOWNERS file to draw teams from.")] = None,
    chart_map: Annotated[Path | None, typer.Option(help="A CSV or YAML file that says which chart holds which image.")]
    = None,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:  # fmt: skip
    """Look at a scan and draft the settings, the team map and the scheduled workflow. Asks nothing."""
    from datetime import UTC, datetime

    from triagebot import begin
    from triagebot.render import many, plain

    place = begin.placed(folder, tracker, repo, url, project)
    begun = begin.begin(scan, folder, place, datetime.now(UTC), codeowners, chart_map, force)
    read = ", ".join(f"{n} {name}" for name, n in sorted(begun.sight.formats.items()))
    said = [f"{begun.scan}: {many(begun.sight.images, 'image')} (reports: {read}); teams drafted: {begun.teams}"]
    said += [f"wrote {name}" for name in begun.written]
    said += [f"left {name} as it is (--force writes over it)" for name in begun.left]
    said += [f"note: {note}" for note in begun.notes]
    said += ["next:", *(f"  {step}" for step in begin.steps(begun, place, folder))]
    for line in said:
        typer.echo(line[: len(line) - len(line.lstrip())] + plain(line, 1000))


history = typer.Typer(help="The history on a branch, for machines that keep nothing.", no_args_is_help=True)
app.add_typer(history, name="history")

Remote = Annotated[str, typer.Option(help="The repository; default: what this folder is a clone of.")]
Branch = Annotated[str, typer.Option(help="Its branch, without a common ancestor with any other.")]
TokenEnv = Annotated[
    str,
    typer.Option(
        help="The variable that holds the token for it. Default: GITHUB_TOKEN, which goes to the host of "
        "GITHUB_SERVER_URL (github.com) alone."
    ),
]
Public = Annotated[bool, typer.Option("--public", help="Keep it in a public repository: everybody may read it.")]


@history.command()
def pull(
    remote: Remote = "",
    branch: Branch = "triagebot-history",
    hold: Annotated[bool, typer.Option("--hold", help="Keep other runs waiting until `history push`.")] = False,
    wait: Annotated[int, typer.Option(min=0, help="Minutes to wait for a run that holds it.")] = 30,
    token_env: TokenEnv = "",
    public: Public = False,
    config: ConfigOption = None,
) -> None:
    """Bring the history, and tickets that are files, from a branch. A branch that is not there is an empty one."""
    from datetime import timedelta

    from triagebot import branch as branches
    from triagebot.render import many

    settings = settings_of(config)
    store = _store(settings.base, remote, branch, token_env, public or not hold)  # without a hold nothing is pushed
    changed = branches.pull(store, branches.kept(settings), timedelta(minutes=wait) if hold else None)
    noted = branches.last(branches.kept(settings))
    found = f"{many(len(changed), 'file')} came" if noted and noted.commit else "there is none yet: it starts anew"
    typer.echo(f"history of {branch}: {found}{'; held until `history push`' if hold else ''}")


@history.command()
def push(
    remote: Remote = "",
    branch: Branch = "triagebot-history",
    token_env: TokenEnv = "",
    public: Public = False,
    config: ConfigOption = None,
) -> None:
    """Take the history, and tickets that are files, to the branch, together with what others pushed meanwhile."""
    from triagebot import branch as branches

    settings = settings_of(config)
    kept = branches.kept(settings)
    noted = branches.last(kept)
    store = _store(settings.base, remote or (noted.remote if noted else ""), branch, token_env, public)
    done = branches.push(store, kept)
    typer.echo(f"history of {branch}: {'pushed' if done else 'nothing new'}")


def _store(base: Path, remote: str, branch: str, token_env: str, public: bool) -> Store:
    from triagebot import branch as branches
    from triagebot import config, git
    from triagebot.errors import UnsafeError

    address = remote or git.origin(base)
    git.checked(address, branch)
    server = config.variable("GITHUB_SERVER_URL") or "https://github.com"
    if not public and branches.published(address, server, Path(config.variable("GITHUB_EVENT_PATH"))):
        cause = "is public: the history would publish vulnerabilities that are not fixed, and what people decided"
        remedy = "keep it in a private repository, or give --public (the Action: `public: true`) if that is meant"
        raise UnsafeError(address, cause, remedy)
    # Who names the variable means it for this address; what happens to be in the environment is for GitHub.
    server = "" if token_env else server
    name = token_env or "GITHUB_TOKEN"
    token = config.variable(name)
    if token and (why := git.withheld(address, server)):
        remedy = "" if token_env else f"; --token-env {name} (the Action: a `token` of your own) sends one all the same"
        typer.echo(f"note: the token {name} is not sent to {address}: {why}{remedy}", err=True)
        token = ""
    return branches.Store(address, branch, token, config.whoami(), say=lambda line: note("warning", line))


@app.command()
def doctor(
    config: ConfigOption = None,
    now: Now = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what is found as a document and nothing else.")
    ] = False,
) -> None:
    """Look at the settings, VEX documents and each tracker: what is wrong, what would be refused. Writes nothing."""
    from triagebot.doctor import examine, warned
    from triagebot.render import plain

    settings = settings_of(config)
    options = options_of(now=now, dry_run=True)
    warnings = warned(settings, options.now)
    found = examine(settings, options)
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps({"schema": 1, "findings": [asdict(f) for f in found], "warnings": warnings}, indent=1))
    else:
        for finding in found:
            typer.echo(plain(finding, 1000))
        troubled = {f.tracker for f in found}
        for name in settings.settings.trackers:
            if name not in troubled:
                typer.echo(f"tracker {name!r}: all is well")
        for line in warnings:
            note("warning", line)
    raise typer.Exit(int(bool(found)))


@app.command()
def schema(
    file: Annotated[str, typer.Argument(help="triagebot, rules or teams; all without one.")] = "",
) -> None:
    """Print the JSON Schema of the files that people write."""
    from triagebot.errors import InputError
    from triagebot.files import FILES, suggest

    if file and file not in FILES:
        raise InputError(
            file, f"there is no schema of that name{suggest(file, FILES)}", f"name one of {', '.join(FILES)}"
        )
    schemas = {
        name: {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        for name, model in FILES.items()
    }
    typer.echo(json.dumps(schemas[file] if file else schemas, indent=2))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where history, tickets and the summary go.")] = Path("demo"),
) -> None:
    """Two scans of a platform of 178 images, a week apart, into a folder of tickets."""
    from triagebot.demo import play

    play(folder, typer.echo)
