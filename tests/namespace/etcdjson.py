"""etcd's JSON, with keys and values as bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

BYTES = frozenset({"key", "range_end", "value", "name", "keys"})
"""Members whose values are bytes."""


def written(message: Any) -> Any:
    """*message* with all bytes in base64."""
    match message:
        case dict():
            return {name: written(value) for name, value in message.items()}
        case list():
            return [written(one) for one in message]
        case bytes():
            return b64encode(message).decode()
    return message


def read(message: Any, name: str = "") -> Any:
    """The other way: what stands under a name of :data:`BYTES` becomes bytes."""
    match message:
        case dict():
            return {inner: read(value, inner) for inner, value in message.items()}
        case list():
            return [read(one, name) for one in message]
        case str() if name in BYTES:
            return b64decode(message)
    return message
