"""Messages of etcd's, by their names."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format

from etcd_asgi.calls.bindings import Binding, bindings
from etcd_asgi.etcd import proto

BY_NAME: dict[str, Binding] = {binding.name: binding for binding in bindings()}


def new(name: str, /, **fields: Any) -> Any:
    """A message of ``etcdserverpb``, or of another package where *name* has it."""
    full_name = name if "." in name else f"etcdserverpb.{name}"
    return proto.message_class(proto.message_type(full_name))(**fields)


def request(rpc: str, **fields: Any) -> Any:
    """The request of *rpc*."""
    return proto.message_class(BY_NAME[rpc].request)(**fields)


def answer(rpc: str, **fields: Any) -> Any:
    """The answer of *rpc*."""
    return proto.message_class(BY_NAME[rpc].response)(**fields)


def copy(message: Any) -> Any:
    """The same again."""
    again = type(message)()
    again.CopyFrom(message)
    return again


def shown(message: Any) -> str:
    """For the message of a failure."""
    return text_format.MessageToString(message)
