"""Whether the bytes in JSON are base64, as etcd has them, or text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

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
        """The response's."""
        return _TEXT_JSON if self.answer else _BASE64_JSON


MODES = {ways: Modes(*ways) for ways in product((False, True), repeat=2)}
"""All modes there are, by their fields: to compare them it is enough to look at their identity."""

DEFAULT = MODES[False, False]
