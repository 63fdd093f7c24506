"""A real etcd with users, and an upstream that shows what passes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio

from etcd_asgi import TLS, Limits, UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.metadata import Metadata
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import (
    GrpcUpstream,
    SignedUpstream,
    Tokens,
    Upstream,
    UpstreamStream,
    parse_targets,
)
from etcd_asgi.upstream.auth.password import Password

RANGE = "/etcdserverpb.KV/Range"
PUT = "/etcdserverpb.KV/Put"
WATCH = "/etcdserverpb.Watch/Watch"
AUTHENTICATE = "/etcdserverpb.Auth/Authenticate"
SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot"

ROOT = Password("root", "root-password")
ADA = Password("ada", "ada-password")


def message(name: str, /, **members: Any) -> Any:
    """A message of etcd's, such as ``message("RangeRequest", key=b"k")``."""
    return proto.message_class(proto.message_type(f"etcdserverpb.{name}"))(**members)


def parse(name: str, answer: bytes | None) -> Any:
    assert answer is not None
    return type(message(name)).FromString(answer)


def range_of(key: bytes) -> bytes:
    serialized: bytes = message("RangeRequest", key=key).SerializeToString()
    return serialized


def watch_of(key: bytes, watch_id: int = 0) -> bytes:
    create = {"key": key, "watch_id": watch_id}
    serialized: bytes = message("WatchRequest", create_request=create).SerializeToString()
    return serialized


class Recording:
    """Passes calls on, counts them by RPC, keeps their metadata, and can hold them up."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.calls: Counter[str] = Counter()
        self.metadata: list[Metadata] = []
        self.gates: dict[str, asyncio.Event] = {}
        """A call of an RPC that stands here waits for its event."""

    async def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> bytes:
        self._record(rpc, metadata)
        if rpc in self.gates:
            await self.gates[rpc].wait()
        return await self._upstream.unary(rpc, request, metadata, timeout)

    def server_stream(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> UpstreamStream:
        self._record(rpc, metadata)
        return self._upstream.server_stream(rpc, request, metadata, timeout)

    def bidi(self, rpc: str, metadata: Metadata, timeout: float | None) -> UpstreamStream:
        self._record(rpc, metadata)
        return self._upstream.bidi(rpc, metadata, timeout)

    async def aclose(self) -> None:
        await self._upstream.aclose()

    @property
    def logins(self) -> int:
        """The logins so far."""
        return self.calls[AUTHENTICATE]

    def _record(self, rpc: str, metadata: Metadata) -> None:
        self.calls[rpc] += 1
        self.metadata.append(metadata)


class Users:
    """An etcd, its administrator, and signed upstreams of its users.

    Args:
        etcd: the server, of one test alone.
        limits: of the tokens.
        tls: for an etcd that wants it.
    """

    def __init__(
        self, etcd: EtcdServer, limits: Limits | None = None, tls: TLS | None = None
    ) -> None:
        self.etcd = etcd
        quick = Limits(max_reconnect_delay=0.2, tls_check_time=0.02, close_timeout=0.01)
        self.grpc = GrpcUpstream(parse_targets(etcd.endpoint), quick, tls)
        self.upstream = Recording(self.grpc)
        self.tokens = Tokens(self.upstream, limits or Limits())
        self._root = SignedUpstream(self.grpc, Tokens(self.grpc, Limits(auth_off_time=1e-9)), ROOT)

    def signed(self, credentials: Password = ADA) -> SignedUpstream:
        return SignedUpstream(self.upstream, self.tokens, credentials)

    async def admin(self, rpc: str, /, **members: Any) -> None:
        """Make a call of the Auth service as root, or as nobody while auth is off."""
        request = message(f"Auth{rpc}Request", **members).SerializeToString()
        method = rpc if rpc[:4] in ("User", "Role") else f"Auth{rpc}"
        await self._root.unary(f"/etcdserverpb.Auth/{method}", request, [], 30)

    async def add(self, one: Password = ADA, prefix: bytes = b"ada/") -> None:
        """Add a user who may do everything under *prefix*."""
        end = prefix[:-1] + bytes([prefix[-1] + 1])
        await self.admin("UserAdd", name=one.user, password=one.password)
        await self.admin("RoleAdd", name=one.user)
        perm = {"permType": 2, "key": prefix, "range_end": end}
        await self.admin("RoleGrantPermission", name=one.user, perm=perm)
        await self.admin("UserGrantRole", user=one.user, role=one.user)

    async def enable(self) -> None:
        """Add root and switch auth on."""
        await self.admin("UserAdd", name=ROOT.user, password=ROOT.password)
        await self.admin("RoleAdd", name="root")
        await self.admin("UserGrantRole", user="root", role="root")
        await self.admin("Enable")

    async def restart_etcd(self) -> None:
        """Restart etcd, which forgets its simple tokens, and wait until it is reached again."""
        await asyncio.to_thread(self.etcd.restart)
        with anyio.fail_after(60):
            while not await self._is_reached():  # noqa: ASYNC110 - etcd is another process
                await asyncio.sleep(0.05)

    async def _is_reached(self) -> bool:
        for stream in (False, True):  # each has channels of its own
            try:
                if stream:
                    await self._touch()
                else:
                    await self.grpc.unary(RANGE, range_of(b"\0"), [], 5)
            except UpstreamError as error:
                if error.code in (4, 14):
                    return False
        return True

    async def _touch(self) -> None:
        call = self.grpc.server_stream(WATCH, watch_of(b"\0"), [], 5)
        try:
            await call.receive()
        finally:
            call.cancel()

    async def aclose(self) -> None:
        await self._root.aclose()
        await self.signed().aclose()


MakeUsers = Callable[..., Users]
"""``make_users(release, *args, limits=None)``: an etcd of this test alone."""
