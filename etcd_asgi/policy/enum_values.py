"""Checks that each enum in a request has a value that etcd knows.

proto3 lets any number stand for an enum. etcd switches over some without a default, and ends: over
an alarm's action and type in every release, over a range's sort target in 3.5.

Source: etcd server/etcdserver/apply.go, Alarm and sortRangeResults; the same in
server/etcdserver/apply/ and txn/ since 3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor
from google.protobuf.message import Message

from etcd_asgi.calls.bindings import bindings
from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.etcd.error_texts import INVALID_SORT_OPTION
from etcd_asgi.status import Code

_ETCD_TEXTS = {
    "etcdserverpb.RangeRequest.SortOrder": INVALID_SORT_OPTION,
    "etcdserverpb.RangeRequest.SortTarget": INVALID_SORT_OPTION,
}
"""Texts of releases that refuse an unknown value themselves, by the enum's full name."""


@dataclass(frozen=True, slots=True)
class _EnumField:
    """A field whose values are numbers of one enum."""

    name: str
    is_repeated: bool
    numbers: frozenset[int]
    enum: EnumDescriptor


@dataclass(frozen=True, slots=True)
class _MessageField:
    """A field that holds messages with enums somewhere in them."""

    name: str
    is_repeated: bool
    type: Descriptor


@dataclass(frozen=True, slots=True)
class _Plan:
    """The fields of a message type to look at."""

    enums: tuple[_EnumField, ...]
    messages: tuple[_MessageField, ...]


@cache
def enum_check(request: Descriptor) -> Callable[[Message], None] | None:
    """Make the check of a request type; ``None`` for one that holds no enum at any depth.

    The check raises:
        Denied: 400; a field has a number that its enum does not name.
        UpstreamError: the same, for an enum that etcd has a text of its own for.
    """
    if not _holds_enums(request, frozenset()):
        return None

    def check(message: Message) -> None:
        rest = [(message, _plan(request))]
        while rest:
            one, plan = rest.pop()
            for field in plan.enums:
                value = getattr(one, field.name)
                for number in value if field.is_repeated else (value,):
                    if number not in field.numbers:
                        raise _refusal(field, number)
            for part in plan.messages:
                rest += [(each, _plan(part.type)) for each in _messages(one, part)]

    return check


@cache
def enum_checks() -> dict[str, Callable[[Message], None]]:
    """Return the checks of RPCs whose requests hold enums, by name such as ``KV.Range``."""
    checks = {binding.name: enum_check(binding.request) for binding in bindings()}
    return {name: check for name, check in checks.items() if check is not None}


def _messages(message: Any, field: _MessageField) -> Iterator[Message]:
    if field.is_repeated:
        yield from getattr(message, field.name)
    elif message.HasField(field.name):
        yield getattr(message, field.name)


@cache
def _plan(descriptor: Descriptor) -> _Plan:
    fields = descriptor.fields
    return _Plan(
        enums=tuple(
            _EnumField(
                field.name,
                is_repeated(field),
                frozenset(value.number for value in field.enum_type.values),
                field.enum_type,
            )
            for field in fields
            if field.enum_type is not None
        ),
        messages=tuple(
            _MessageField(field.name, is_repeated(field), field.message_type)
            for field in fields
            if field.message_type is not None and _holds_enums(field.message_type, frozenset())
        ),
    )


def _holds_enums(descriptor: Descriptor, above: frozenset[str]) -> bool:
    """Search a message type for an enum; *above* are the types around it."""
    if descriptor.full_name in above:
        return False
    above |= {descriptor.full_name}
    return any(
        field.enum_type is not None
        or (field.message_type is not None and _holds_enums(field.message_type, above))
        for field in descriptor.fields
    )


def _refusal(field: _EnumField, number: int) -> Denied | UpstreamError:
    if (text := _ETCD_TEXTS.get(field.enum.full_name)) is not None:
        return UpstreamError(Code.INVALID_ARGUMENT, text)
    known = ", ".join(f"{value.name} ({value.number})" for value in field.enum.values)
    return Denied(400, f"{field.name}: {number} is no {field.enum.name}; it takes {known}")
