"""A gRPC channel as a connection to one target."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio

from etcd_asgi.metadata import Metadata
from etcd_asgi.upstream.grpcio.call_metadata import CallMetadata
from etcd_asgi.upstream.grpcio.intercepted_call import InterceptedCall, notes_calls
from etcd_asgi.upstream.grpcio.operation import Operation
from etcd_asgi.upstream.grpcio.stream import GrpcStream

_LOOK_TIME = 0.03
"""Seconds between two looks at a channel that calls wait for."""

Begin = Callable[..., Any]
"""Function that begins calls of one RPC."""


class GrpcConnection:
    """Connection over a gRPC channel: see :class:`~etcd_asgi.upstream.transport.Connection`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._begins: dict[str, Begin] = {}

    def unary(
        self, rpc: str, request: bytes, metadata: Metadata, timeout: float | None
    ) -> Operation:
        """Begin a call with one message each way."""
        try:
            begin = self._begins[rpc]
        except KeyError:
            begin = self._begins[rpc] = _unary(self._channel, rpc)
        call = begin(request, timeout=timeout, metadata=CallMetadata(metadata))
        return Operation(call, call)

    def stream(
        self, rpc: str, request: bytes | None, metadata: Metadata, timeout: float | None
    ) -> GrpcStream:
        """Begin a call with many messages down, and one or many up."""
        begin: Begin
        if request is None:
            begin = self._channel.stream_stream(rpc)
        else:
            many: Begin = self._channel.unary_stream(rpc)
            begin = partial(many, request)
        return GrpcStream(begin(timeout=timeout, metadata=CallMetadata(metadata)))

    async def connect(self) -> bool:
        """Wait until there is a connection; false when an attempt has failed.

        gRPC could report it, but cannot be made to stop: a report to a loop that has ended
        meanwhile becomes an error on another.
        """
        states = grpc.ChannelConnectivity
        while True:
            state = self._channel.get_state(try_to_connect=True)
            if state is states.READY:
                return True
            await asyncio.sleep(_LOOK_TIME)
            if state is states.TRANSIENT_FAILURE:
                return False

    async def close(self) -> None:
        """Close the channel; calls under way end."""
        await self._channel.close()


def _unary(channel: grpc.aio.Channel, rpc: str) -> Begin:
    begin: Begin = channel.unary_unary(rpc)
    if not getattr(begin, "_interceptors", None):
        return begin
    return partial(InterceptedCall, channel.unary_unary(rpc, request_serializer=notes_calls))
