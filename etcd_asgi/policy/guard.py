"""What a grant means for the messages of one request: what may pass, and under which keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message
from starlette.requests import HTTPConnection

from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.namespace.errors import with_code
from etcd_asgi.namespace.session_leases import as_of_lock, new_lease, unleased
from etcd_asgi.policy import range_limits
from etcd_asgi.policy.audit import Audit, AuditRecord, is_write, named, outcome, written_keys
from etcd_asgi.policy.enum_values import enum_checks
from etcd_asgi.policy.grant import Grant
from etcd_asgi.policy.hooks import ask
from etcd_asgi.policy.peer_urls import check_peer_urls
from etcd_asgi.policy.watch_quota import Watching

Authorize = Callable[[HTTPConnection, str, Message], Awaitable[bool | None] | bool | None]
"""The host's word on each request message: it raises :class:`~etcd_asgi.errors.Denied`, or returns
false, to refuse. It gets the connection, the RPC's name and the message with the caller's own keys;
for a transaction once the whole, and then each operation in it as the RPC that it is."""

_OPERATIONS = {
    "request_range": "KV.Range",
    "request_put": "KV.Put",
    "request_delete_range": "KV.DeleteRange",
    "request_txn": "KV.Txn",
}
"""The RPC that each kind of operation in a transaction is."""


MAX_OPERATIONS = 10_000
"""Operations and compares in one transaction, with those in the transactions in it. etcd takes 128
of each, unless it is told otherwise (``--max-txn-ops``); here each is looked at, on the loop."""

_CHECKS = {**enum_checks(), "Cluster.MemberUpdate": check_peer_urls}
"""What a request must pass because etcd would not survive it, by RPC. Most RPCs have no check, and
pay nothing."""

TOO_LONG = f"a transaction has at most {MAX_OPERATIONS} operations and compares here"


class KeyScope(Protocol):
    """What turns a caller's keys into etcd's, and back: see :mod:`etcd_asgi.namespace`."""

    def enter(self, rpc: str, message: Message) -> None:
        """Change a request in place."""
        ...

    def leave(self, rpc: str, message: Message) -> None:
        """Change an answer in place."""
        ...

    def session(self, rpc: str, message: Message) -> tuple[Any, Message] | None:
        """The lease that an entered request has to be given first."""
        ...


@dataclass(slots=True, kw_only=True)
class Passage:
    """The way of one request's messages to etcd, and of the answers back."""

    grant: Grant
    conn: HTTPConnection
    rpc: str
    authorize: Authorize | None
    namespace: KeyScope | None
    watching: Watching | None
    audit: Audit | None

    async def enter(self, message: Message) -> None:
        """Let a request message pass, changed in place to what etcd shall get.

        Raises:
            Denied: it may not pass.
            UpstreamError: etcd would refuse it, and is not asked.
        """
        if self._is_too_long(message):
            raise Denied(400, TOO_LONG)
        parts = list(_parts(self.rpc, message))
        for rpc, _ in parts:
            if rpc not in self.grant.rpcs:
                raise Denied(403, f"{rpc} is not granted")
        if (check := _CHECKS.get(self.rpc)) is not None:
            check(message)
        if self.grant.max_range_limit is not None:
            range_limits.apply(self.rpc, message, self.grant.max_range_limit)
        if self.authorize is not None:
            for rpc, part in parts:
                await self._ask(self.authorize, rpc, part)
        if self.watching is not None:
            self.watching.request(message)
        if self.namespace is not None:
            self.namespace.enter(self.rpc, message)

    def leave(self, message: Message) -> None:
        """Change an answer of etcd's in place to what the caller shall get."""
        if self.watching is not None:
            self.watching.answer(message)
        if self.namespace is not None:
            self.namespace.leave(self.rpc, message)

    def session(self, message: Message) -> tuple[Any, Message] | None:
        """The part of an entered request that wants a lease, and the request for that lease."""
        if self.namespace is not None:
            return self.namespace.session(self.rpc, message)
        holder = unleased(self.rpc, message)
        return None if holder is None else (holder, new_lease())

    def lease_refused(self, error: UpstreamError) -> UpstreamError:
        """Return the error of a call whose lease etcd refuses with *error*."""
        return as_of_lock(error) if self.namespace is None else error

    def told(self, error: UpstreamError) -> UpstreamError:
        """What the caller shall hear of etcd's *error*."""
        return error if self.namespace is None else with_code(error)

    def close(self) -> None:
        """The request has been answered."""
        if self.watching is not None:
            self.watching.close()

    def keys(self, message: Message) -> list[str]:
        """The keys that an audited request writes, before it enters."""
        if self.audit is None or self._is_too_long(message):
            return []
        parts = _parts(self.rpc, message)
        return [key for rpc, part in parts for key in written_keys(rpc, part)]

    def record(self, keys: list[str], code: int, answer: Any = None) -> None:
        """Tell the audit of a write and its outcome."""
        if self.audit is None or not is_write(self.rpc, keys):
            return
        header = getattr(answer, "header", None)
        some, more = named(keys)
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
        self.audit(record)

    @property
    def user(self) -> str:
        """The host's name for the caller."""
        return self.grant.user or _display_name(self.conn)

    def _is_too_long(self, message: Any) -> bool:
        """Whether a transaction is; counted before anything in it is looked at."""
        rest, count = [message] if self.rpc == "KV.Txn" else [], 0
        while rest:
            one = rest.pop()
            count += len(one.success) + len(one.failure) + len(one.compare)
            if count > MAX_OPERATIONS:
                return True
            for operations in (one.success, one.failure):
                rest += [part.request_txn for part in operations if part.HasField("request_txn")]
        return False

    async def _ask(self, authorize: Authorize, rpc: str, message: Message) -> None:
        answer = await ask(authorize, self.conn, rpc, message)
        if answer is False:
            raise Denied(403, f"{rpc} is not granted for this request")
        if answer is not None and answer is not True:
            raise TypeError(f"authorize returned {type(answer).__name__}, not None or a bool")


def _parts(rpc: str, message: Any) -> Iterator[tuple[str, Any]]:
    """A request, and the operations in it if it is a transaction, each with its RPC."""
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
    """What the user in the scope calls itself: Starlette's users and Django's have a name."""
    user = conn.scope.get("user")
    for name in ("display_name", "username"):
        with suppress(Exception):  # Starlette's own base class implements it by raising
            value = getattr(user, name, None)
            if isinstance(value, str):
                return value
    return ""
