"""The example: two scans of a platform, the second a week after the first, with the local tracker."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from triagebot import app, page
from triagebot.config import Config, load
from triagebot.errors import InputError
from triagebot.files import LocalSettings
from triagebot.look import Options
from triagebot.render import many


def play(folder: Path, say: Callable[[str], None]) -> None:
    """Run both scans into `folder` (made anew) and say what came of it."""
    source = example()
    if folder.exists() and not (folder / ".triagebot-demo").exists():
        raise InputError(str(folder), "exists and was not made by the demo", "name another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / ".triagebot-demo").touch()
    config = _into(load(source / "triagebot.yaml"), folder.resolve())
    scans = sorted((source / "scans").iterdir())
    now = datetime.now(UTC).replace(microsecond=0)
    for weeks, scan in zip(range(len(scans) - 1, -1, -1), scans, strict=True):
        at = now - timedelta(weeks=weeks)
        told = app.run(config, scan, Options(now=at, taken_at=at))
        done = {kind: n for kind, n in told.document["plan"].items() if n}
        say(f"{told.document['scan']['label']}: {told.headline}.")
        say(f"  tickets: {', '.join(f'{n} {kind}' for kind, n in done.items()) or 'nothing to do'}")
        for line in (*told.document["warnings"], *told.document["errors"]):
            say(f"  {line}")
    report = folder / "summary.md"
    report.write_text(told.summary, encoding="utf-8")
    say(f"tickets: {folder / 'tickets'}/ ({many(len(list((folder / 'tickets').glob('*.md'))), 'file')})")
    say(f"summary: {report}")
    settled = Options(now=now, dry_run=True)
    shown = page.written(config, settled, app.standing(config, settled))
    (folder / "report.html").write_text(shown.text, encoding="utf-8")
    say(f"page: {folder / 'report.html'} ({many(shown.findings, 'finding')}; open it in a browser)")


def example() -> Path:
    """The folder of the example: inside the installed package, else in the checkout."""
    packed = Path(str(resources.files("triagebot") / "example"))
    here = packed if packed.exists() else Path(__file__).resolve().parent.parent / "examples" / "csm"
    if not here.exists():
        raise InputError(str(here), "the example is not here", "install triagebot anew, or run this in a checkout")
    return here


def _into(config: Config, folder: Path) -> Config:
    """The example's configuration with all that is written in `folder`."""
    trackers = {name: LocalSettings(type="local", path=str(folder / "tickets")) for name in config.settings.trackers}
    moved = {"history": str(folder / "history"), "trackers": trackers}
    return replace(config, settings=config.settings.model_copy(update=moved))
