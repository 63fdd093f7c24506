"""How bytes are shown in JSON: what the generated writers need to know of it."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """One way to show bytes; writers are generated once for each."""

    expression: str
    """In a generated f-string, for the value in ``{var}``: it calls ``show``."""

    show: Callable[[bytes], Any]

    place: bytes
    """In the format of an element of a long list."""

    fill: Callable[[bytes], bytes]
    """What goes to that place. Of control characters it may hold newlines, which are taken out."""


BASE64 = Shown(
    expression='"{{show({var}).decode()}}"',
    show=b2a_base64,
    place=b'"%b"',
    fill=b2a_base64,
)
"""As all of etcd's gateways show them."""
