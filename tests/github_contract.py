"""Do requests hold to GitHub's published description? The description lies beside the repository and is only read."""

from __future__ import annotations

import functools
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from github_front import Call
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

ABSENT = "the description of GitHub's API is absent (TRIAGEBOT_CONTRACTS)"
HOST = "https://api.github.com"


def contracts_folder() -> Path:
    """Where the descriptions are looked for."""
    return Path(os.environ.get("TRIAGEBOT_CONTRACTS") or Path(__file__).resolve().parents[2] / "shared" / "contracts")


@functools.cache
def description() -> dict[str, Any]:
    """The description. Where it is absent the test is skipped; in CI it fails, so that none is lost unseen."""
    file = contracts_folder() / "github-rest.json"
    if not file.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(ABSENT, pytrace=False)
        pytest.skip(ABSENT)
    described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return described


@functools.cache
def github_contract() -> OpenAPI:
    """The same, ready to check with."""
    # The description itself is not checked: that takes seconds.
    return OpenAPI.from_dict(
        description() | {"servers": [{"url": HOST}]},
        config=Config(spec_validator_cls=None, additional_properties_default_policy="forbid"),
    )


@functools.cache
def _parameters() -> dict[str, list[tuple[str, set[str]]]]:
    """Method: (path as a regular expression, names of its query parameters), plain paths before those with blanks."""
    told = description()
    found: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for path, methods in sorted(told["paths"].items(), key=lambda each: each[0].count("{")):
        rule = re.sub(r"\{[^}]+\}", "[^/]+", path)
        for method in methods.keys() - {"parameters"}:
            given = methods.get("parameters", []) + methods[method].get("parameters", [])
            full = [_resolved(parameter) for parameter in given]
            found[method].append((rule, {each["name"] for each in full if each["in"] == "query"}))
    return found


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    for step in part.get("$ref", "").split("/")[1:]:
        part = description() if step == "components" else part
        part = part[step]
    return part


class Described:
    """A call as `openapi-core` wants to see it."""

    def __init__(self, call: Call) -> None:
        path, _, query = call.path.partition("?")
        # GitHub takes the slashes of a label's name as they are.
        before, labels, name = path.partition("/labels/")
        self.path = before + labels + name.replace("/", "%2F")
        self.host_url, self.method, self.full_url_pattern = HOST, call.method.lower(), HOST + self.path
        self.content_type = call.headers.get("content-type", "application/json").partition(";")[0]
        self.body = call.raw or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(query)), header=Headers(list(call.headers.items())), path={}
        )


def contract_faults(log: Iterable[Call]) -> list[str]:
    """What in the requests is not as described. Where GitHub redirects to is its own affair."""
    contract = github_contract()
    distinct = {(call.method, call.path, call.raw): call for call in log if not call.path.startswith("/repositories/")}
    return [told for call in distinct.values() for told in (*_faults(contract, call), *_unknown(call))]


def _faults(contract: OpenAPI, call: Call) -> list[str]:
    try:
        contract.validate_request(Described(call))
    except OpenAPIError as error:
        causes = getattr(error.__cause__, "schema_errors", ())
        told = "; ".join(f"{'.'.join(map(str, c.absolute_path))}: {c.message}" for c in causes)
        return [f"{call.method} {call.path}: {told or error.__cause__ or error}"]
    return []


def _unknown(call: Call) -> list[str]:
    """Parameters that the description does not know; it says nothing about them by itself."""
    path, _, query = call.path.partition("?")
    described = [names for rule, names in _parameters()[call.method.lower()] if re.fullmatch(rule, path)]
    if not described:
        return []
    return [
        f"{call.method} {call.path}: no parameter {name}" for name, _ in parse_qsl(query) if name not in described[0]
    ]
