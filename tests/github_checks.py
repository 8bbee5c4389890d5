"""What GitHub refuses, and how it says so: checks of request bodies that the emulator does not make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from github_wire import Answer, invalid, refuse

BODY_LIMIT, TITLE_LIMIT, LABEL_LIMIT, ASSIGNEES = 65_536, 256, 50, 10
STATES = {"open", "closed"}
REASONS = {"completed", "not_planned", "duplicate", "reopened", None}
LOCK_REASONS = {"off-topic", "too heated", "resolved", "spam", None}
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")
TYPES = ("Task", "Bug", "Feature")

Check = Callable[[dict[str, Any]], Answer | None]


def fault(field: str, code: str, resource: str = "Issue", **said: Any) -> dict[str, Any]:
    """One entry of `errors`."""
    return {"resource": resource, "field": field, "code": code, **said}


def too_long(field: str, limit: int) -> dict[str, Any]:
    """The entry for a text over its limit."""
    return fault(field, "custom", message=f"{field} is too long (maximum is {limit} characters)")


def unwrapped(given: Any, key: str) -> Any:
    """A label, assignee or type may be given as an object that holds its name under `key`."""
    return given.get(key) if isinstance(given, dict) else given


def issue(body: dict[str, Any], *, is_new: bool) -> Answer | None:
    """What is wrong with an issue, if anything."""
    if is_new and "title" not in body:
        return refuse(422, 'Invalid request.\n\n"title" wasn\'t supplied.')
    return issue_shape(body) or _first(body, (_title, _body, _state, _assignees), is_new)


def issue_shape(body: dict[str, Any]) -> Answer | None:
    """The types of the fields, as GitHub's schema has them."""
    wrong = [name for name in ("labels", "assignees") if not isinstance(body.get(name, []), list)]
    wrong += ["body"] if not isinstance(body.get("body"), str | None) else []
    if wrong:
        return refuse(422, f"Invalid request.\n\nFor '/{wrong[0]}', {body[wrong[0]]!r} is not of the right type.")
    return None


def _first(body: dict[str, Any], checks: Iterable[Callable[..., list[dict[str, Any]]]], is_new: bool) -> Answer | None:
    errors = [error for check in checks for error in check(body, is_new)]
    return invalid(*errors) if errors else None


def _title(body: dict[str, Any], is_new: bool) -> list[dict[str, Any]]:
    title = body.get("title")
    if (is_new or "title" in body) and not str(title or "").strip():
        return [fault("title", "missing_field")] if is_new or title is not None else []
    return [too_long("title", TITLE_LIMIT)] if title and len(str(title)) > TITLE_LIMIT else []


def _body(body: dict[str, Any], is_new: bool) -> list[dict[str, Any]]:
    return [too_long("body", BODY_LIMIT)] if len(body.get("body") or "") > BODY_LIMIT else []


def _state(body: dict[str, Any], is_new: bool) -> list[dict[str, Any]]:
    wrong = [] if body.get("state", "open") in STATES else [fault("state", "invalid", value=body["state"])]
    reason = body.get("state_reason")
    return wrong + ([] if reason in REASONS else [fault("state_reason", "invalid", value=reason)])


def _assignees(body: dict[str, Any], is_new: bool) -> list[dict[str, Any]]:
    many = len({str(unwrapped(a, "login")).lower() for a in body.get("assignees") or []}) > ASSIGNEES
    return [fault("assignees", "custom", message=f"assignees is too many (maximum is {ASSIGNEES})")] if many else []


def labels(names: Iterable[Any]) -> Answer | None:
    """What is wrong with the names of labels, if anything."""
    errors = []
    for name in names:
        if not isinstance(name, str) or not name.strip():
            errors.append(fault("name", "missing_field", "Label"))
        elif len(name) > LABEL_LIMIT:
            message = f"name is too long (maximum is {LABEL_LIMIT} characters)"
            errors.append(fault("name", "custom", "Label", message=message))
    return invalid(*errors) if errors else None


def label(body: dict[str, Any], taken: Iterable[str]) -> Answer | None:
    """What is wrong with a label that is made or changed; `taken`: the names that others have."""
    name = body.get("new_name") or body.get("name")
    if refused := labels([] if name is None and "new_name" in body else [name]):
        return refused
    color = body.get("color")
    if color is not None and not re.fullmatch(r"[0-9a-fA-F]{6}", str(color)):
        return invalid(fault("color", "invalid", "Label", value=color))
    if len(body.get("description") or "") > 100:
        message = "description is too long (maximum is 100 characters)"
        return invalid(fault("description", "custom", "Label", message=message))
    if str(name).lower() in {other.lower() for other in taken}:
        return invalid(fault("name", "already_exists", "Label"))
    return None


def comment(body: dict[str, Any]) -> Answer | None:
    """What is wrong with a comment, if anything."""
    text = body.get("body")
    if text is None:
        return refuse(422, 'Invalid request.\n\n"body" wasn\'t supplied.')
    if not str(text).strip():
        return invalid(fault("body", "missing_field", "IssueComment"))
    if len(str(text)) > BODY_LIMIT:
        message = f"Body is too long (maximum is {BODY_LIMIT} characters)"
        return invalid(fault("data", "unprocessable", "IssueComment", message=message))
    return None


def since(text: str) -> str:
    """A time as the emulator can compare it with its own texts: without the Z it comes before all of its second."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def in_seconds(value: Any) -> Any:
    """The same with times as GitHub gives them: without fractions of a second."""
    if isinstance(value, list):
        return [in_seconds(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: re.sub(r"\.\d+Z$", "Z", each) if name.endswith("_at") and isinstance(each, str) else in_seconds(each)
        for name, each in value.items()
    }


def clock_text(seconds: float) -> str:
    """A moment as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def segment(text: str) -> str:
    """A text as one segment of a path."""
    return quote(text, safe="")


def parsed_time(text: str) -> float:
    """A moment that GitHub wrote, in seconds since the epoch."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
