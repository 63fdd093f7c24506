"""Whether the bytes in JSON are base64, as etcd has them, or text."""

from __future__ import annotations

from dataclasses import dataclass

JSON = "application/json"

PARAMETER = "bytes"
"""Of a media type: says in which mode bytes are."""

TEXT, BASE64 = "text", "base64"

_BASE64_JSON = JSON.encode()
_TEXT_JSON = f"{JSON}; {PARAMETER}={TEXT}".encode()


@dataclass(frozen=True, slots=True)
class Modes:
    """Whether bytes are text, each way."""

    body: bool = False
    answer: bool = False

    @property
    def content_type(self) -> bytes:
        """The answer's."""
        return _TEXT_JSON if self.answer else _BASE64_JSON


DEFAULT = Modes()
