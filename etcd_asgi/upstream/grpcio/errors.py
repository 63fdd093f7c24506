"""The translation of gRPC's errors, which the texts of its library's releases decide.

gRPC's exception has frames in its traceback, which hold the call, which holds the connection. So
its words are taken over, and it is dropped: our errors may be kept for as long as anybody likes.
"""

from __future__ import annotations

import re

from grpc.aio import AioRpcError

from etcd_asgi.errors import too_long
from etcd_asgi.etcd.error_texts import CANCELLED, DEADLINE
from etcd_asgi.status import Code
from etcd_asgi.upstream.transport import TransportError

_FROM_ETCD = "etcdserver:"
"""Beginning of etcd's own errors: it has replied, with any code."""

_OVER: dict[int, str] = {Code.DEADLINE_EXCEEDED: DEADLINE, Code.CANCELLED: CANCELLED}

_NOT_SENT = (
    # No connection to any address.
    "failed to connect to all addresses",
    "connections to all backends failing",
    "Failed to pick subchannel",
    "Failed to create subchannel",
    # A name without an address.
    "errors resolving ",
    "DNS resolution failed",
    "C-ares status is not ARES_SUCCESS",
    "Domain name not found",
    "Name or service not known",
    "Resolver transient failure",
    "empty address list",
    "address list must not be empty",
    "no addresses",
)
"""Texts by which the releases of gRPC's library say that a call found no connection, so that etcd
knows nothing of it.

Source: grpc src/core/load_balancing/pick_first and round_robin; src/core/resolver/dns and, before
1.60, src/core/ext/filters/client_channel/resolver/dns; client_channel.cc.
"""

_TOO_LONG = re.compile(r"Received message larger than max \((\d+) vs\. (\d+)\)")
"""Text by which gRPC says on this side that a message is longer than the limit. etcd's own words
for a request that is too long begin with a small letter.

Source: grpc src/core/ext/filters/message_size/message_size_filter.cc, from 1.49 on; grpc-go
rpc_util.go, recvMsg.
"""

_FROM_PEER = "Error received from peer"
"""In the library's details of an error that the other side has sent.

Source: grpc src/core/lib/surface/call.cc.
"""


def transport_error(error: AioRpcError) -> TransportError:
    """Return *error* in our words. The library has several for a deadline that is over, etcd one.

    That a call was not sent is only certain if it found no connection, and nobody beyond says so.
    """
    code, text = error.code().value[0], error.details() or ""
    if text.startswith(_FROM_ETCD):
        return TransportError(code, text)
    if code == Code.UNAVAILABLE:
        is_from_peer = _FROM_PEER in (error.debug_error_string() or "")
        sent = is_from_peer or not text.startswith(_NOT_SENT)
        return TransportError(code, text, sent=sent, unreachable=True, local=True)
    if code == Code.RESOURCE_EXHAUSTED and (found := _TOO_LONG.search(text)):
        return TransportError(code, too_long(int(found[1]), int(found[2])).message, local=True)
    if code in _OVER:
        return TransportError(code, _OVER[code], local=True)
    return TransportError(code, text)
