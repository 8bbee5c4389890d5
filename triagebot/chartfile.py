"""Which chart holds which image, from the files in which projects say so."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from triagebot.errors import ConfigError, InputError
from triagebot.identity import parse_image


def text(path: Path) -> str:
    """A file that people wrote. Raises `InputError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}", "correct the path") from error


def pairs(path: Path) -> list[tuple[str, str]]:
    """(chart, asset) pairs: a CSV with `chart` and `image`, or a YAML list of `{url or image, charts}`."""
    told = text(path)
    if path.suffix.lower() == ".csv":
        rows = list(csv.DictReader(told.lstrip("\ufeff").splitlines()))
        if not rows or not {"chart", "image"} <= set(rows[0]):
            raise ConfigError(f"{path}:1", "needs the columns chart and image", "write: manifest,chart,image")
        return _pairs((row["chart"], row["image"]) for row in rows)
    remedy = "give a CSV (manifest,chart,image) or a YAML list of {image: …, charts: […]}"
    try:
        listed = yaml.safe_load(told)
    except yaml.YAMLError as error:
        raise ConfigError(str(path), f"no valid YAML: {getattr(error, 'problem', None) or error}", remedy) from error
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    found = _pairs(pair for entry in entries for pair in _entry(entry))
    if not found:
        raise ConfigError(str(path), "is no chart map", remedy)
    return found


def _entry(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    image = next((str(entry[key]) for key in ("image", "url", "repository") if entry.get(key)), "")
    charts = entry.get("charts") or entry.get("chart") or []
    for chart in [charts] if isinstance(charts, str) else charts:
        yield str(chart), image


def _pairs(rows: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    named = ((chart.strip(), image.strip()) for chart, image in rows if chart and image)
    return sorted({(chart, parse_image(image).asset) for chart, image in named if chart and image})
