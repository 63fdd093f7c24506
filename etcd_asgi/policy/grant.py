"""The grant: the host's decision, asked for once per request."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import HTTPConnection

from etcd_asgi.arguments import WrongTypeError, check_bool, kind_of, wrong_type
from etcd_asgi.calls.bindings import bindings
from etcd_asgi.upstream.auth.password import Password

logger = logging.getLogger("etcd_asgi")

_WARNED = 1024
"""Namespaces without a separator that are remembered, so that each is logged once."""

_SHOWN = 100
"""Bytes of a namespace that a line of the log shows."""

FULL = frozenset(binding.name for binding in bindings())
"""Every RPC, by names such as ``KV.Range``."""

READ_ONLY = frozenset(
    {
        "Election.Leader",
        "Election.Observe",
        "KV.Range",
        "KV.Txn",
        "Lease.LeaseLeases",
        "Lease.LeaseTimeToLive",
        "Watch.Watch",
    }
)
"""Reading and watching keys. A transaction may hold what these RPCs may do: ranges, no writes."""

KEY_VALUE = READ_ONLY | {
    "Election.Campaign",
    "Election.Proclaim",
    "Election.Resign",
    "KV.DeleteRange",
    "KV.Put",
    "Lease.LeaseGrant",
    "Lease.LeaseKeepAlive",
    "Lease.LeaseRevoke",
    "Lock.Lock",
    "Lock.Unlock",
}
"""All RPCs on keys and leases, with locks and elections: those that a namespace can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permissions of a request, and the etcd user that it is made as.

    Raises:
        ValueError: an RPC does not exist, or a field has a wrong value; the message says the right
            form. For a field of another type it is a ``TypeError`` as well.
    """

    rpcs: frozenset[str] = FULL
    """The RPCs it may call, by names such as ``KV.Range``. Operations in a transaction count as
    the RPCs that they are."""

    namespace: bytes | None = None
    """The prefix under which the caller's keys are; the caller does not see it. RPCs that cannot
    be held in it are refused. ``None``: all of etcd; an empty prefix, probably meant otherwise, is
    a ``ValueError``. End it with a separator: ``b"/teams/red"`` holds the keys of
    ``/teams/redwood/`` too, and is logged once as a warning."""

    credentials: Password | None = None
    """The etcd user that stands for the caller; ``None``: the gateway's own, if it has any."""

    forward_token: bool = False
    """True: the caller's own etcd token goes up and etcd decides. False: nothing of the caller's
    login reaches etcd, neither Authorization nor cookies."""

    max_watches: int | None = None
    """Watches that this ``user`` may have open at a time, on one gateway; one more is refused with
    429. Without a ``user`` it holds for each stream by itself."""

    max_waiting_calls: int | None = None
    """Calls of Lock, Campaign and Observe that this ``user`` may have open at a time, on one
    gateway; one more is refused with 429. Without a ``user`` all callers in the ``namespace`` are
    counted together, and without either the gateway's limit alone holds. ``None``:
    ``Limits.max_waiting_calls_per_user``."""

    max_range_limit: int | None = None
    """Keys that one request reads: a range that asks for more, or for all, gets this many and
    ``more``. The ranges of a transaction, nested ones too, share it: only one of its branches is
    carried out, so each branch has all of it. A range of one key takes one; ranges with limits get
    what they ask as long as there is room, and those without share what is left. A transaction with
    more ranges than this is refused with 403. What a deletion gives back is not limited."""

    max_body_bytes: int | None = None
    """Longest request body, where it shall be less than the gateway's limit."""

    user: str = ""
    """Name of the host's user, for ``max_watches``, ``max_waiting_calls``, audit and
    ``GET /grant``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rpcs", _rpcs(self.rpcs))
        check_bool("Grant(forward_token=...)", self.forward_token)
        if self.credentials is not None:
            _check_credentials(self.credentials, forward_token=self.forward_token)
        if self.namespace is not None:
            _check_namespace(self.namespace)
        if not isinstance(self.user, str):
            raise WrongTypeError(
                f"Grant(user=...) takes a name, not {kind_of(self.user)}: use str(...)"
            )
        for name in ("max_watches", "max_waiting_calls", "max_range_limit", "max_body_bytes"):
            if getattr(self, name) is not None:
                _check_count(f"Grant({name}=...) takes a positive number", getattr(self, name))

    def __repr__(self) -> str:
        return f"Grant(user={self.user!r}, rpcs=<{len(self.rpcs)} of {len(FULL)}>)"


def _rpcs(given: object) -> frozenset[str]:
    if type(given) is frozenset and given <= FULL:
        return given
    expected = "Grant(rpcs=...) takes a set of names such as {'KV.Range'}: see etcd_asgi.FULL"
    if isinstance(given, str | bytes | bytearray | Mapping | type) or not isinstance(
        given, Iterable
    ):
        raise wrong_type(expected, given)
    names = list(given)
    for name in names:
        if not isinstance(name, str):
            raise wrong_type(expected, name)
    if unknown := sorted(frozenset(names) - FULL):
        raise ValueError(f"Grant(rpcs=...) names unknown RPCs {unknown}: see etcd_asgi.FULL")
    return frozenset(names)


def _check_credentials(credentials: object, *, forward_token: bool) -> None:
    if not isinstance(credentials, Password):
        raise wrong_type("Grant(credentials=...) takes Password(user, password)", credentials)
    if forward_token:
        raise ValueError(
            "Grant() takes credentials= or forward_token=True: a call is made as one etcd user"
        )


def _check_count(expected: str, value: object) -> None:
    if type(value) is not int:
        raise wrong_type(expected, value)
    if value <= 0:
        raise ValueError(f"{expected}, not {value!r}")


def _check_namespace(prefix: object) -> None:
    expected = (
        "Grant(namespace=...) takes bytes, at least one, such as b'/teams/red/'; for all of"
        " etcd leave it out"
    )
    if not isinstance(prefix, bytes):
        raise WrongTypeError(f"{expected}. It was {kind_of(prefix)}")
    if not prefix:
        raise ValueError(expected)
    if prefix[-1:].isalnum():
        _warn_of_neighbours(prefix)


@lru_cache(_WARNED)
def _warn_of_neighbours(prefix: bytes) -> None:
    """Log that a namespace holds the keys of others, once for each of the last prefixes."""
    shown = prefix[:_SHOWN].decode("utf-8", "backslashreplace")
    logger.warning(
        "the namespace %r does not end in a separator: it holds the keys of %r too; end it with a"
        " slash, such as %r",
        shown,
        f"{shown}2",
        f"{shown}/",
    )


_PASSTHROUGH = Grant(forward_token=True)
_FULL_GRANT = Grant()

Access = Callable[[HTTPConnection], Grant | Awaitable[Grant]]
"""The host's function that grants. It raises :class:`~etcd_asgi.errors.Denied` to refuse."""


def passthrough(conn: HTTPConnection) -> Grant:  # noqa: ARG001 - every access takes it
    """Grant everything: the client's own token goes up and etcd decides, as its gateway does."""
    return _PASSTHROUGH


def allow_anyone(conn: HTTPConnection) -> Grant:  # noqa: ARG001 - every access takes it
    """Grant everything to everyone who reaches the gateway, with the gateway's own credentials."""
    return _FULL_GRANT
