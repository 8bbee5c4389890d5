"""Puts the example into the wheel: its scans as archives, for its file names hold what Windows refuses."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXAMPLE = Path("examples/csm")
INSIDE = "triagebot/example"
PLAIN = ("triagebot.yaml", "chartmap.csv", "rules/teams.yaml", "rules/exceptions.yaml")


class ExampleHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files of `EXAMPLE` under `INSIDE`; an editable install reads them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        if version == "editable":
            return
        example = Path(self.root, EXAMPLE)
        self.archives = tempfile.TemporaryDirectory(prefix="triagebot-build-")
        inside = build_data["force_include"]
        for name in PLAIN:
            inside[str(example / name)] = f"{INSIDE}/{name}"
        for scan in sorted((example / "scans").iterdir()):
            made = Path(self.archives.name, f"{scan.name}.tar.gz")
            made.write_bytes(packed(scan))
            inside[str(made)] = f"{INSIDE}/scans/{made.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when it has built."""
        if version != "editable":
            self.archives.cleanup()


def packed(folder: Path) -> bytes:
    """A folder as `.tar.gz`: the same bytes each time, whoever builds and whenever."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return gzip.compress(held.getvalue(), 9, mtime=0)
