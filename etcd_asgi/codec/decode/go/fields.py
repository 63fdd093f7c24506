"""The fields of a message type as the exact decoders use them, gathered once per type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from etcd_asgi.codec.descriptors import is_repeated

Scalar: TypeAlias = str | bytes | bool | int
"""The value of a field that is no message; an enum's is its number."""

_KINDS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_ENUM: "enum",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_MESSAGE: "message",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}
"""Kinds of field by the names that protobuf-go prints. etcd's requests need no others."""


TEXT = "text"
"""The kind of a bytes field in text mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a message."""

    name: str
    """As the .proto file has it: ``range_end``."""

    json_name: str
    """In lowerCamelCase: ``rangeEnd``."""

    kind: str
    """As protobuf-go prints it; for bytes in text mode, :data:`TEXT`."""

    repeated: bool
    message: Descriptor | None
    """The type of a message field."""

    oneof: str
    """Full name of the oneof that the field belongs to, or nothing."""

    enum: str
    """Full name of the enum type, or nothing."""

    numbers: Mapping[str, int] = field(repr=False)
    """The enum's values by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """All fields of a message."""

    ordered: tuple[Field, ...]
    """In the order of the definition."""

    by_name: Mapping[str, Field]
    """By both spellings; where they collide, by lowerCamelCase."""


@cache
def fields_of(descriptor: Descriptor) -> Fields:
    """Return the fields of a message.

    Raises:
        KeyError: a field is of a kind that no request of etcd has, such as ``double`` or a map.
    """
    ordered = tuple(_field(one) for one in descriptor.fields)
    by_name = {one.name: one for one in ordered} | {one.json_name: one for one in ordered}
    return Fields(ordered=ordered, by_name=by_name)


FieldsOf = Callable[[Any], Fields]
"""From a message's descriptor to its fields, in one of the two modes."""


@cache
def text_fields_of(descriptor: Descriptor) -> Fields:
    """Return the fields of a message in text mode: see :func:`fields_of`."""
    fields = fields_of(descriptor)
    as_text = {
        one.name: replace(one, kind=TEXT) if one.kind == "bytes" else one for one in fields.ordered
    }
    return Fields(
        ordered=tuple(as_text.values()),
        by_name={name: as_text[one.name] for name, one in fields.by_name.items()},
    )


def _field(one: FieldDescriptor) -> Field:
    message: Descriptor | None = one.message_type
    if message is not None and message.GetOptions().map_entry:
        raise KeyError(f"{one.full_name} is a map")
    enum: EnumDescriptor | None = one.enum_type
    return Field(
        name=one.name,
        json_name=one.json_name,
        kind=_KINDS[one.type],
        repeated=is_repeated(one),
        message=message,
        oneof=one.containing_oneof.full_name if one.containing_oneof else "",
        enum=enum.full_name if enum else "",
        numbers={value.name: value.number for value in enum.values} if enum else {},
    )
