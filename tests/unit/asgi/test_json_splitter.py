"""JSON values in bodies that come in chunks."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcd_asgi.asgi.json_splitter import Splitter
from tests.drawn import drawn

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.sampled_from([b"", b" ", b"\n", b"\r\n\t "])


def split(chunks: list[bytes]) -> list[bytes]:
    """All values of a body in *chunks*."""
    splitter = Splitter()
    values = [value for chunk in chunks for value in splitter.feed(chunk)]
    rest = splitter.close()
    return [*values, rest] if rest else values


def cut(text: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@settings(max_examples=drawn(50))
@given(
    st.lists(st.tuples(JSON.filter(lambda value: isinstance(value, str | list | dict)), BLANKS)),
    st.lists(st.integers(min_value=0)),
    st.booleans(),
)
def test_values_come_out_as_they_went_in_wherever_the_text_is_cut(
    parts: list[tuple[object, bytes]], places: list[int], ascii_only: bool
) -> None:
    documents = [json.dumps(value, ensure_ascii=ascii_only).encode() for value, _ in parts]
    text = b"".join(doc + blanks for doc, (_, blanks) in zip(documents, parts, strict=True))
    assert split(cut(text, places)) == documents
    assert split([bytes([byte]) for byte in text]) == documents


@settings(max_examples=drawn(50))
@given(st.dictionaries(st.text(), JSON))
def test_a_value_is_there_with_its_last_byte(document: object) -> None:
    splitter = Splitter()
    text = json.dumps(document).encode()
    assert [splitter.feed(bytes([byte])) for byte in text[:-1]] == [[]] * (len(text) - 1)
    assert splitter.feed(text[-1:]) == [text]
    assert splitter.pending_bytes == 0


@given(st.binary(), st.lists(st.integers(min_value=0)))
def test_garbage_is_split_alike_whole_and_in_chunks(text: bytes, places: list[int]) -> None:
    assert split(cut(text, places)) == split([text])


@pytest.mark.parametrize(
    ("chunks", "values"),
    [
        pytest.param([b'"a\\', b'"', b'b"'], [b'"a\\"b"'], id="an escape cut in two"),
        pytest.param([b"12", b"3 4"], [b"123", b"4"], id="numbers end with a delimiter"),
        pytest.param([b"tr", b"ue{}"], [b"true", b"{}"], id="literals too"),
        pytest.param([b"  ", b"\n"], [], id="blanks alone are no value"),
        pytest.param([b'{"a":"}"', b"}"], [b'{"a":"}"}'], id="brackets in strings do not count"),
        pytest.param([b"{}}{}"], [b"{}", b"}", b"{}"], id="a stray bracket is a value"),
        pytest.param([b"{},{}"], [b"{}", b",", b"{}"], id="so is a comma"),
        pytest.param([b'{"a":'], [b'{"a":'], id="what is cut off is the last value"),
        pytest.param([b"[}"], [b"[}"], id="mixed brackets end where the codec will stop"),
    ],
)
def test_values_end_where_they_should(chunks: list[bytes], values: list[bytes]) -> None:
    assert split(chunks) == values
