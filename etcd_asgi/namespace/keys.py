r"""Keys and intervals of keys under a prefix.

An interval has etcd's form. An empty ``range_end`` names the one key, ``b"\0"`` everything from the
key on, anything else ends the half-open interval. Keys are ordered as bytes, and a common prefix
does not change their order, so ``[a, b)`` in the namespace is ``[prefix + a, prefix + b)`` in etcd.
The one interval that has to be cut is the one without an end: it ends where the prefix does.
"""

from __future__ import annotations

from typing import Any

from etcd_asgi.etcd.intervals import FROM_KEY, end_of


class Keys:
    """The keys that begin with *prefix* and are longer than it.

    The prefix itself is outside: the caller would know it as the empty key, which etcd has not.
    """

    __slots__ = ("_end", "_prefix")

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._end = end_of(prefix)

    def holds(self, key: bytes) -> bool:
        """Check that *key*, as etcd has it, is in the namespace."""
        return len(key) > len(self._prefix) and key.startswith(self._prefix)

    def scope(self, key: bytes) -> bytes:
        """Return the caller's key as etcd has it; an empty one stays empty, for etcd to refuse."""
        return self._prefix + key if key else b""

    def scope_interval(self, message: Any) -> None:
        """Change ``key`` and ``range_end`` of *message* in place.

        An empty key loses its range: etcd refuses the request in either case, with all its checks
        in its own order, and no key that can exist is sent.
        """
        key, end = message.key, message.range_end
        if not key:
            message.range_end = b""
            return
        message.key = self._prefix + key
        if end:
            message.range_end = self._end if end == FROM_KEY else self._prefix + end

    def unscope(self, key: bytes) -> bytes:
        """Return etcd's key as the caller has it; empty for one from outside."""
        return key[len(self._prefix) :] if self.holds(key) else b""

    def scope_name(self, name: bytes) -> bytes:
        """Return the name of a lock or an election as etcd has it; an empty one is allowed."""
        return self._prefix + name

    def unscope_name(self, name: bytes) -> bytes:
        """Return the name as the caller has it; empty for one from outside."""
        return name[len(self._prefix) :] if name.startswith(self._prefix) else b""
