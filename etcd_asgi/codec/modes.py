"""The modes of bytes in JSON: base64, as etcd has them, or text."""

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
    """The modes of one call: True where bytes are text."""

    body: bool = False
    response: bool = False

    @property
    def content_type(self) -> bytes:
        """The response's."""
        return _TEXT_JSON if self.response else _BASE64_JSON


MODES = {pair: Modes(*pair) for pair in product((False, True), repeat=2)}
"""All modes there are, by their fields: identity is enough to compare them."""

DEFAULT = MODES[False, False]
