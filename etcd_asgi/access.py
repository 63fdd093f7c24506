"""Who may call what: the host's decision, asked for once per request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Scope

from etcd_asgi.bindings import bindings
from etcd_asgi.errors import Denied

FULL = frozenset(binding.name for binding in bindings())
"""Every RPC, by names such as ``KV.Range``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a request may do.

    Raises:
        ValueError: an RPC that does not exist.
    """

    rpcs: frozenset[str] = FULL
    """The RPCs it may call, by names such as ``KV.Range``."""

    def __post_init__(self) -> None:
        if unknown := sorted(self.rpcs - FULL):
            raise ValueError(f"Grant(rpcs=...) names unknown RPCs {unknown}: see etcd_asgi.FULL")


Access = Callable[[HTTPConnection], Grant | Awaitable[Grant]]
"""The host's decision. It raises :class:`~etcd_asgi.errors.Denied` to refuse."""


def passthrough(conn: HTTPConnection) -> Grant:  # noqa: ARG001 - every access takes it
    """Grant everything: the client's own token goes up and etcd decides, as its gateway does."""
    return Grant()


async def decide(access: Access, scope: Scope) -> Grant:
    """Ask *access*; a function that is not async runs in a thread, as it may block.

    Raises:
        Denied: it refused, with this or with Starlette's or FastAPI's ``HTTPException``.
        TypeError: it returned something else than a grant.
    """
    try:
        grant = await _ask(access, HTTPConnection(scope))
    except HTTPException as error:
        raise Denied(error.status_code, str(error.detail)) from error
    if not isinstance(grant, Grant):
        raise TypeError(f"access returned {type(grant).__name__}, but must return a Grant")
    return grant


async def _ask(access: Access, conn: HTTPConnection) -> object:
    ask: Callable[[HTTPConnection], object] = access
    if inspect.iscoroutinefunction(ask):
        return await ask(conn)
    answer = await run_in_threadpool(ask, conn)
    return await answer if inspect.isawaitable(answer) else answer
