"""Faults between us and GitHub: names, certificates, proxies, redirects. Every one is a line with place and cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
import urllib3
from responses import matchers

from triagebot.errors import TrackerError
from triagebot.files import GithubSettings
from triagebot.trackers.github_calls import ACTIONS_BOT, Calls, Refused
from triagebot.trackers.interface import Halted
from triagebot.trackers.retry import Caller, Clock

API = "https://api.github.com:443"
ISSUES = "/repos/acme/platform/issues"
HTML = "<html><head><title>Corporate proxy</title></head><body>Sign in to go on</body></html>"
TOKEN = "ghp_a-secret-that-nobody-may-see"  # noqa: S105 - of no use


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    """Answers for requests that never leave this process."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def calls(slept: list[float]) -> Calls:
    """A connection to GitHub that never waits."""
    settings = GithubSettings.model_validate({"type": "github", "repo": "acme/platform", "pause": 0})
    caller = Caller("here", clock=Clock(lambda: 0.0, slept.append))
    return Calls("here", settings, caller, {"GITHUB_TOKEN": TOKEN})


def unknown_name() -> requests.exceptions.ConnectionError:
    """As `requests` tells of it."""
    pool = urllib3.HTTPSConnectionPool("api.github.com")
    cause = urllib3.exceptions.NameResolutionError("api.github.com", pool, OSError("no such name"))  # type: ignore[arg-type]
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", cause))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (unknown_name(), "the connection failed (NameResolutionError)"),
        (requests.exceptions.ConnectionError(), "the connection failed (ConnectionError)"),
        (requests.exceptions.ProxyError("407"), "the connection failed (ProxyError)"),
        (requests.exceptions.SSLError("certificate expired"), "no secure connection (SSLError)"),
        (requests.exceptions.ReadTimeout(), "no answer in time (ReadTimeout)"),
        (requests.exceptions.ConnectTimeout(), "no answer in time (ConnectTimeout)"),
        (requests.exceptions.ChunkedEncodingError(), "the answer broke off (ChunkedEncodingError)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_transport_fault(
    server: responses.RequestsMock, calls: Calls, slept: list[float], fault: Exception, said: str
) -> None:
    server.get(f"{API}/user", body=fault)
    with pytest.raises(TrackerError) as caught:
        calls.get("/user")
    assert str(caught.value) == (
        f"here: no answer: {said} at GET https://api.github.com/user; the next run tries again"
    )  # fmt: skip
    assert slept == [1, 2, 4, 8]
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, HTML, "what came as answer to GET https://api.github.com/user is not, or not all of, JSON"),
        (200, "", "what came as answer to GET https://api.github.com/user is not, or not all of, JSON"),
        (200, '{"login": "tri', "what came as answer to GET https://api.github.com/user is not, or not all of, JSON"),
        (502, HTML, "GitHub answered 502 to GET https://api.github.com/user"),
        (504, "", "GitHub answered 504 to GET https://api.github.com/user"),
    ],
)
def test_a_proxy_answers_instead(
    server: responses.RequestsMock, calls: Calls, slept: list[float], status: int, body: str, said: str
) -> None:
    server.get(f"{API}/user", status=status, body=body)
    with pytest.raises(TrackerError) as caught:
        calls.get("/user")
    assert str(caught.value) == f"here: no answer: {said}; the next run tries again"
    assert slept == [1, 2, 4, 8]


def test_a_write_that_a_proxy_answers_is_looked_up(server: responses.RequestsMock, calls: Calls) -> None:
    posted = server.post(f"{API}{ISSUES}", status=200, body=HTML)
    assert calls.write("POST", ISSUES, {}, lambda: {"number": 1}) == {"number": 1}
    assert posted.call_count == 1


def test_a_page_that_is_no_list(server: responses.RequestsMock, calls: Calls) -> None:
    server.get(f"{API}{ISSUES}", json={"message": "fine"})
    with pytest.raises(TrackerError, match=f"^here: {ISSUES}: GitHub answered with something else than a list$"):
        calls.pages(ISSUES)


def test_pages_are_all_or_none(server: responses.RequestsMock, calls: Calls) -> None:
    link = {"Link": f'<{API}{ISSUES}?page=2>; rel="next"'}
    server.get(f"{API}{ISSUES}", json=[{"number": 1}], headers=link, match=[_page(None)])
    server.get(f"{API}{ISSUES}", json=[{"number": 2}], match=[_page("2")])
    server.get(f"{API}{ISSUES}", status=500, match=[_page("2")])  # from the second time on
    assert [item["number"] for item in calls.pages(ISSUES)] == [1, 2]
    with pytest.raises(TrackerError, match="GitHub answered 500"):
        calls.pages(ISSUES)


def _page(number: str | None) -> Any:
    told = {"page": number} if number else {"per_page": "100"}
    return matchers.query_param_matcher(told, strict_match=False) if number else matchers.query_param_matcher(told)


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_to_another_host_is_not_followed(server: responses.RequestsMock, calls: Calls, status: int) -> None:
    elsewhere = server.get("https://portal.example:443/login", json={})
    server.get(f"{API}/user", status=status, headers={"Location": "https://portal.example/login"})
    with pytest.raises(TrackerError) as caught:
        calls.get("/user")
    assert "portal.example" in str(caught.value)
    assert "`url`" in str(caught.value)
    assert "base_url" not in str(caught.value)
    assert elsewhere.call_count == 0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "400: a reason"),
        (403, "403: a reason; see what the token may do there"),
        (404, "404: a reason; correct `repo`, or let the token's owner see it"),
        (410, "410: a reason; turn issues on there, or correct `repo`"),
        (422, "422: a reason (Issue title missing_field)"),
    ],
)
def test_a_refusal_is_final(
    server: responses.RequestsMock, calls: Calls, slept: list[float], status: int, said: str
) -> None:
    errors = [{"resource": "Issue", "field": "title", "code": "missing_field"}] if status == 422 else []
    posted = server.post(f"{API}{ISSUES}", status=status, json={"message": "a reason", "errors": errors})
    with pytest.raises(Refused) as caught:
        calls.write("POST", ISSUES, {})
    assert (str(caught.value), caught.value.status) == (f"here: {ISSUES}: {said}", status)
    assert (posted.call_count, slept) == (1, [])


def test_a_refusal_by_a_proxy_is_shortened(server: responses.RequestsMock, calls: Calls) -> None:
    server.get(f"{API}/user", status=404, body="<p>\n  Not here\n</p>\n" * 100)
    with pytest.raises(Refused) as caught:
        calls.get("/user")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


def test_a_bad_token_ends_it_for_this_connection(server: responses.RequestsMock, calls: Calls) -> None:
    asked = server.get(f"{API}/user", status=401, json={"message": "Bad credentials"})
    for _ in range(2):
        with pytest.raises(Halted, match=r"^here: /user: 401: Bad credentials; renew the token in GITHUB_TOKEN$"):
            calls.get("/user")
    assert asked.call_count == 1


@pytest.mark.parametrize(
    ("status", "headers", "message", "waits"),
    [
        (429, {"retry-after": "3"}, "", 3),
        (429, {}, "", 60),
        (429, {"retry-after": "soon"}, "", 60),
        (403, {"retry-after": "7"}, "", 7),
        (403, {}, "You have exceeded a secondary rate limit", 60),
        (403, {}, "You have triggered an abuse detection mechanism", 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225720"}, "API rate limit exceeded", 121),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225000"}, "API rate limit exceeded", 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767225720", "retry-after": "5"}, "", 5),
        (429, {"x-ratelimit-remaining": "9", "x-ratelimit-reset": "1767225720"}, "", 60),
    ],
)
def test_limits_by_the_servers_clock(
    server: responses.RequestsMock, calls: Calls, slept: list[float], status: int, headers: dict[str, str],
    message: str, waits: float,
) -> None:  # fmt: skip
    at = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    server.get(f"{API}/user", status=status, json={"message": message}, headers=headers | at)
    server.get(f"{API}/user", json={"login": "triage-bot"}, headers=at)
    assert calls.login() == "triage-bot"
    assert slept == [waits]
    assert (calls.reads, calls.writes) == (2, 0)


def test_who_a_workflow_is(server: responses.RequestsMock, calls: Calls) -> None:
    server.get(f"{API}/user", status=403, json={"message": "Resource not accessible by integration"})
    assert calls.login() == ACTIONS_BOT


def test_the_token_is_in_no_text(calls: Calls) -> None:
    assert TOKEN not in repr(calls)
