"""Do requests hold to the published description of Jira Cloud? It lies beside the repository and is only read."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from github_contract import contracts_folder
from github_front import Call
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

ABSENT = "the description of Jira's API is absent (TRIAGEBOT_CONTRACTS)"
HOST = "https://acme.atlassian.net"
BESIDE = re.compile(r"/rest/api/3/user/permission/search\?.*|.*/attachments|.*/changelog\?startAt=\d+&maxResults=\d+")
"""What the trimmed description leaves out."""


@functools.cache
def description() -> dict[str, Any]:
    """The description. Where it is absent the test is skipped; in CI it fails, so that none is lost unseen."""
    file = contracts_folder() / "jira-cloud-v3.json"
    if not file.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(ABSENT, pytrace=False)
        pytest.skip(ABSENT)
    described: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return described


@functools.cache
def jira_contract() -> OpenAPI:
    """The same, ready to check with."""
    return OpenAPI.from_dict(description() | {"servers": [{"url": HOST}]}, config=Config(spec_validator_cls=None))


class Described:
    """A call as `openapi-core` wants to see it."""

    def __init__(self, call: Call) -> None:
        self.path, _, query = call.path.partition("?")
        self.host_url, self.method, self.full_url_pattern = HOST, call.method.lower(), HOST + self.path
        self.content_type = call.headers.get("content-type", "application/json").partition(";")[0]
        self.body = call.raw or None
        headers = Headers(list(call.headers.items()))
        self.parameters = RequestParameters(query=ImmutableMultiDict(parse_qsl(query)), header=headers, path={})


def contract_faults(log: Iterable[Call]) -> list[str]:
    """What in the requests is not as described."""
    described = (c for c in log if not BESIDE.fullmatch(c.path))
    distinct = {(c.method, c.path, c.raw): c for c in described}
    return [said for call in distinct.values() for said in (*_faults(call), *_unknown(call))]


def _faults(call: Call) -> list[str]:
    try:
        jira_contract().validate_request(Described(call))
    except OpenAPIError as error:
        causes = getattr(error.__cause__, "schema_errors", ())
        told = "; ".join(f"{'.'.join(map(str, c.absolute_path))}: {c.message}" for c in causes)
        return [f"{call.method} {call.path}: {told or error.__cause__ or error}"]
    return []


def _unknown(call: Call) -> list[str]:
    """Parameters that the description does not know; it says nothing about them by itself."""
    path, _, query = call.path.partition("?")
    for rule, methods in sorted(description()["paths"].items(), key=lambda each: each[0].count("{")):
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", rule), path) and call.method.lower() in methods:
            known = {p["name"] for p in methods[call.method.lower()].get("parameters", []) if p["in"] == "query"}
            return [f"{call.method} {call.path}: no parameter {n}" for n, _ in parse_qsl(query) if n not in known]
    return [f"{call.method} {call.path}: no such path"]
