"""The gateway's route table, read from the ``google.api.http`` options of our descriptors.

etcd's paths are static and its bodies are whole messages, so routing is one look-up in a dict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from etcd_asgi.etcd import proto

SERVED = "/v3"
"""The prefix that the paths of our descriptors begin with."""


class Kind(Enum):
    """Kinds of RPCs, by the messages each way. No RPC of etcd streams from the client alone."""

    UNARY = "unary"
    SERVER_STREAM = "server stream"
    BIDI = "bidi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One row of the table: an HTTP path and the RPC behind it."""

    path: str
    """Without the version prefix: ``/kv/range``."""

    rpc: str
    """Full gRPC name: ``/etcdserverpb.KV/Range``."""

    name: str
    """Short name, as RPC sets and logs have it: ``KV.Range``."""

    kind: Kind
    request: Descriptor
    response: Descriptor


@cache
def bindings() -> tuple[Binding, ...]:
    """Return all bindings of etcd's JSON API, the additional ones included."""
    return tuple(
        _binding(method, path)
        for name in proto.SERVICES
        for method in proto.service(name).methods
        for path in _paths(method)
    )


def _binding(method: MethodDescriptor, path: str) -> Binding:
    return Binding(
        path=path.removeprefix(SERVED),
        rpc=f"/{method.containing_service.full_name}/{method.name}",
        name=f"{method.containing_service.name}.{method.name}",
        kind=_kind(method),
        request=method.input_type,
        response=method.output_type,
    )


def _paths(method: MethodDescriptor) -> Iterator[str]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    for one in (rule, *rule.additional_bindings):
        if one.post:
            yield one.post


def _kind(method: MethodDescriptor) -> Kind:
    name = f"{method.containing_service.full_name}.{method.name}"
    is_client_streaming, is_server_streaming = _streaming(method.containing_service.file)[name]
    if is_client_streaming:
        return Kind.BIDI
    return Kind.SERVER_STREAM if is_server_streaming else Kind.UNARY


@cache
def _streaming(file: FileDescriptor) -> dict[str, tuple[bool, bool]]:
    """Return, for each RPC of *file*, true or false for a stream of the client, and of the server.

    Only the file's serialized form has them in every release and implementation of protobuf: a
    method's descriptor has them since 4.23, and the pure-Python one cannot be copied to a message.
    """
    definition = FileDescriptorProto.FromString(file.serialized_pb)
    return {
        f"{definition.package}.{service.name}.{method.name}": (
            method.client_streaming,
            method.server_streaming,
        )
        for service in definition.service
        for method in service.method
    }
