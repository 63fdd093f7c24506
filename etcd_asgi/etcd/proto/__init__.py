"""etcd's messages and services, in a descriptor pool of our own.

A host process may load another etcd client whose generated modules register the same file and
message names. The default pool of protobuf refuses the second registration, so ours never go
there. No generated module is shipped either: a descriptor set works with every protobuf runtime.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

SERVICES = (
    "etcdserverpb.KV",
    "etcdserverpb.Watch",
    "etcdserverpb.Lease",
    "etcdserverpb.Cluster",
    "etcdserverpb.Maintenance",
    "etcdserverpb.Auth",
    "v3lockpb.Lock",
    "v3electionpb.Election",
)
"""Full names of the services that etcd's JSON API covers."""


@cache
def pool() -> DescriptorPool:
    """Return the private pool, filled from the shipped descriptor set at first use."""
    filled = DescriptorPool()
    for module in (descriptor_pb2, http_pb2, annotations_pb2):
        filled.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    shipped = files(__name__).joinpath("etcd.binpb").read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(shipped).file:
        filled.AddSerializedFile(file.SerializeToString())
    return filled


def service(full_name: str) -> ServiceDescriptor:
    """Find the descriptor of a service, such as ``etcdserverpb.KV``.

    Raises:
        KeyError: there is no such service.
    """
    return pool().FindServiceByName(full_name)


def message_type(full_name: str) -> Descriptor:
    """Find the descriptor of a message, such as ``etcdserverpb.RangeRequest``.

    Raises:
        KeyError: there is no such message.
    """
    return pool().FindMessageTypeByName(full_name)


def message_class(descriptor: Descriptor) -> type[Message]:
    """Return the Python class of a message of the private pool."""
    return _classes()[descriptor.full_name]


@cache
def _classes() -> dict[str, type[Message]]:
    """Make all classes, by name: protobuf before 4.25 crashes when one in use is freed."""
    messages: dict[str, Descriptor] = {}
    for name in SERVICES:
        for method in service(name).methods:
            _collect(method.input_type, messages)
            _collect(method.output_type, messages)
    return {name: GetMessageClass(descriptor) for name, descriptor in messages.items()}


def _collect(descriptor: Descriptor, into: dict[str, Descriptor]) -> None:
    """Add *descriptor* and all message types it contains."""
    if descriptor.full_name in into:
        return
    into[descriptor.full_name] = descriptor
    for field in descriptor.fields:
        if field.message_type is not None:
            _collect(field.message_type, into)
