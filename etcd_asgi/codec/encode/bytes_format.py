"""The form of bytes in JSON, as the generated writers use it."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BytesFormat:
    """A form of bytes in JSON; writers are generated once for each."""

    expression: str
    """In a generated f-string, for the value in ``{var}``: it calls ``show``."""

    show: Callable[[bytes], Any]

    place: bytes
    """In the format of an element of a long list."""

    fill: Callable[[bytes], bytes]
    """Makes the content of that place, in which newlines may stand: they are taken out."""


BASE64 = BytesFormat(
    expression='"{{show({var}).decode()}}"',
    show=b2a_base64,
    place=b'"%b"',
    fill=b2a_base64,
)
"""As all of etcd's gateways show them."""
