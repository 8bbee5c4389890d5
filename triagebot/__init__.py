"""Turns container scan results into one good ticket per owning team, and true weekly numbers."""

__version__ = "0.1.0"
