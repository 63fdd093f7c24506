"""Large replies to JSON in slices, so that no second copy of the whole is ever in memory.

A parsed reply and the text that is made of it cost several times its size. Here the serialized form
is taken apart instead: of each long list some elements at a time, and of all other fields those
that stand together, are parsed, changed and written by themselves. What that gives, one after the
other, is byte for byte what the whole reply gives at once.

Rule 1: a part is parsed within the chain of messages that it stands in, so that the namespace sees
it where it belongs, and what is nested too deeply for protobuf's parser is found to be so.

Rule 2: where the wire form is not the one that serializers write (see
:mod:`etcd_asgi.codec.encode.spans`), or a change drops elements or adds fields, :class:`Unusual` is
raised, and the reply must be converted as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message

from etcd_asgi.codec import wire
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.codec.encode.bytes_format import BytesFormat
from etcd_asgi.codec.encode.spans import Shape, Span, Unusual, find, has_lists, shape_of
from etcd_asgi.codec.encode.writer import encoder
from etcd_asgi.etcd import proto

SLICE_BYTES = 128 * 1024
"""Serialized bytes that are converted at a time. In base64, the JSON of a slice is 192 KiB."""

_MAX_LEVELS = 100
"""Messages in one another that protobuf's parser takes."""

Change = Callable[[Message], None]
"""Changes a reply in place, such as :meth:`etcd_asgi.namespace.Namespace.leave`."""


class _Step(NamedTuple):
    """One message on the way from the reply to a part."""

    field: FieldDescriptor
    tag: bytes


_Path = tuple[_Step, ...]


def convert(
    descriptor: Descriptor,
    reply: bytes,
    form: BytesFormat,
    change: Change | None = None,
    slice_bytes: int = SLICE_BYTES,
) -> Iterator[bytes]:
    """Convert a serialized reply to JSON, slice by slice.

    Args:
        descriptor: its type.
        reply: the serialized message.
        form: the form of bytes in JSON.
        change: applied to each part, within an otherwise empty reply, before it is written.
        slice_bytes: serialized bytes of a list that are converted at a time, at least; an element
            that is longer is taken apart, if there are lists in it.

    Raises:
        Unusual: while iterating: what has been given until then is of no use.
    """
    try:
        yield from _Conversion(descriptor, reply, form, change, slice_bytes).run()
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


class _Conversion:
    """One reply being converted."""

    def __init__(
        self,
        descriptor: Descriptor,
        reply: bytes,
        form: BytesFormat,
        change: Change | None,
        slice_bytes: int,
    ) -> None:
        self._descriptor = descriptor
        self._reply = reply
        self._form = form
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
        shape = shape_of(descriptor)
        spans = find(shape, self._reply, start, end, self._slice_bytes)
        if not spans and self._change is not None:
            self._changed(*self._part([], path), path)  # it may be dropped
        before = b"{"
        for member in self._members(shape, descriptor, spans, path):
            yield before
            yield from member
            before = b","
        yield b"}" if before == b"," else b"{}"

    def _members(
        self, shape: Shape, descriptor: Descriptor, spans: dict[int, list[Span]], path: _Path
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

    def _is_large_message(self, field: FieldDescriptor, found: list[Span]) -> bool:
        return has_lists(field) and found[0].end - found[0].start > self._slice_bytes

    def _large(self, field: FieldDescriptor, span: Span, path: _Path) -> Iterator[bytes]:
        """Convert a member that is one message."""
        yield b'"%b":' % field.name.encode()
        yield from self._inner(field, span, path)

    def _inner(self, field: FieldDescriptor, span: Span, path: _Path) -> Iterator[bytes]:
        """Convert the message in *field*, tag and length of which stand first in *span*."""
        assert field.message_type is not None
        _, at = wire.read_varint(self._reply, span.start)
        _, content = wire.read_varint(self._reply, at)
        step = _Step(field, wire.tag(field.number, wire.DELIMITED))
        return self._message(field.message_type, content, span.end, (*path, step))

    def _list(
        self, descriptor: Descriptor, field: FieldDescriptor, spans: list[Span], path: _Path
    ) -> Iterator[bytes]:
        """Convert a member that is a list."""
        name, is_deep = field.name.encode(), has_lists(field)
        start, end = b'{"%b":[' % name, b"]}"
        before = b'"%b":[' % name
        for span in spans:
            yield before
            if span.alone and is_deep:
                yield from self._inner(field, span, path)
            else:
                text = self._elements(descriptor, field, span, path)
                if not (text.startswith(start) and text.endswith(end)):
                    raise Unusual(f"{field.full_name} is not alone in its part")
                yield text[len(start) : -len(end)]
            before = b","
        yield b"]"

    def _elements(
        self, descriptor: Descriptor, field: FieldDescriptor, span: Span, path: _Path
    ) -> bytes:
        """Convert some elements of a list, to the JSON of a message that has no others."""
        whole, part = self._part([span], path)
        count = len(getattr(part, field.name))
        part = self._changed(whole, part, path)
        if len(getattr(part, field.name)) != count:
            raise Unusual(f"elements of {field.full_name} were dropped")
        return encoder(descriptor, self._form)(part)

    def _plain(
        self,
        descriptor: Descriptor,
        fields: list[FieldDescriptor],
        spans: dict[int, list[Span]],
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
        if text := encoder(descriptor, self._form)(part)[1:-1]:
            yield iter((text,))

    def _part(self, spans: list[Span], path: _Path) -> tuple[Message, Message]:
        """Parse some fields in *spans*, within the messages of *path*; give the reply and them."""
        fields = [self._reply[span.start : span.end] for span in spans]
        size = sum(map(len, fields))
        heads = []
        for step in reversed(path):
            heads.append(step.tag + wire.varint(size))
            size += len(heads[-1])
        whole = self._parse(b"".join([*reversed(heads), *fields]))
        return whole, _innermost(path, whole)

    def _changed(self, whole: Message, part: Message, path: _Path) -> Message:
        if self._change is None:
            return part
        self._change(whole)
        return _innermost(path, whole)


def _innermost(path: _Path, message: Any) -> Message:
    """Return the message at the end of *path*, on which there may be nothing else.

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
