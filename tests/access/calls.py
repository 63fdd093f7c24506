"""Calls to a gateway in this process, as different users of a host."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from etcd_asgi import Gateway, Grant
from etcd_asgi.policy.grant import Access

Json = dict[str, Any]


def text(value: str) -> str:
    """Base64, as the API has keys and values."""
    return base64.b64encode(value.encode()).decode()


def as_user(**grants: Grant) -> Access:
    """An ``access`` that knows its users by the header ``x-user``."""

    def access(conn: Any) -> Grant:
        return grants[conn.headers["x-user"]]

    return access


@asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests go to *gateway* alone."""
    transport = httpx.ASGITransport(gateway)
    async with gateway, httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        yield client


Call = Callable[..., Any]
