"""What must agree in two answers, and the little that need not.

Two etcds of one release that get the same calls in the same order hold the same revisions and,
started alike, the same cluster and member IDs, so these are compared as they are. Only what a step
names as `generated`, `varies` or `unordered` is set aside, and one thing for all: protobuf-go
writes "proto:" followed by a blank or by U+00A0, whichever a hash of the binary picks.

**Source:** protobuf-go internal/errors/errors.go (the blank after "proto:").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .corpus import Step
from .exchange import Answer
from .talk import Heard
from .variables import find

HEADERS = (
    "content-type",
    "grpc-metadata-content-type",
    "www-authenticate",
    "x-content-type-options",
    "allow",
    "sec-websocket-protocol",
)
Answered = Answer | Heard


def view(answer: Answered, step: Step, generated: Mapping[str, str]) -> dict[str, Any]:
    """Bring an answer into the form in which the two sides must be equal."""
    names = {value: f"${{{name}}}" for value, name in generated.items()}
    seen: dict[str, Any] = {"status": answer.status}
    seen |= {name: plain(answer.headers[name]) for name in HEADERS if name in answer.headers}
    content = _named(answer.content, names)
    for path in step.varies:
        for container, key in list(find(content, path)):
            container[key] = f"<{type(container[key]).__name__}>"
    for path in step.unordered:
        for container, key in find(content, path):
            container[key].sort(key=_json)
    return seen | {"body": content}


def differences(stock: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Say member by member where two views differ; nothing when they agree."""
    return [
        f"{name}: stock {_json(stock.get(name))}, ours {_json(ours.get(name))}"
        for name in dict.fromkeys([*stock, *ours])
        if _json(stock.get(name)) != _json(ours.get(name))
    ]


def message(answer: Answered) -> str | None:
    """Give the error message of an answer: the member `message`, or the text."""
    content = answer.content
    if isinstance(answer, Heard):
        content = content["messages"][-1] if content["messages"] else None
        content = content.get("error", content) if isinstance(content, dict) else content
    if isinstance(content, dict):
        content = content.get("message")
    return plain(content) if isinstance(content, str) else None


def plain(text: str) -> str:
    """Write the blank after "proto:" as a blank, in a body or in a header."""
    return text.replace("proto:\u00a0", "proto: ").replace("proto:\u00c2\u00a0", "proto: ")


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _named(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_named(element, names) for element in value]
    return names.get(value, plain(value)) if isinstance(value, str) else value


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
