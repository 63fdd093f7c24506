"""A trampoline: messages, and messages within them, are filled from JSON without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from google.protobuf.message import Message

from etcd_asgi.codec.decode.go.fields import Field, FieldsOf, Scalar
from etcd_asgi.codec.decode.go.json_syntax import Value
from etcd_asgi.codec.decode.go.json_walk import Span, elements
from etcd_asgi.errors import DecodeError

Reading: TypeAlias = "Iterator[Reading]"
"""Fills one message; yields a reading for each message within, to be finished before it goes on."""


def run(reading: Reading, max_depth: int) -> None:
    """Run *reading* and all that it yields, in order.

    Raises:
        DecodeError: messages are nested more than *max_depth* deep, or what a reading raises.
    """
    stack = [reading]
    while stack:
        if len(stack) > max_depth:
            raise DecodeError(f"request is nested more than {max_depth} messages deep")
        inner = next(stack[-1], None)
        if inner is None:
            stack.pop()
        else:
            stack.append(inner)


def fill_messages(
    read: Callable[[Value, Message, Span, FieldsOf], Reading],
    value: Value,
    message: Message,
    field: Field,
    span: Span,
    fields_of: FieldsOf,
) -> Reading:
    """Fill a field of messages by *read*, from the object or array at *span*."""
    child = getattr(message, field.name)
    if field.repeated:
        for element in elements(value, span[0]):
            yield read(value, child.add(), element, fields_of)
    else:
        child.SetInParent()
        yield read(value, child, span, fields_of)


def fill_scalars(
    read: Callable[[Value, Field, Span], Scalar | None],
    value: Value,
    message: Message,
    field: Field,
    span: Span,
) -> None:
    """Fill a field of scalars by *read*, from the value or array at *span*; None is no value."""
    if field.repeated:
        scalars = [read(value, field, element) for element in elements(value, span[0])]
        getattr(message, field.name).extend([one for one in scalars if one is not None])
    elif (scalar := read(value, field, span)) is not None:
        setattr(message, field.name, scalar)
