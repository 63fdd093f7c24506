"""Values carried from one answer into later requests, and paths into answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .corpus import Step

_REFERENCE = re.compile(r"\$\{(b64:)?([^}]*)\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put saved values and base64 in the place of `${name}` and `${b64:text}`."""

    def replacement(match: re.Match[str]) -> str:
        if match[1]:
            return base64.b64encode(match[2].encode()).decode()
        return values[match[2]]

    return _REFERENCE.sub(replacement, text)


def fill_json(value: Any, values: Mapping[str, str]) -> Any:
    """Do what `fill` does in every string of a JSON value."""
    if isinstance(value, dict):
        return {name: fill_json(member, values) for name, member in value.items()}
    if isinstance(value, list):
        return [fill_json(element, values) for element in value]
    return fill(value, values) if isinstance(value, str) else value


def body(step: Step, values: Mapping[str, str]) -> bytes | None:
    """Write the body of a request; None when the step has none."""
    if step.body is None:
        return None
    kind, content = step.body
    if kind == "base64":
        return base64.b64decode(content, validate=True)
    if kind == "json":
        return json_bytes(fill_json(content, values))
    if kind == "text":
        content = fill(content, values)
    else:
        content = "".join(p if isinstance(p, str) else p[0] * p[1] for p in content)
    return str(content).encode()


def written(what: Any) -> bytes:
    """Write a piece of a conversation: a text as it is, anything else as JSON."""
    return what.encode() if isinstance(what, str) else json_bytes(what)


def json_bytes(value: Any) -> bytes:
    """Write a JSON value without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def headers(step: Step, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the headers of a request in order, repeated ones one by one."""
    return [
        (name, fill(value, values))
        for name, given in step.headers.items()
        for value in (given if isinstance(given, list) else [given])
    ]


def find(answer: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of each place that `path` names; `*` is every list element."""
    name, _, rest = path.partition(".")
    for key in _keys(answer, name):
        if rest:
            yield from find(answer[key], rest)
        else:
            yield answer, key


def look_up(answer: Any, path: str) -> Any:
    """Read the value at `path`; None when there is no such place."""
    return next((container[key] for container, key in find(answer, path)), None)


def _keys(container: Any, name: str) -> list[Any]:
    if isinstance(container, dict):
        return [name] if name in container else []
    if isinstance(container, list):
        return [i for i in range(len(container)) if name in ("*", str(i))]
    return []
