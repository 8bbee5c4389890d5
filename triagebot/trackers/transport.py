"""Faults between here and a server, in a few words."""

from __future__ import annotations

import requests


def plain(fault: Exception) -> str:
    """What went wrong, without the addresses and tokens that libraries put into their words."""
    words = {
        requests.exceptions.Timeout: "no answer in time", requests.exceptions.SSLError: "no secure connection",
        requests.exceptions.ConnectionError: "the connection failed",
    }  # fmt: skip
    said = next((word for kind, word in words.items() if isinstance(fault, kind)), "the answer broke off")
    within = getattr(fault.args[0], "reason", None) if fault.args else None  # such as an unknown host name
    return f"{said} ({type(within if isinstance(within, Exception) else fault).__name__})"
