"""Intervals of keys, as etcd writes them."""

from __future__ import annotations

FROM_KEY = b"\0"
"""The ``range_end`` for everything from the key on."""


def end_of(prefix: bytes) -> bytes:
    r"""Return the end of the interval of all keys that begin with *prefix*.

    It is the least key behind all of them, or :data:`FROM_KEY` where there is none: nothing is
    behind ``b"\xff\xff"``.

    Source: etcd client/v3/op.go, getPrefix. client/v3/namespace/util.go keeps a ``b"\0"`` for each
    trailing ``b"\xff"`` of the prefix, and so lets a neighbour in: for ``b"a\xff"`` it ends at
    ``b"b\0"``, behind the key ``b"b"``.
    """
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else FROM_KEY
