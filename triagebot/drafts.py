"""The first files of a repository that uses triagebot: settings, teams and the scheduled workflow, as text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triagebot import teamdraft
from triagebot.render import many
from triagebot.teamdraft import TeamDraft

SETTINGS, TEAMS, CHART_MAP = "triagebot.yaml", "rules/teams.yaml", "rules/chartmap.csv"
ARCHIVES = (".tar.gz", ".tgz", ".tar")
"""What a run takes for an archive of reports."""
WORKFLOW = ".github/workflows/triage.yml"

CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
SETUP_PYTHON = "actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065 # v5.6.0"


@dataclass(frozen=True)
class Place:
    """Where tickets shall go: `kind` is the type of the tracker; what is empty is left to its default."""

    kind: str
    repo: str = ""
    url: str = ""
    project: str = ""


@dataclass(frozen=True)
class Sight:
    """What was seen of a scan. `path`: as the person wrote it; `inside`: below the repository, empty: it is elsewhere.

    `scans`: it is a folder of scans, whose names meet this pattern of the shell, and the newest of them was looked at;
    `are_files`: each is one report. `template`: for `image_paths`.
    """

    path: str
    inside: str
    scans: str
    formats: Mapping[str, int]
    images: int
    template: str = ""
    are_files: bool = False


def files(sight: Sight, place: Place, teams: TeamDraft, version: str) -> dict[str, str]:
    """All that is drafted, by path."""
    made = {SETTINGS: settings(sight, place), TEAMS: teamdraft.told(teams, place.kind)}
    if teams.charts:
        made[CHART_MAP] = teamdraft.chart_map(teams.charts)
    return {**made, WORKFLOW: workflow(sight, place, version)}


def settings(sight: Sight, place: Place) -> str:
    """`triagebot.yaml`."""
    read = ", ".join(f"{n} {name}" for name, n in sorted(sight.formats.items()))
    lines = [
        f"# Drafted from {_line(sight.path)}: {many(sight.images, 'image')} (reports: {read}).",
        "# All that is left out has a default: `triagebot schema triagebot` tells of every field.",
        "history: .triagebot",
        f"teams: {TEAMS}",
    ]
    if sight.template:
        lines += ["# These reports name no image; their path does.", f"image_paths: {json.dumps(sight.template)}"]
    return "\n".join([*lines, "trackers:", *_tracker(place), ""])


def _tracker(place: Place) -> list[str]:
    if place.kind == "local":
        return ["  default: {type: local, path: tickets}"]
    url = f", url: {json.dumps(place.url)}" if place.url else ""
    if place.kind == "github":
        return [
            f"  default: {{type: github, repo: {json.dumps(place.repo)}{url}}}  # GITHUB_TOKEN from the environment"
        ]
    return [
        "  # JIRA_TOKEN from the environment; for Jira Cloud also JIRA_USER, the address that the token belongs to.",
        f"  default: {{type: jira{url}, project: {json.dumps(place.project)}, issue_type: Bug}}",
    ]


def _line(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)


def minute(name: str) -> int:
    """An odd minute of the hour: on the full hour schedules wait longest, and are dropped first."""
    return 2 * (hashlib.sha256(name.encode()).digest()[0] % 28) + 3


def workflow(sight: Sight, place: Place, version: str) -> str:
    """The workflow. What people or files could put in goes through the environment, never into a script."""
    inside = sight.inside if re.fullmatch(r"[A-Za-z0-9._/@+ -]+", sight.inside) else ""
    values = {
        "CHECKOUT": CHECKOUT,
        "SETUP_PYTHON": SETUP_PYTHON,
        "MINUTE": str(minute(place.repo or place.project or sight.path)),
        "VERSION": version,
        "SCAN": json.dumps(inside or "scans"),
        "PERMISSIONS": _permissions(place),
        "SECRETS": "\n".join(f"          {line}" for line in _secrets(place)),
        "CHOSEN": _newest(sight) if sight.scans or not inside else _ONE,
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], _WORKFLOW)


def _permissions(place: Place) -> str:
    lines = ["contents: write     # the history, on the branch triagebot-history"]
    lines += ["issues: write       # the tickets"] if place.kind == "github" else []
    return "\n".join(f"      {line}" for line in lines)


def _secrets(place: Place) -> Sequence[str]:
    token = ["GITHUB_TOKEN: ${{ github.token }}"]
    if place.kind != "jira":
        return token
    return [*token, "JIRA_TOKEN: ${{ secrets.JIRA_TOKEN }}", "JIRA_USER: ${{ secrets.JIRA_USER }}"]


def _newest(sight: Sight) -> str:
    """The last by name of what can be a scan: an empty folder, a link or a README beside the scans is none."""
    name = sight.scans or "*"
    packed = " ".join(f"-o -name '{name}{ending}'" for ending in ARCHIVES)
    kinds = f"-type f -name '{name}'" if sight.are_files else f"-type d -not -empty -name '{name}' {packed}"
    return (
        f'scan="${{CHOSEN:-$(find "$SCANS" -mindepth 1 -maxdepth 1 -not -name \'.*\' '
        f'\\( {kinds} \\) | sort --version-sort | tail -n 1)}}"'
    )


_ONE = 'scan="${CHOSEN:-$SCANS}"'

_WORKFLOW = """\
# Reads the newest scan and brings the tickets up to date. Drafted by `triagebot init`.
name: Triage

on:
  schedule:
    - cron: "@MINUTE@ 5 * * *"
  workflow_dispatch:
    inputs:
      scan:
        description: The scan, if not the one that the schedule takes
        default: ""
      dry-run:
        description: Say what would be done, and do nothing
        type: boolean
        default: false

permissions: {}

concurrency: # two runs never overlap, and none is cut off half way
  group: triagebot
  cancel-in-progress: false

jobs:
  triage:
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
@PERMISSIONS@
    env:
      REMOTE: ${{ github.server_url }}/${{ github.repository }}.git
    steps:
      - uses: @CHECKOUT@
        with:
          persist-credentials: false
      - uses: @SETUP_PYTHON@
        with:
          python-version: "3.13"
      # Scans that do not lie in this repository come into the folder SCANS here: from an artifact, a job, a bucket.
      - name: Install triagebot
        run: python -m pip install --quiet --disable-pip-version-check "triagebot==@VERSION@"
      # A public repository is refused: all would read what is not fixed. If that is meant: --public here and below.
      - name: Fetch the history
        run: triagebot history pull --hold --remote "$REMOTE"
        env:
          GITHUB_TOKEN: ${{ github.token }}
      # A scan was taken when its reports say; else on the day in its name; else now, when a run first sees it.
      - name: Triage
        run: |
          @CHOSEN@
          triagebot run "${scan:?there is no scan in $SCANS}" --verbose ${DRY_RUN:+--dry-run}
        env:
          SCANS: @SCAN@
          CHOSEN: ${{ inputs.scan }}
          DRY_RUN: ${{ inputs.dry-run && 'true' || '' }}
@SECRETS@
      - name: Keep the history
        if: always()
        run: triagebot history push
        env:
          GITHUB_TOKEN: ${{ github.token }}
"""
