"""Messages to JSON, by a function generated once for each message type.

The output is compact, in the order of the definition, with the names of the definition; fields
that hold their default are left out, 64-bit integers are strings and bytes are padded base64.

Source: grpc-gateway runtime/marshal_jsonpb.go with OrigName (etcd 3.4, 3.5) and UseProtoNames
(etcd server/embed/serve.go, registerGateway, 3.6 on). Both also escape ``<``, ``>`` and ``&`` in
places; these are left as they are, which parses to the same string.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from json.encoder import encode_basestring
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from etcd_asgi.codec import columns
from etcd_asgi.codec.kinds import INT64, is_repeated, member_names

Encode = Callable[[Any], str]

_USUAL = {
    "etcdserverpb.ResponseHeader": ("cluster_id", "member_id", "revision", "raft_term"),
    "mvccpb.KeyValue": ("key", "create_revision", "mod_revision", "version", "value"),
}
"""The fields that nearly every message of a type has set, and no others: one format does it."""


def compact(text: str) -> bytes:
    """The bytes of a generated encoder's *text*.

    ``b2a_base64`` ends in a newline, and asking it not to costs three times the encoding. JSON
    strings hold no raw newline, so all of them are taken out at once here.
    """
    return text.encode().replace(b"\n", b"")


@cache
def encoder(descriptor: Descriptor) -> Encode:
    """The generated function from a message of *descriptor*'s type to JSON text.

    The text may hold newlines that :func:`compact` removes.
    """
    scope: dict[str, Any] = {"b64": b2a_base64, "quote": encode_basestring}
    lines = ["def encode(m):"]
    lines += _usual_shape(descriptor)
    lines.append("    s = ''")
    for field in descriptor.fields:
        lines += _field(field, descriptor, scope)
    lines.append("    return f'{{{s[1:]}}}'")
    exec(compile("\n".join(lines), f"<encoder of {descriptor.full_name}>", "exec"), scope)
    function: Encode = scope["encode"]
    return function


def encode(descriptor: Descriptor, message: Message) -> bytes:
    """The JSON of *message*, whose type is *descriptor*."""
    return compact(encoder(descriptor)(message))


def _usual_shape(descriptor: Descriptor) -> list[str]:
    usual = _USUAL.get(descriptor.full_name)
    if usual is None:
        return []
    fields = [descriptor.fields_by_name[name] for name in usual]
    absent = [field.name for field in descriptor.fields if field.name not in usual]
    test = " and ".join([*usual, *(f"not m.{name}" for name in absent)])
    body = ",".join(f'"{field.name}":{_value(field, field.name, {})}' for field in fields)
    loads = "; ".join(f"{name} = m.{name}" for name in usual)
    return [f"    {loads}", f"    if {test}:", f"        return f'{{{{{body}}}}}'"]


def _field(field: FieldDescriptor, owner: Descriptor, scope: dict[str, Any]) -> list[str]:
    name = field.name
    if is_repeated(field):
        items = _items(field, owner, scope)
        return [f"    v = m.{name}", f"    if v: s = f'{{s}},\"{name}\":[{items}]'"]
    value = _value(field, "v", scope, owner)
    add = f"s = f'{{s}},\"{name}\":{value}'"
    if field.message_type is not None or field.containing_oneof is not None:
        return [f"    if m.HasField('{name}'): v = m.{name}; {add}"]
    return [f"    v = m.{name}", f"    if v: {add}"]


def _value(
    field: FieldDescriptor, var: str, scope: dict[str, Any], owner: Descriptor | None = None
) -> str:
    """What stands in a generated f-string for the value in *var*."""
    if field.message_type is not None:
        return f"{{{_message(field.message_type, owner, scope)}({var})}}"
    if field.enum_type is not None:
        return f"{{{_enum(field, scope)}.get({var}, {var})}}"
    match field.type:
        case FieldDescriptor.TYPE_BYTES:
            return f'"{{b64({var}).decode()}}"'
        case FieldDescriptor.TYPE_STRING:
            return f"{{quote({var})}}"
        case FieldDescriptor.TYPE_BOOL:
            return f'{{"true" if {var} else "false"}}'
        case kind if kind in INT64:
            return f'"{{{var}}}"'
    return f"{{{var}}}"


def _items(field: FieldDescriptor, owner: Descriptor, scope: dict[str, Any]) -> str:
    """The expression that joins the encoded elements of a repeated field in ``v``."""
    if field.message_type is None:
        scope[f"each_{field.name}"] = _each_scalar(field)
        return f"{{each_{field.name}(v)}}"
    one = scope[_message(field.message_type, owner, scope)]
    scope[f"each_{field.name}"] = _each(field.message_type, one)
    return f"{{each_{field.name}(v)}}"


def _each_scalar(field: FieldDescriptor) -> Encode:
    """From a list of scalars to their JSON, joined by commas."""
    scope: dict[str, Any] = {"b64": b2a_base64, "quote": encode_basestring}
    element = _value(field, "x", scope)
    exec(f"def one(x): return f'{element}'", scope)
    one: Encode = scope["one"]
    return lambda items: ",".join(map(one, items))


def _each(descriptor: Descriptor, one: Encode) -> Encode:
    """From a list of messages to their JSON, joined by commas."""
    in_columns = columns.encoder(descriptor)
    if in_columns is None:
        return lambda items: ",".join(map(one, items[:]))

    def each(items: Any) -> str:
        copied = items[:]  # a list: protobuf's own iterator costs more than the copy
        if len(copied) == 1:
            return one(copied[0])
        if len(copied) < columns.WORTHWHILE:
            return ",".join(map(one, copied))
        return in_columns(copied)

    return each


def _message(descriptor: Descriptor, owner: Descriptor | None, scope: dict[str, Any]) -> str:
    """The name under which *scope* holds the encoder of *descriptor*."""
    name = "encode_" + descriptor.full_name.replace(".", "_")
    if name not in scope:
        recursive = owner is not None and _reaches(descriptor, owner)
        scope[name] = _late(descriptor) if recursive else encoder(descriptor)
    return name


def _late(descriptor: Descriptor) -> Encode:
    """An encoder that is looked up when called: its type contains itself."""
    return lambda message: encoder(descriptor)(message)  # noqa: PLW0108 - not yet there


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
    """The name under which *scope* holds the JSON of *field*'s enum values by number."""
    assert field.enum_type is not None
    name = f"names_{field.name}"
    scope[name] = {number: f'"{value}"' for number, value in member_names(field.enum_type).items()}
    return name
