"""The trend as a picture, for trackers that draw none themselves."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Sequence

from triagebot.trend import Point


def name_of(stream: str, points: Sequence[Point]) -> str:
    """The name of a picture: of another trend it is another."""
    said = repr([(p.label, p.of("critical"), p.of("high"), p.fixable("critical"), p.fixable("high")) for p in points])
    return f"trend-{stream}-{hashlib.sha256(said.encode()).hexdigest()[:8]}.png"


def can_draw() -> bool:
    """Whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def drawn(points: Sequence[Point]) -> bytes:
    """Critical and high findings of each scan as bars, those that an upgrade fixes as a line; a PNG.

    Nothing where Matplotlib is not installed (`triagebot[charts]`).
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and wanted once a week
    except ImportError:
        return b""
    places = range(len(points))
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    critical = [p.of("critical") for p in points]
    axes.bar(places, critical, color="#b3261e", label="critical")
    axes.bar(places, [p.of("high") for p in points], bottom=critical, color="#e8a33d", label="high")
    fixable = [p.fixable("critical") + p.fixable("high") for p in points]
    axes.plot(places, fixable, color="#1b4965", marker="o", label="of these fixable by an upgrade")
    axes.set_xticks(places, [_safe(p.label) for p in points], rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("findings")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    held = io.BytesIO()
    figure.savefig(held, format="png", metadata={"Software": None})
    return held.getvalue()


def _safe(label: str) -> str:
    """A label without what Matplotlib reads as mathematics."""
    return label[-24:].replace("$", "")
