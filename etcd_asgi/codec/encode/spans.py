"""The places of the fields of a serialized message, and of the elements of its lists.

Where the wire form is not the one that serializers write (a singular field twice, two members of a
oneof, groups), :class:`Unusual` is raised: a parser would merge such fields.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi.codec import wire
from etcd_asgi.codec.descriptors import is_repeated

_LISTS = frozenset(
    {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_STRING}
)
"""Types of lists that are taken apart; the elements of others may share one value of the wire."""


class Unusual(ValueError):
    """The reply cannot be converted in slices."""


class Span(NamedTuple):
    """Part of a serialized message."""

    start: int
    end: int
    alone: bool
    """It is one element of a list, longer than a slice."""


class Shape:
    """The fields of a message type, as they are taken apart."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.fields = tuple(descriptor.fields)
        self.by_number = {field.number: field for field in self.fields}
        self.lists = {
            field.number: wire.tag(field.number, wire.DELIMITED)
            for field in self.fields
            if is_repeated(field) and field.type in _LISTS
        }
        """Tags of lists that are taken apart, by number."""

        messages = (f.number for f in self.fields if f.type == FieldDescriptor.TYPE_MESSAGE)
        self.delimited = frozenset({*self.lists, *messages})
        self.singular = frozenset(field.number for field in self.fields if not is_repeated(field))
        self.oneofs = {
            field.number: field.containing_oneof.name
            for field in self.fields
            if field.containing_oneof is not None
        }


@cache
def shape_of(descriptor: Descriptor) -> Shape:
    """Return the shape of a message type."""
    return Shape(descriptor)


def has_lists(field: FieldDescriptor) -> bool:
    """Check whether *field* holds messages that are taken apart, as there are lists in them."""
    return field.message_type is not None and _holds_lists(field.message_type)


@cache
def _holds_lists(descriptor: Descriptor) -> bool:
    seen = {descriptor.full_name}
    rest = [descriptor]
    while rest:
        for field in rest.pop().fields:
            if is_repeated(field) and field.type in _LISTS:
                return True
            inner = field.message_type
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                rest.append(inner)
    return False


def find(
    shape: Shape, data: bytes, start: int, end: int, slice_bytes: int
) -> dict[int, list[Span]]:
    """Find the fields of the message in ``data[start:end]``, by number.

    Args:
        shape: of the message's type.
        data: what the message is in.
        start: of the message.
        end: of the message.
        slice_bytes: elements of a list that stand together are one span of so many bytes at least;
            one that is longer is a span of its own.

    Raises:
        Unusual: the message is not as serializers write it.
        Malformed: it is no message.
    """
    spans: dict[int, list[Span]] = {}
    one_byte = {tag[0]: number for number, tag in shape.lists.items() if len(tag) == 1}
    at = start
    while at < end:
        number = one_byte.get(data[at])
        if number is not None:
            found = spans.setdefault(number, [])
            at = _run(data, at, end, slice_bytes, found)
            continue
        number, begin, content, at = next(wire.fields(data, at, end))
        if number not in shape.by_number:
            continue
        if content is None and number in shape.delimited:
            raise Unusual("a message has no length")
        alone = number in shape.lists and at - begin > slice_bytes
        spans.setdefault(number, []).append(Span(begin, at, alone))
    _refuse_unusual(shape, spans)
    return spans


def _refuse_unusual(shape: Shape, spans: dict[int, list[Span]]) -> None:
    """Refuse fields that a parser merges, or of which it lets the last count.

    Raises:
        Unusual: there is such a thing.
    """
    if any(len(found) > 1 for number, found in spans.items() if number in shape.singular):
        raise Unusual("a singular field is there twice")
    members = [shape.oneofs[number] for number in spans if number in shape.oneofs]
    if len(members) != len(set(members)):
        raise Unusual("a oneof has two members")


def _run(data: bytes, at: int, end: int, slice_bytes: int, spans: list[Span]) -> int:
    """Add the spans of list elements that stand one behind the other; give the end of the last.

    There may be millions of them, and few spans: this loop is what taking data apart costs.
    """
    tag, start = data[at], at
    while at < end and data[at] == tag:
        begin, low = at, data[at + 1]
        if low < wire.MORE:
            at += 2 + low
        elif (high := data[at + 2]) < wire.MORE:
            at += 3 + (low & 0x7F | high << 7)
        else:
            length, content = wire.read_varint(data, at + 1)
            at = content + length
        if at - begin > slice_bytes:
            if begin > start:
                spans.append(Span(start, begin, alone=False))
            spans.append(Span(begin, at, alone=True))
            start = at
        elif at - start >= slice_bytes:
            spans.append(Span(start, at, alone=False))
            start = at
    if at > end:
        raise wire.Malformed("no protobuf message: an element is cut off")
    if at > start:
        spans.append(Span(start, at, alone=False))
    return at
