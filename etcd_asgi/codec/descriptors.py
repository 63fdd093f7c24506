"""What the codec asks of field descriptors."""

from __future__ import annotations

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

INT64 = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64})
"""Types that JSON carries as strings."""


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether *field* is a list.

    Asked of the field's default, as the ways to ask a descriptor changed between protobuf 4 and 7.
    """
    return isinstance(field.default_value, list)


def member_names(enum: EnumDescriptor) -> dict[int, str]:
    """Names of *enum*'s values by number."""
    return {value.number: value.name for value in enum.values}
