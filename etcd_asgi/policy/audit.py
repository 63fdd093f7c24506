"""Audit records, one for each write: caller, RPC, keys and outcome. Never a value or a token."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from etcd_asgi.status import Code

logger = logging.getLogger("etcd_asgi.audit")

_MAX_KEYS = 16
"""Keys named in one record. A transaction may write more: ``more_keys`` counts them."""

READS = frozenset(
    {
        "Auth.AuthStatus",
        "Auth.Authenticate",
        "Auth.RoleGet",
        "Auth.RoleList",
        "Auth.UserGet",
        "Auth.UserList",
        "Cluster.MemberList",
        "Election.Leader",
        "Election.Observe",
        "KV.Range",
        "Lease.LeaseKeepAlive",
        "Lease.LeaseLeases",
        "Lease.LeaseTimeToLive",
        "Maintenance.Hash",
        "Maintenance.HashKV",
        "Maintenance.Snapshot",
        "Maintenance.Status",
        "Watch.Watch",
    }
)
"""RPCs that change nothing, or nothing but how long a lease lives; all others are writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Record of one write."""

    user: str
    """The host's user: ``Grant.user``, else the name of ``scope["user"]``, else empty."""

    client: str
    """IP address of the client, as the server has it."""

    rpc: str
    """Short name, such as ``KV.Put``."""

    namespace: str
    """The prefix of the caller's namespace, which stands before each of the keys in etcd."""

    keys: tuple[str, ...]
    """The keys as the caller has them, ranges as ``begin..end``. Text, with backslash escapes for
    other bytes."""

    more_keys: int
    """Number of further keys."""

    revision: int
    """etcd's revision after it; 0 when there is none."""

    outcome: str
    """``OK`` or the name of the gRPC code, such as ``PERMISSION_DENIED``."""

    def as_json(self) -> str:
        """Return the record as one line."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(members, separators=(",", ":"))


Audit = Callable[[AuditRecord], None]
"""Function that takes the records. It is called on the event loop and must not block."""


def log_record(record: AuditRecord) -> None:
    """Log *record* as a line of JSON, to the logger ``etcd_asgi.audit``."""
    logger.info("%s", record.as_json(), extra={"etcd_asgi_audit": record})


def is_write(rpc: str, keys: list[str]) -> bool:
    """Check that a request with these *keys* to write changes anything."""
    return rpc not in READS and (rpc != "KV.Txn" or bool(keys))


def named(keys: list[str]) -> tuple[tuple[str, ...], int]:
    """Return the keys that a record names, and the number of the others."""
    return tuple(keys[:_MAX_KEYS]), max(0, len(keys) - _MAX_KEYS)


def written_keys(rpc: str, message: Any) -> list[str]:
    """Return the keys that a request, or an operation of a transaction, would write."""
    match rpc:
        case "KV.Put":
            return [key_text(message.key)]
        case "KV.DeleteRange":
            return [_interval(message.key, message.range_end)]
        case "Lock.Lock" | "Election.Campaign":
            return [key_text(message.name)]
        case "Lock.Unlock":
            return [key_text(message.key)]
        case "Election.Proclaim" | "Election.Resign":
            return [key_text(message.leader.key)]
    return []


def _interval(key: bytes, end: bytes) -> str:
    return f"{key_text(key)}..{key_text(end)}" if end else key_text(key)


def key_text(key: bytes) -> str:
    """Return a key as text, for :class:`AuditRecord`."""
    return key.decode("utf-8", "backslashreplace")


def outcome(code: int) -> str:
    """Return the name of a gRPC code: ``PERMISSION_DENIED`` for 7."""
    return _NAMES.get(code, str(code))


_NAMES = {int(code): code.name for code in Code}
