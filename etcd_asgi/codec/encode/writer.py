"""Messages to JSON, by a function generated once for each message type.

The output is compact, in the order of the definition, with the names of the definition; fields
that hold their default are left out, 64-bit integers are strings and bytes are padded base64, or
shown as :mod:`etcd_asgi.codec.text_mode` has it.

Source: grpc-gateway runtime/marshal_jsonpb.go with OrigName (etcd 3.4, 3.5) and UseProtoNames
(etcd server/embed/serve.go, registerGateway, 3.6 on). Both also escape ``<``, ``>`` and ``&`` in
places; these are left as they are, which parses to the same string.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from json.encoder import encode_basestring
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from etcd_asgi.codec.descriptors import INT64, is_repeated, member_names
from etcd_asgi.codec.encode import columns
from etcd_asgi.codec.encode.bytes_format import BASE64, BytesFormat

Write = Callable[[Any, list[bytes]], str]
"""From a message to its JSON text, less the slices of long lists that are put aside."""

_GAP = "\0"
"""Stands in a text for the slice put aside. Strings in JSON hold no raw control character."""

_USUAL = {
    "etcdserverpb.ResponseHeader": ("cluster_id", "member_id", "revision", "raft_term"),
    "mvccpb.KeyValue": ("key", "create_revision", "mod_revision", "version", "value"),
}
"""The fields that nearly every message of a type has set, and no others: one format does it."""

_ALWAYS = "etcdserverpb.ResponseHeader"
"""A type that nearly every response holds: its fields are tested before its presence is."""


def compact(text: str) -> bytes:
    """Make the bytes of a generated writer's *text*.

    ``b2a_base64`` ends in a newline, and asking it not to costs three times the encoding. JSON
    strings hold no raw newline, so all of them are taken out at once here.
    """
    return text.encode().replace(b"\n", b"")


@cache
def encoder(descriptor: Descriptor, form: BytesFormat = BASE64) -> Callable[[Message], bytes]:
    """Make the function from a message of *descriptor*'s type to its JSON."""
    write = writer(descriptor, form)

    def encode_message(message: Message) -> bytes:
        aside: list[bytes] = []
        text = write(message, aside)
        return _fill_gaps(compact(text), aside) if aside else compact(text)

    return encode_message


def _fill_gaps(text: bytes, aside: list[bytes]) -> bytes:
    """Put the slices into their gaps in *text*: the one time that a long response is copied."""
    parts = [b""] * (2 * len(aside) + 1)
    parts[::2], parts[1::2] = text.split(_GAP.encode()), aside
    return b"".join(parts)


@cache
def writer(descriptor: Descriptor, form: BytesFormat) -> Write:
    """Generate the function that writes a message of *descriptor*'s type.

    The text may hold newlines that :func:`compact` removes.
    """
    scope: dict[str, Any] = {"show": form.show, "quote": encode_basestring}
    lines = ["def write(m, aside):"]
    if descriptor.full_name in _USUAL:
        loads, test, text = _usual(descriptor, "m", form)
        lines += [f"    {loads}", f"    if {test}: return f'{text}'"]
    lines.append("    s = ''")
    for field in descriptor.fields:
        lines += _field(field, descriptor, scope, form)
    lines.append("    return f'{{{s[1:]}}}'")
    exec(compile("\n".join(lines), f"<writer of {descriptor.full_name}>", "exec"), scope)
    function: Write = scope["write"]
    return function


def _usual(descriptor: Descriptor, var: str, form: BytesFormat) -> tuple[str, str, str]:
    """Generate the common case of the message in *var*: assignments, condition, f-string."""
    usual = _USUAL[descriptor.full_name]
    absent = [field.name for field in descriptor.fields if field.name not in usual]
    loads = "; ".join(f"{name} = {var}.{name}" for name in usual)
    test = " and ".join([*usual, *(f"not {var}.{name}" for name in absent)])
    fields = (descriptor.fields_by_name[name] for name in usual)
    text = ",".join(f'"{field.name}":{_value(field, field.name, {}, form)}' for field in fields)
    return loads, test, f"{{{{{text}}}}}"


def _field(
    field: FieldDescriptor, owner: Descriptor, scope: dict[str, Any], form: BytesFormat
) -> list[str]:
    name = field.name
    if is_repeated(field):
        return _list(field, owner, scope, form)
    value = _value(field, "v", scope, form, owner)
    add = f"s = f'{{s}},\"{name}\":{value}'"
    if field.message_type is None and field.containing_oneof is None:
        return [f"    v = m.{name}", f"    if v: {add}"]
    present = f"if m.HasField('{name}'): v = m.{name}; {add}"
    if field.message_type is None or field.message_type.full_name != _ALWAYS:
        return [f"    {present}"]
    loads, test, text = _usual(field.message_type, "v", form)
    usual = f"if {test}: s = f'{{s}},\"{name}\":{text}'"
    return [f"    v = m.{name}; {loads}", f"    {usual}", f"    el{present}"]


def _list(
    field: FieldDescriptor, owner: Descriptor, scope: dict[str, Any], form: BytesFormat
) -> list[str]:
    """Generate the lines of a repeated field; one element of the usual form is written in place."""
    name, each = field.name, _each(field, owner, scope, form)
    lines = [f"    v = m.{name}", "    n = len(v)"]
    more = f"if n: s = f'{{s}},\"{name}\":[{{{each}(v, aside)}}]'"
    if field.message_type is None or field.message_type.full_name not in _USUAL:
        return [*lines, f"    {more}"]
    loads, test, text = _usual(field.message_type, "v", form)
    one = _message(field.message_type, owner, scope, form)
    return [
        *lines,
        "    if n == 1:",
        f"        v = v[0]; {loads}",
        f"        if {test}: s = f'{{s}},\"{name}\":[{text}]'",
        f"        else: s = f'{{s}},\"{name}\":[{{{one}(v, aside)}}]'",
        f"    el{more}",
    ]


def _value(
    field: FieldDescriptor,
    var: str,
    scope: dict[str, Any],
    form: BytesFormat,
    owner: Descriptor | None = None,
) -> str:
    """Generate the part of an f-string for the value in *var*."""
    if field.message_type is not None:
        return f"{{{_message(field.message_type, owner, scope, form)}({var}, aside)}}"
    if field.enum_type is not None:
        return f"{{{_enum(field, scope)}.get({var}, {var})}}"
    match field.type:
        case FieldDescriptor.TYPE_BYTES:
            return form.expression.format(var=var)
        case FieldDescriptor.TYPE_STRING:
            return f"{{quote({var})}}"
        case FieldDescriptor.TYPE_BOOL:
            return f'{{"true" if {var} else "false"}}'
        case kind if kind in INT64:
            return f'"{{{var}}}"'
    return f"{{{var}}}"


def _each(
    field: FieldDescriptor, owner: Descriptor, scope: dict[str, Any], form: BytesFormat
) -> str:
    """Put the writer of a repeated field's elements into *scope*; return its name there."""
    name = f"each_{field.name}"
    if field.message_type is None:
        scope[name] = _each_scalar(field, form)
    else:
        one = scope[_message(field.message_type, owner, scope, form)]
        scope[name] = _each_message(field.message_type, one, form)
    return name


def _each_scalar(field: FieldDescriptor, form: BytesFormat) -> Write:
    """Generate the function from a list of scalars to their JSON, joined by commas."""
    scope: dict[str, Any] = {"show": form.show, "quote": encode_basestring}
    element = _value(field, "x", scope, form)
    exec(f"def each(items, aside): return ','.join([f'{element}' for x in items])", scope)
    each: Write = scope["each"]
    return each


def _each_message(descriptor: Descriptor, one: Write, form: BytesFormat) -> Write:
    """Make the function from a list of messages to their JSON, joined by commas.

    They are copied to a list, as protobuf's own iterator costs more than the copy.
    """
    in_columns = columns.encoder(descriptor, form)

    def each(items: Any, aside: list[bytes]) -> str:
        count = len(items)
        if count == 1:
            return one(items[0], aside)
        if in_columns is None or count < columns.WORTHWHILE:
            return ",".join([one(item, aside) for item in items[:]])
        slices = in_columns(items)
        aside += slices
        return ",".join(_GAP * len(slices))

    return each


def _message(
    descriptor: Descriptor, owner: Descriptor | None, scope: dict[str, Any], form: BytesFormat
) -> str:
    """Put the writer of *descriptor* into *scope*; return its name there."""
    name = "write_" + descriptor.full_name.replace(".", "_")
    if name not in scope:
        recursive = owner is not None and _reaches(descriptor, owner)
        scope[name] = _lazy_writer(descriptor, form) if recursive else writer(descriptor, form)
    return name


def _lazy_writer(descriptor: Descriptor, form: BytesFormat) -> Write:
    """Make a writer that is looked up at its first call: its type contains itself."""
    found: list[Write] = []

    def write(message: Any, aside: list[bytes]) -> str:
        if not found:
            found.append(writer(descriptor, form))
        return found[0](message, aside)

    return write


def _reaches(start: Descriptor, goal: Descriptor) -> bool:
    seen: set[str] = set()
    rest = [start]
    while rest:
        one = rest.pop()
        if one.full_name == goal.full_name:
            return True
        if one.full_name not in seen:
            seen.add(one.full_name)
            rest += [field.message_type for field in one.fields if field.message_type is not None]
    return False


def _enum(field: FieldDescriptor, scope: dict[str, Any]) -> str:
    """Put the JSON of *field*'s enum values by number into *scope*; return its name there."""
    assert field.enum_type is not None
    name = f"names_{field.name}"
    scope[name] = {number: f'"{value}"' for number, value in member_names(field.enum_type).items()}
    return name
