"""Properties of field descriptors that the codec needs."""

from __future__ import annotations

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

INT64 = frozenset({FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64})
"""Types that JSON carries as strings."""


def is_repeated(field: FieldDescriptor) -> bool:
    """Check whether *field* is a list.

    Its default shows it, as the properties of descriptors that do changed from protobuf 4 to 7.
    """
    return isinstance(field.default_value, list)


def member_names(enum: EnumDescriptor) -> dict[int, str]:
    """Return the names of *enum*'s values by number."""
    return {value.number: value.name for value in enum.values}
