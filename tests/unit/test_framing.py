"""The first JSON value of a body that comes in pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.framing import FirstValue

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def pieces_until_whole(pieces: list[bytes]) -> int | None:
    """How many pieces it took."""
    value = FirstValue()
    for count, piece in enumerate(pieces, 1):
        if value.feed(piece):
            return count
    return None


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON), st.sampled_from(["", " ", "\n\t"]))
def test_byte_by_byte_the_last_bracket_is_the_end(document: object, blanks: str) -> None:
    text = (blanks + json.dumps(document)).encode()
    assert pieces_until_whole([bytes([byte]) for byte in text + b"{}"]) == len(text)


@given(st.dictionaries(st.text(), JSON), st.data())
def test_it_does_not_matter_where_the_text_is_cut(document: object, data: st.DataObject) -> None:
    text = json.dumps(document, ensure_ascii=False).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    assert pieces_until_whole([text[:cut], text[cut:]]) == 2


@pytest.mark.parametrize(
    ("pieces", "count"),
    [
        pytest.param([b'"a\\', b'"', b'b"'], 3, id="an escape cut in two"),
        pytest.param([b"12", b"3", b" "], 3, id="a number ends with a delimiter"),
        pytest.param([b"tr", b"ue\n"], 2, id="a literal too"),
        pytest.param([b"  ", b"\n"], None, id="blanks alone are no value"),
        pytest.param([b'{"a":"}"', b"}"], 2, id="brackets in strings do not count"),
        pytest.param([b"}"], 1, id="a stray bracket is a value for the codec to refuse"),
    ],
)
def test_the_end_is_found(pieces: list[bytes], count: int | None) -> None:
    assert pieces_until_whole(pieces) == count
