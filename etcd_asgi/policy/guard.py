"""Enforces a grant on one call's messages: RPCs, limits, ``authorize``, quota, namespace, audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from starlette.requests import HTTPConnection

from etcd_asgi.calls.waiting import Session
from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.namespace import Namespace
from etcd_asgi.namespace.errors import with_code
from etcd_asgi.namespace.session_leases import as_of_lock, new_lease, unleased
from etcd_asgi.policy import range_limits
from etcd_asgi.policy.audit import Audit, AuditRecord, is_write, named, outcome, written_keys
from etcd_asgi.policy.enum_values import enum_checks
from etcd_asgi.policy.grant import Grant
from etcd_asgi.policy.hooks import ask
from etcd_asgi.policy.peer_urls import check_peer_urls
from etcd_asgi.policy.watch_quota import StreamQuota

Authorize = Callable[[HTTPConnection, str, Message], Awaitable[bool | None] | bool | None]
"""The host's check of each request message: it raises :class:`~etcd_asgi.errors.Denied`, or returns
false, to refuse. It gets the connection, the RPC's name and the message with the caller's own keys;
for a transaction first the whole, and then each operation in it as the RPC that it is."""

_OPERATIONS = {
    "request_range": "KV.Range",
    "request_put": "KV.Put",
    "request_delete_range": "KV.DeleteRange",
    "request_txn": "KV.Txn",
}
"""RPCs of the operations in a transaction."""

MAX_OPERATIONS = 10_000
"""Operations and compares in one transaction, with those in the transactions in it. etcd takes 128
of each by default (``--max-txn-ops``); here each is looked at, on the loop."""

_CHECKS = {**enum_checks(), "Cluster.MemberUpdate": check_peer_urls}
"""Checks, by RPC, of requests that etcd would not survive. Most RPCs have none, and pay nothing."""

TOO_LONG = f"a transaction has at most {MAX_OPERATIONS} operations and compares here"


@dataclass(slots=True, kw_only=True)
class GrantGuard:
    """See :class:`etcd_asgi.calls.call.Guard`."""

    grant: Grant
    conn: HTTPConnection
    rpc: str
    authorize: Authorize | None
    namespace: Namespace | None
    quota: StreamQuota | None
    audit: Audit | None
    _keys: list[str] = field(default_factory=list)
    """Keys that an audited request writes, as the caller has them."""

    async def admit(self, message: Message) -> None:
        """See :class:`~etcd_asgi.calls.call.Guard`."""
        if _is_too_long(self.rpc, message):
            raise Denied(400, TOO_LONG)
        parts = list(_parts(self.rpc, message))
        if self.audit is not None:
            self._keys = [key for rpc, part in parts for key in written_keys(rpc, part)]
        self._check_rpcs(parts)
        if (check := _CHECKS.get(self.rpc)) is not None:
            check(message)
        if self.grant.max_range_limit is not None:
            range_limits.apply(self.rpc, message, self.grant.max_range_limit)
        if self.authorize is not None:
            for rpc, part in parts:
                await self._ask(self.authorize, rpc, part)
        if self.quota is not None:
            self.quota.take(message)
        if self.namespace is not None:
            self.namespace.scope(self.rpc, message)

    def release(self, message: Message) -> None:
        """See :class:`~etcd_asgi.calls.call.Guard`."""
        if self.quota is not None:
            self.quota.settle()
        if self.namespace is not None:
            self.namespace.unscope(self.rpc, message)

    def session(self, message: Message) -> Session | None:
        """See :class:`~etcd_asgi.calls.call.Guard`: etcd would make the lease and not revoke it."""
        if self.namespace is not None:
            found = self.namespace.session(self.rpc, message)
        else:
            holder = unleased(self.rpc, message)
            found = None if holder is None else (holder, new_lease())
        if found is None:
            return None
        holder, lease = found

        def request_with(lease_id: int) -> bytes:
            holder.lease = lease_id
            return message.SerializeToString()

        return Session(lease=lease, request_with=request_with, refusal=self._lease_refused)

    def failed(self, error: UpstreamError) -> UpstreamError:
        """See :class:`~etcd_asgi.calls.call.Guard`."""
        return error if self.namespace is None else with_code(error)

    def finished(self, code: int, reply: Message | None = None) -> None:
        """See :class:`~etcd_asgi.calls.call.Guard`: report a write and its outcome to the audit."""
        if self.audit is not None:
            self.record(self.audit, code, reply)

    def close(self) -> None:
        """See :class:`~etcd_asgi.calls.call.Guard`."""
        if self.quota is not None:
            self.quota.close()

    def record(self, audit: Audit, code: int, reply: Any = None) -> None:
        """Report a write and its outcome to *audit*."""
        if not is_write(self.rpc, self._keys):
            return
        header = getattr(reply, "header", None)
        some, more = named(self._keys)
        record = AuditRecord(
            user=self.user,
            client=_client(self.conn),
            rpc=self.rpc,
            namespace=(self.grant.namespace or b"").decode("utf-8", "backslashreplace"),
            keys=some,
            more_keys=more,
            revision=0 if header is None else header.revision,
            outcome=outcome(code),
        )
        audit(record)

    def _lease_refused(self, error: UpstreamError) -> UpstreamError:
        """Return the error of a call whose session lease etcd refuses with *error*."""
        return as_of_lock(error) if self.namespace is None else error

    @property
    def user(self) -> str:
        """Return the host's name for the caller."""
        return self.grant.user or _display_name(self.conn)

    def _check_rpcs(self, parts: list[tuple[str, Any]]) -> None:
        for rpc, _ in parts:
            if rpc not in self.grant.rpcs:
                raise Denied(403, f"{rpc} is not granted")

    async def _ask(self, authorize: Authorize, rpc: str, message: Message) -> None:
        result = await ask(authorize, self.conn, rpc, message)
        if result is False:
            raise Denied(403, f"{rpc} is not granted for this request")
        if result is not None and result is not True:
            raise TypeError(f"authorize returned {type(result).__name__}, not None or a bool")


def _is_too_long(rpc: str, message: Any) -> bool:
    """Check that a transaction is too long, before anything else in it is looked at."""
    rest, count = [message] if rpc == "KV.Txn" else [], 0
    while rest:
        one = rest.pop()
        count += len(one.success) + len(one.failure) + len(one.compare)
        if count > MAX_OPERATIONS:
            return True
        for operations in (one.success, one.failure):
            rest += [part.request_txn for part in operations if part.HasField("request_txn")]
    return False


def _parts(rpc: str, message: Any) -> Iterator[tuple[str, Any]]:
    """Yield a request, and the operations in it if it is a transaction, each with its RPC."""
    yield rpc, message
    if rpc != "KV.Txn":
        return
    for operation in (*message.success, *message.failure):
        kind = operation.WhichOneof("request")
        if kind is not None:
            yield from _parts(_OPERATIONS[kind], getattr(operation, kind))


def _client(conn: HTTPConnection) -> str:
    return conn.client.host if conn.client else ""


def _display_name(conn: HTTPConnection) -> str:
    """Return the name of the user in the scope, such as Starlette's and Django's have."""
    user = conn.scope.get("user")
    for name in ("display_name", "username"):
        with suppress(Exception):  # Starlette's own base class implements it by raising
            value = getattr(user, name, None)
            if isinstance(value, str):
                return value
    return ""
