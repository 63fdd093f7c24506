"""JSON documents for a message type: most as clients send them, some that only look like it."""

from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.etcd import proto

_NUMBERS = st.sampled_from([0, 1, -1, "0", "1", "-1", 2**31, "9223372036854775807", 2**63 - 1])
_TEXTS = st.sampled_from(["", "a", "Zm9v", "\u00e9", "\0", "\U0001f600", "\u2028"])
_BYTES = st.sampled_from(["", "Zm9v", "Zg==", "Zg", "_-8=", "/+8=", "AAECAwQFBgcICQ=="])
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BYTES: _BYTES,
    FieldDescriptor.TYPE_STRING: _TEXTS,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
}
_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.floats(allow_nan=True)
    | st.sampled_from(["", "Zm9v", "Zg", "1", "-1", "01", "1.0", " 1", "DESCEND", "up", "\ud800"])
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "limit", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def documents(full_name: str, depth: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some fields of a message of this type, under either name of each."""
    return _documents(proto.message_type(full_name), depth)


@cache
def _documents(descriptor: Descriptor, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    members = [
        st.tuples(st.sampled_from([field.name, field.json_name]), _values(field, depth - 1))
        for field in descriptor.fields
        if field.message_type is None or depth > 1
    ]
    unknown = st.tuples(st.just("x"), _ANYTHING)
    return st.lists(st.one_of(*members, unknown), max_size=4).map(dict)


def _values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    value: st.SearchStrategy[Any]
    if field.message_type is not None:
        value = _documents(field.message_type, depth)
    elif field.enum_type is not None:
        one = field.enum_type.values
        value = st.sampled_from([name.name for name in one] + [name.number for name in one] + [77])
    else:
        value = _SCALARS.get(field.type, _NUMBERS)
    value = st.lists(value, max_size=3) if is_repeated(field) else value
    return st.sampled_from([value] * 30 + [st.none(), _ANYTHING]).flatmap(_itself)


def _itself(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return strategy
