"""The metadata of a call, as gRPC and the interceptors of the host take it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import grpc.aio

from etcd_asgi.metadata import Metadata

_Key = str
_Value = str | bytes


class CallMetadata(grpc.aio.Metadata):
    """Metadata that fills its dictionary of lists when somebody asks for more than the pairs.

    gRPC itself only iterates. Filling a ``Metadata`` for that would cost a small call more than its
    JSON does. Everything else that a ``Metadata`` can do is inherited, reads ``_metadata``, and
    works as usual: interceptors look keys up, add, replace and delete them.

    Args:
        pairs: what to send. They are not changed: the same list may be sent again.

    Source: grpc src/python/grpcio/grpc/aio/_metadata.py, Metadata.
    """

    __slots__ = ("_filled", "_pairs")

    def __init__(self, pairs: Metadata) -> None:
        self._pairs: Metadata | None = pairs

    @property
    def _metadata(self) -> OrderedDict[_Key, list[_Value]]:
        """Return the dictionary of the base class, filled at its first use."""
        pairs = self._pairs
        if pairs is not None:
            filled: OrderedDict[_Key, list[_Value]] = OrderedDict()
            for key, value in pairs:
                filled.setdefault(key, []).append(value)
            self._metadata = filled
        return self._filled

    @_metadata.setter
    def _metadata(self, filled: OrderedDict[_Key, list[_Value]]) -> None:
        self._filled = filled
        self._pairs = None

    def __iter__(self) -> Iterator[tuple[_Key, _Value]]:
        return super().__iter__() if self._pairs is None else iter(self._pairs)

    def __len__(self) -> int:
        return super().__len__() if self._pairs is None else len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return bool(self._plain() == other)

    __hash__ = None  # type: ignore[assignment]  # as the base class has it

    def __add__(self, other: Any) -> grpc.aio.Metadata:
        return self._plain() + (other._plain() if isinstance(other, CallMetadata) else other)

    def __repr__(self) -> str:
        return repr(self._plain())

    def __reduce__(self) -> tuple[type[grpc.aio.Metadata], tuple[tuple[_Key, _Value], ...]]:
        return grpc.aio.Metadata, tuple(self._plain())

    def _plain(self) -> grpc.aio.Metadata:
        """Return a ``Metadata`` of its own with the same content."""
        return grpc.aio.Metadata(*self)
