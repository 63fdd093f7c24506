"""Large replies to JSON in slices, so that no second copy of the whole is ever in memory.

A parsed reply and the text that is made of it cost several times its size. Here the serialized form
is taken apart instead: of each long list some elements at a time, and of all other fields those
that stand together, are parsed, changed and written by themselves. What that gives, one after the
other, is byte for byte what the whole reply gives at once.

Rule 1: a part is parsed within the chain of messages that it stands in, so that the namespace sees
it where it belongs, and what is nested too deeply for protobuf's parser is found to be so.

Rule 2: where the wire form is not the one that serializers write (a singular field twice, two
members of a oneof, groups), or a change drops elements or adds fields, :class:`Unusual` is raised,
and the reply must be converted as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message

from etcd_asgi import proto
from etcd_asgi.codec import wire
from etcd_asgi.codec.encode import encoder
from etcd_asgi.codec.kinds import is_repeated
from etcd_asgi.codec.shown import Shown

SLICE_BYTES = 128 * 1024
"""Serialized bytes that are converted at a time. In base64, the JSON of a slice is 192 KiB."""

_MAX_LEVELS = 100
"""Messages in one another that protobuf's parser takes."""

_LISTS = frozenset(
    {FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_STRING}
)
"""Types whose lists are taken apart; the elements of others may share one value of the wire."""

Change = Callable[[Message], None]
"""Changes a reply in place, such as :meth:`etcd_asgi.namespace.Namespace.leave`."""


class Unusual(ValueError):
    """The reply cannot be converted in slices."""


class _Span(NamedTuple):
    """Part of the serialized reply."""

    start: int
    end: int
    alone: bool
    """It is one element of a list, longer than a slice."""


class _Step(NamedTuple):
    """One message on the way from the reply to a part."""

    field: FieldDescriptor
    tag: bytes


_Path = tuple[_Step, ...]


def convert(
    descriptor: Descriptor,
    reply: bytes,
    shown: Shown,
    change: Change | None = None,
    slice_bytes: int = SLICE_BYTES,
) -> Iterator[bytes]:
    """Convert a serialized reply to JSON, piece by piece.

    Args:
        descriptor: its type.
        reply: the serialized message.
        shown: the form of bytes in JSON.
        change: applied to each part, within an otherwise empty reply, before it is written.
        slice_bytes: serialized bytes of a list that are converted at a time, at least; an element
            that is longer is taken apart, if there are lists in it.

    Raises:
        Unusual: while iterating: what has been given until then is of no use.
    """
    try:
        yield from _Conversion(descriptor, reply, shown, change, slice_bytes).run()
    except (IndexError, ParseError, wire.Malformed) as error:
        raise Unusual(str(error)) from error


def with_header(descriptor: Descriptor, reply: bytes) -> Message:
    """Parse nothing but the header of a serialized reply; all other fields are unset.

    Serializers write it first.

    Raises:
        Malformed: the bytes are no such message.
    """
    header, part = descriptor.fields_by_name.get("header"), b""
    for number, start, _, end in wire.fields(reply):
        if header is None or number == header.number:
            part = reply[start:end]
            break
    return proto.message_class(descriptor).FromString(part)


class _Shape:
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
def _shape(descriptor: Descriptor) -> _Shape:
    return _Shape(descriptor)


def _has_lists(field: FieldDescriptor) -> bool:
    """Tell whether *field* holds messages that are taken apart, as there are lists in them."""
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


class _Conversion:
    """One reply being converted."""

    def __init__(
        self,
        descriptor: Descriptor,
        reply: bytes,
        shown: Shown,
        change: Change | None,
        slice_bytes: int,
    ) -> None:
        self._descriptor = descriptor
        self._reply = reply
        self._shown = shown
        self._change = change
        self._slice_bytes = slice_bytes
        self._parse = proto.message_class(descriptor).FromString

    def run(self) -> Iterator[bytes]:
        return self._message(self._descriptor, 0, len(self._reply), ())

    def _message(
        self, descriptor: Descriptor, start: int, end: int, path: _Path
    ) -> Iterator[bytes]:
        """Convert the message in ``reply[start:end]``."""
        if len(path) > _MAX_LEVELS:
            raise Unusual("nested too deeply")
        shape = _shape(descriptor)
        spans = self._spans(shape, start, end)
        if not spans and self._change is not None:
            self._changed(*self._part([], path), path)  # it may be dropped
        before = b"{"
        for member in self._members(shape, descriptor, spans, path):
            yield before
            yield from member
            before = b","
        yield b"}" if before == b"," else b"{}"

    def _members(
        self, shape: _Shape, descriptor: Descriptor, spans: dict[int, list[_Span]], path: _Path
    ) -> Iterator[Iterator[bytes]]:
        """Give the members of a JSON object, in the order of the definition."""
        together: list[FieldDescriptor] = []
        for field in shape.fields:
            if field.number not in spans:
                continue
            found = spans[field.number]
            if field.number in shape.lists:
                yield from self._plain(descriptor, together, spans, path)
                together = []
                yield self._list(descriptor, field, found, path)
            elif self._is_large_message(field, found):
                yield from self._plain(descriptor, together, spans, path)
                together = []
                yield self._large(field, found[0], path)
            else:
                together.append(field)
        yield from self._plain(descriptor, together, spans, path)

    def _is_large_message(self, field: FieldDescriptor, found: list[_Span]) -> bool:
        return _has_lists(field) and found[0].end - found[0].start > self._slice_bytes

    def _large(self, field: FieldDescriptor, span: _Span, path: _Path) -> Iterator[bytes]:
        """Convert a member that is one message."""
        yield b'"%b":' % field.name.encode()
        yield from self._inner(field, span, path)

    def _inner(self, field: FieldDescriptor, span: _Span, path: _Path) -> Iterator[bytes]:
        """Convert the message in *field*, tag and length of which stand first in *span*."""
        assert field.message_type is not None
        _, at = wire.read_varint(self._reply, span.start)
        _, content = wire.read_varint(self._reply, at)
        step = _Step(field, wire.tag(field.number, wire.DELIMITED))
        return self._message(field.message_type, content, span.end, (*path, step))

    def _list(
        self, descriptor: Descriptor, field: FieldDescriptor, spans: list[_Span], path: _Path
    ) -> Iterator[bytes]:
        """Convert a member that is a list."""
        name, has_lists = field.name.encode(), _has_lists(field)
        start, end = b'{"%b":[' % name, b"]}"
        before = b'"%b":[' % name
        for span in spans:
            yield before
            if span.alone and has_lists:
                yield from self._inner(field, span, path)
            else:
                text = self._elements(descriptor, field, span, path)
                if not (text.startswith(start) and text.endswith(end)):
                    raise Unusual(f"{field.full_name} is not alone in its part")
                yield text[len(start) : -len(end)]
            before = b","
        yield b"]"

    def _elements(
        self, descriptor: Descriptor, field: FieldDescriptor, span: _Span, path: _Path
    ) -> bytes:
        """Convert some elements of a list, to the JSON of a message that has no others."""
        whole, part = self._part([span], path)
        count = len(getattr(part, field.name))
        part = self._changed(whole, part, path)
        if len(getattr(part, field.name)) != count:
            raise Unusual(f"elements of {field.full_name} were dropped")
        return encoder(descriptor, self._shown)(part)

    def _plain(
        self,
        descriptor: Descriptor,
        fields: list[FieldDescriptor],
        spans: dict[int, list[_Span]],
        path: _Path,
    ) -> Iterator[Iterator[bytes]]:
        """Convert members that are written together."""
        if not fields:
            return
        found = sorted(span for field in fields for span in spans[field.number])
        part = self._changed(*self._part(found, path), path)
        numbers = {field.number for field in fields}
        if any(field.number not in numbers for field, _ in part.ListFields()):
            raise Unusual(f"{descriptor.full_name} got fields that it had not")
        if text := encoder(descriptor, self._shown)(part)[1:-1]:
            yield iter((text,))

    def _part(self, spans: list[_Span], path: _Path) -> tuple[Message, Message]:
        """Parse some fields in *spans*, within the messages of *path*; give the reply and them."""
        pieces = [self._reply[span.start : span.end] for span in spans]
        size = sum(map(len, pieces))
        heads = []
        for step in reversed(path):
            heads.append(step.tag + wire.varint(size))
            size += len(heads[-1])
        whole = self._parse(b"".join([*reversed(heads), *pieces]))
        return whole, _at(path, whole)

    def _changed(self, whole: Message, part: Message, path: _Path) -> Message:
        if self._change is None:
            return part
        self._change(whole)
        return _at(path, whole)

    def _spans(self, shape: _Shape, start: int, end: int) -> dict[int, list[_Span]]:
        """Find where the fields of the message in ``reply[start:end]`` are."""
        spans: dict[int, list[_Span]] = {}
        one_byte = {tag[0]: number for number, tag in shape.lists.items() if len(tag) == 1}
        at, reply = start, self._reply
        while at < end:
            number = one_byte.get(reply[at])
            if number is not None:
                found = spans.setdefault(number, [])
                at = _run(reply, at, end, self._slice_bytes, found)
                continue
            number, begin, content, at = next(wire.fields(reply, at, end))
            if number not in shape.by_number:
                continue
            if content is None and number in shape.delimited:
                raise Unusual("a message has no length")
            alone = number in shape.lists and at - begin > self._slice_bytes
            spans.setdefault(number, []).append(_Span(begin, at, alone))
        _refuse_unusual(shape, spans)
        return spans


def _refuse_unusual(shape: _Shape, spans: dict[int, list[_Span]]) -> None:
    """Refuse what a parser merges, or lets the last of count.

    Raises:
        Unusual: there is such a thing.
    """
    if any(len(found) > 1 for number, found in spans.items() if number in shape.singular):
        raise Unusual("a singular field is there twice")
    members = [shape.oneofs[number] for number in spans if number in shape.oneofs]
    if len(members) != len(set(members)):
        raise Unusual("a oneof has two members")


def _run(reply: bytes, at: int, end: int, slice_bytes: int, spans: list[_Span]) -> int:
    """Add the spans of list elements that stand one behind the other; give the end of the last.

    There may be millions of them, and few spans: this loop is what taking a reply apart costs.
    """
    tag, start = reply[at], at
    while at < end and reply[at] == tag:
        begin, low = at, reply[at + 1]
        if low < wire.MORE:
            at += 2 + low
        elif (high := reply[at + 2]) < wire.MORE:
            at += 3 + (low & 0x7F | high << 7)
        else:
            length, content = wire.read_varint(reply, at + 1)
            at = content + length
        if at - begin > slice_bytes:
            if begin > start:
                spans.append(_Span(start, begin, alone=False))
            spans.append(_Span(begin, at, alone=True))
            start = at
        elif at - start >= slice_bytes:
            spans.append(_Span(start, at, alone=False))
            start = at
    if at > end:
        raise wire.Malformed("no protobuf message: an element is cut off")
    if at > start:
        spans.append(_Span(start, at, alone=False))
    return at


def _at(path: _Path, message: Any) -> Message:
    """The message at the end of *path*, on which there may be nothing else.

    Raises:
        Unusual: there is.
    """
    for step in path:
        present = message.ListFields()
        if len(present) != 1 or present[0][0].number != step.field.number:
            raise Unusual("a part is not alone in its message")
        message = present[0][1]
        if is_repeated(step.field):
            if len(message) != 1:
                raise Unusual("a part is not alone in its list")
            message = message[0]
    found: Message = message
    return found
