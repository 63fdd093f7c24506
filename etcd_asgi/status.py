"""gRPC status codes and the HTTP statuses that stand for them.

Source: grpc-gateway runtime/errors.go, HTTPStatusFromCode, at the versions that etcd 3.3
(1.3), 3.4 and 3.5 (1.9 to 1.16) and 3.6 and 3.7 (2.x) pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Code(IntEnum):
    """gRPC status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


StatusMap = Mapping[int, int]
"""HTTP status by gRPC code; a code that is absent is 500."""

V2: StatusMap = MappingProxyType(
    {
        Code.OK: 200,
        Code.CANCELLED: 499,
        Code.UNKNOWN: 500,
        Code.INVALID_ARGUMENT: 400,
        Code.DEADLINE_EXCEEDED: 504,
        Code.NOT_FOUND: 404,
        Code.ALREADY_EXISTS: 409,
        Code.PERMISSION_DENIED: 403,
        Code.RESOURCE_EXHAUSTED: 429,
        Code.FAILED_PRECONDITION: 400,
        Code.ABORTED: 409,
        Code.OUT_OF_RANGE: 400,
        Code.UNIMPLEMENTED: 501,
        Code.INTERNAL: 500,
        Code.UNAVAILABLE: 503,
        Code.DATA_LOSS: 500,
        Code.UNAUTHENTICATED: 401,
    }
)
"""grpc-gateway 2: etcd 3.6 and 3.7."""

V1: StatusMap = MappingProxyType({**V2, Code.CANCELLED: 408})
"""grpc-gateway 1.9 to 1.16: etcd 3.4 and 3.5."""

V1_3: StatusMap = MappingProxyType(
    {
        **V1,
        Code.DEADLINE_EXCEEDED: 408,
        Code.RESOURCE_EXHAUSTED: 403,
        Code.FAILED_PRECONDITION: 412,
    }
)
"""grpc-gateway 1.3: etcd 3.3."""


def http_status(statuses: StatusMap, code: int) -> int:
    """Return the HTTP status of a gRPC *code*; 500 for a code that gRPC does not define."""
    return statuses.get(code, 500)
