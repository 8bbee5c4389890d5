"""One YAML file that people write, as its model, or all its faults, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import ValidationError

from triagebot.errors import ConfigError, joined
from triagebot.files import Location, Strict, suggest

M = TypeVar("M", bound=Strict)

_PLAIN = {
    "model_type": "should be a mapping (name: value)",
    "model_attributes_type": "should be a mapping (name: value)",
    "dict_type": "should be a mapping (name: value)",
    "list_type": "should be a list",
    "string_type": "should be a text",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "finite_number": "should be a number",
    "string_too_short": "should not be empty",
    "too_short": "should not be empty",
}
"""What pydantic says in Python's words, in YAML's."""


class _Loader(yaml.SafeLoader):
    """YAML in which a date is text: the models read dates, and say at which line one is none."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass
class File(Generic[M]):
    """A file as far as it can be read. `value`: what it holds, whether or not that is right; `made`: if it is.

    `unread`: why nothing of it can be; `absent`: likewise, where there is no file to be read: that is a fault of
    whoever names it. Faults are gathered, so that those of all files can be told at once.
    """

    path: Path
    value: Any = None
    made: M | None = None
    unread: ConfigError | None = None
    absent: str = ""
    root: Any = field(default=None, repr=False)
    faults: set[tuple[int, str, str]] = field(default_factory=set)
    """(line, what is wrong there, what to do)."""

    @property
    def whole(self) -> M:
        """What was made of it. Raises `ConfigError` where it is not right."""
        refuse([self])
        if self.made is None:
            raise ConfigError(shown(self.path), "cannot be read")
        return self.made

    def fault(self, location: Location, said: str, remedy: str) -> None:
        """Note what is wrong at a place of the file."""
        self.faults.add((_line(self.root, location), said, remedy))


def opened(path: Path, model: type[M]) -> File[M]:
    """A file, with its own faults noted."""
    place = shown(path)
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_endless(root, [])
        value = _Loader(text).get_single_data()
    except FileNotFoundError:
        said, remedy = "there is no such file", "create it, or correct the path that names it"
        return File(path, unread=ConfigError(place, said, remedy), absent=f"there is no file {place}")
    except OSError as error:
        said = f"cannot be read: {error.strerror or error}"
        return File(
            path, unread=ConfigError(place, said, "correct the path, or who may read it"), absent=f"{place} {said}"
        )
    except UnicodeDecodeError as error:
        said = f"cannot be read: byte {error.start + 1} is no UTF-8 text"
        return File(path, unread=ConfigError(place, said, "save it as UTF-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place}:{mark.line + 1}" if mark else place
        return File(path, unread=ConfigError(where, f"no valid YAML: {getattr(error, 'problem', None) or error}"))
    except (ValueError, RecursionError) as error:  # a number that is none, `!!int x`
        return File(path, unread=ConfigError(place, f"no valid YAML: {error}"))
    file: File[M] = File(path, value, root=root)
    for fault in model.cross_faults(value):
        first = f"; the first is in line {_line(root, fault.first)}" if fault.first else ""
        file.fault(fault.at, f"{_told(fault.at, value, fault.said)}{first}", "")
    file.faults |= {
        (line, f"{name!r} stands twice, and the first (line {first}) is passed over", "")
        for line, name, first in _twice(root, set())
    }
    try:
        made = model.model_validate({} if value is None else value)
    except ValidationError as error:
        found = error.errors(include_url=False)
        file.faults |= {(_line(root, tuple(_untagged(f["loc"]))), _fault(f, value, model), "") for f in found}
    else:
        file.made = None if file.faults else made
    return file


def _refuse_endless(node: Any, above: list[Any]) -> None:
    """Raises where something holds itself, by an alias: whoever walks through it would come to no end."""
    if any(node is one for one in above):
        raise yaml.MarkedYAMLError(problem="what an alias names holds the alias", problem_mark=node.start_mark)
    parts = node.value if isinstance(node, yaml.SequenceNode | yaml.MappingNode) else ()
    for part in parts:
        for inner in part if isinstance(part, tuple) else (part,):
            _refuse_endless(inner, [*above, node])


def _twice(node: Any, known: set[int]) -> Iterator[tuple[int, str, int]]:
    """(line, name, line of the first) of what stands twice in a mapping: YAML takes the last one without a word."""
    if id(node) in known:  # an alias may hold itself
        return
    known.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item, known)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                line = key.start_mark.line + 1
                if key.value in seen:
                    yield line, key.value, seen[key.value]
                seen.setdefault(key.value, line)
            yield from _twice(value, known)


def read(path: Path, model: type[M]) -> M:
    """One file as its model. Raises `ConfigError` with every fault, each with its line."""
    return opened(path, model).whole


def refuse(files: Iterable[File[Any]], others: Iterable[ConfigError] = ()) -> None:
    """Raises `ConfigError` with every fault of these files, and with what is wrong besides, if anything is."""
    files = list(files)
    alone = [*(file.unread for file in files if file.unread), *others]
    lines = [(shown(file.path), *fault) for file in files for fault in sorted(file.faults)]
    remedies = {remedy for *_, remedy in lines}
    if len(alone) == 1 and not lines:
        raise alone[0]
    if len(remedies) == 1:  # it is said once, for all of them
        (remedy,) = remedies
        raise ConfigError("", "\n".join([*map(str, alone), *(f"{p}:{n}: {said}" for p, n, said, _ in lines)]), remedy)
    if lines or alone:
        told = [joined(f"{place}:{n}: {said}", remedy) for place, n, said, remedy in lines]
        raise ConfigError("", "\n".join([*map(str, alone), *told]))


def placed(path: Path, location: Location) -> str:
    """`file:line` of a value, or of its nearest parent that stands in the file."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return f"{shown(path)}:{_line(root, location)}"


def shown(path: Path) -> str:
    """A path as people know it: from here, if it lies below."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path.resolve())


def _line(root: Any, location: Location) -> int:
    """The line where a value stands, or its nearest parent that does."""
    node, line = root, 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _untagged(location: Location) -> list[int | str]:
    """Where a fault lies in the file, without the steps that only the models have."""
    steps = [step for step in location if step not in ("function-after", "function-before", "[key]")]
    in_tracker = len(steps) > 3 and steps[0] == "trackers"
    return steps[:2] + steps[3:] if in_tracker else steps


def _fault(fault: Any, value: Any, model: type[Strict]) -> str:
    location = tuple(_untagged(fault["loc"]))
    said = _said(fault)
    if fault["type"] == "extra_forbidden":
        near = suggest(str(location[-1]), _known(model, list(location)))
        return _told(location[:-1], value, f"unknown field {location[-1]!r}{near}")
    if fault["type"] == "union_tag_invalid":
        tag, known = fault["ctx"]["tag"], [t.strip(" '") for t in fault["ctx"]["expected_tags"].split(",")]
        return _told(location, value, f"type: there is no tracker of type {tag!r}{suggest(tag, known)}")
    if fault["type"] == "union_tag_not_found":
        return _told(location, value, "field 'type' is missing")
    if fault["type"] == "missing":
        return _told(location[:-1], value, f"field {location[-1]!r} is missing")
    if location[-1:] == ("when",) and fault["type"] == "dict_type":
        said = f"when: {said}"
    return _told(location, value, said)


def _said(fault: Any) -> str:
    """What is wrong, and what to write instead where that can be told from what stands there."""
    kind, given = fault["type"], fault["input"]
    said = _PLAIN.get(kind) or fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind == "literal_error" and isinstance(given, str):
        said += suggest(given, re.findall(r"'([^']*)'", fault["ctx"]["expected"]))
    if kind == "list_type" and isinstance(given, str) and given:
        said += f"; write [{given}]"
    if kind == "string_type" and isinstance(given, bool | int | float):
        said += "; put it in quotes"
    return str(said)


def _told(location: Location, value: Any, said: str) -> str:
    """A fault with the rule, team or field that it is about."""
    return ": ".join([*_where(location, value), said[0].lower() + said[1:]])


def _where(location: Location, value: Any) -> list[str]:
    """`rule 'kev'` where the fault lies in a rule that has an id, likewise for other lists and mappings; the field."""
    here: Any = value
    named: list[str] = []
    for at, step in enumerate(location):
        parent = str(location[at - 1]) if at else ""
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if parent in ("teams", "trackers") and at == 1:
            named = [f"{parent.removesuffix('s')} {step!r}"]
        elif isinstance(step, str):
            named += [step] if step != "when" else []
        elif isinstance(here, dict):
            named[-1:] = [f"{parent.removesuffix('s')} {here.get('id', step + 1)!r}"]
    return named


def _known(model: type[Strict], location: list[Any]) -> Iterator[str]:
    """The fields that stand where an unknown one was written."""
    schema = model.model_json_schema()
    here: Any = schema
    for step in location[:-1]:
        here = (
            here.get("items", {})
            if isinstance(step, int)
            else here.get("properties", {}).get(step) or here.get("additionalProperties", {})
        )
        here = _resolved(schema, here)
    for one in here.get("oneOf") or here.get("anyOf") or [here]:
        yield from _resolved(schema, one).get("properties", {})


def _resolved(schema: Any, here: Any) -> Any:
    return schema["$defs"][here["$ref"].rpartition("/")[2]] if "$ref" in here else here
