"""A small etcd: keys, leases on them, ranges and transactions, in memory."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.unit.namespace.messages import new

_VALUE, _LEASE = 3, 4
_RESULTS: dict[int, Callable[[Any, Any], bool]] = {
    0: operator.eq,
    1: operator.gt,
    2: operator.lt,
    3: operator.ne,
}
_TARGETS = ["version", "create_revision", "mod_revision", "value", "lease"]


class Refused(Exception):
    """What etcd would answer with an error."""


def selected(keys: Iterable[bytes], key: bytes, range_end: bytes) -> list[bytes]:
    """The keys that an interval holds, in order."""
    if not range_end:
        return [one for one in keys if one == key]
    unbounded = range_end == b"\0"
    return sorted(one for one in keys if key <= one and (unbounded or one < range_end))


@dataclass(slots=True)
class Store:
    """The state; :meth:`do` gives a message for a message."""

    pairs: dict[bytes, Any] = field(default_factory=dict)
    leases: set[int] = field(default_factory=set)
    revision: int = 1

    def do(self, request: Any) -> Any:
        """Carry out *request*, or change nothing.

        Raises:
            Refused: etcd would refuse it.
        """
        pairs, revision = dict(self.pairs), self.revision
        try:
            return self._do(request)
        except Refused:
            self.pairs, self.revision = pairs, revision
            raise

    def _do(self, request: Any) -> Any:
        match request.DESCRIPTOR.name:
            case "RangeRequest":
                return self._range(request)
            case "PutRequest":
                return self._put(request)
            case "DeleteRangeRequest":
                return self._delete(request)
        return self._txn(request)

    def _found(self, request: Any) -> list[Any]:
        if not request.key:
            raise Refused("etcdserver: key is not provided")
        return [self.pairs[key] for key in selected(self.pairs, request.key, request.range_end)]

    def _range(self, request: Any) -> Any:
        found = self._found(request)
        shown = found[: request.limit] if request.limit > 0 else found
        return new("RangeResponse", kvs=shown, count=len(found), more=len(shown) < len(found))

    def _put(self, request: Any) -> Any:
        if not request.key:
            raise Refused("etcdserver: key is not provided")
        previous = self.pairs.get(request.key)
        if request.lease and request.lease not in self.leases:
            raise Refused("etcdserver: requested lease not found")
        self.revision += 1
        self.pairs[request.key] = new(
            "mvccpb.KeyValue",
            key=request.key,
            value=request.value,
            lease=request.lease,
            version=previous.version + 1 if previous else 1,
            create_revision=previous.create_revision if previous else self.revision,
            mod_revision=self.revision,
        )
        return new("PutResponse", prev_kv=previous if request.prev_kv else None)

    def _delete(self, request: Any) -> Any:
        found = self._found(request)
        for pair in found:
            del self.pairs[pair.key]
        self.revision += bool(found)
        shown = found if request.prev_kv else []
        return new("DeleteRangeResponse", deleted=len(found), prev_kvs=shown)

    def _txn(self, request: Any) -> Any:
        _check(request)
        holds = all(self._compares(compare) for compare in request.compare)
        answer = new("TxnResponse", succeeded=holds)
        for operation in request.success if holds else request.failure:
            kind = operation.WhichOneof("request")
            done = self._do(getattr(operation, kind))
            getattr(answer.responses.add(), kind.replace("request", "response")).CopyFrom(done)
        return answer

    def _compares(self, compare: Any) -> bool:
        found = self._found(compare)
        if not found and compare.target == _VALUE:
            return False
        name = _TARGETS[compare.target]
        wanted = getattr(compare, name)
        result = _RESULTS[compare.result]
        return all(
            result(getattr(pair, name), wanted) for pair in found or [new("mvccpb.KeyValue")]
        )


def _check(txn: Any) -> None:
    """What etcd checks of a whole transaction before it does any of it."""
    for compare in txn.compare:
        if not compare.key:
            raise Refused("etcdserver: key is not provided")
    for operation in (*txn.success, *txn.failure):
        kind = operation.WhichOneof("request")
        if kind is None:
            raise Refused("etcdserver: key not found")
        part = getattr(operation, kind)
        if kind == "request_txn":
            _check(part)
        elif not part.key:
            raise Refused("etcdserver: key is not provided")
