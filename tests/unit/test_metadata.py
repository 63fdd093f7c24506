"""Request headers become the metadata that etcd's own gateway sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.errors import DecodeError
from etcd_asgi.metadata import Metadata, read

ACCEPT = ("grpcgateway-accept", "*/*")


def metadata(*headers: tuple[str, str], peer: str | None = None) -> Metadata:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return [pair for pair in read(raw, peer).metadata if pair != ACCEPT]


def timeout(value: str) -> float | None:
    return read([(b"grpc-timeout", value.encode())], None).timeout


def test_accept_is_sent_even_when_the_client_sent_none() -> None:
    """etcd would otherwise take the caller for the subject of the gateway's certificate."""
    assert read([], None).metadata == [ACCEPT]
    assert read([(b"accept", b"text/html")], None).metadata == [("grpcgateway-accept", "text/html")]
    assert ACCEPT in read([(b"accept", b"\xff")], None).metadata


@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param("abc.7", "abc.7", id="as etcd takes it"),
        pytest.param("Bearer abc.7", "abc.7", id="bearer"),
        pytest.param("bearer abc.7", "abc.7", id="scheme in any case"),
        pytest.param("Bearer  abc.7", " abc.7", id="one blank is the scheme's"),
        pytest.param("", "", id="empty"),
        pytest.param("Basic eDp5", "Basic eDp5", id="another scheme is etcd's to refuse"),
    ],
)
def test_authorization_goes_up_as_the_token_that_every_etcd_reads(header: str, token: str) -> None:
    sent = metadata(("authorization", header))
    assert sent == [("token", token), ("grpcgateway-authorization", token)]


def test_a_token_given_as_metadata_is_found_first() -> None:
    sent = metadata(("authorization", "one"), ("grpc-metadata-token", "two"))
    assert [value for key, value in sent if key == "token"] == ["two"]


def test_prefixed_headers_go_up_without_the_prefix_in_order() -> None:
    sent = metadata(("grpc-metadata-foo", "a"), ("grpc-metadata-hasleader", "true"),
                    ("grpc-metadata-foo", "b"))  # fmt: skip
    assert sent == [("foo", "a"), ("hasleader", "true"), ("foo", "b")]


@pytest.mark.parametrize("name", ["user-agent", "cookie", "origin", "referer", "if-match", "via"])
def test_permanent_headers_go_up_under_the_gateway_prefix(name: str) -> None:
    assert metadata((name, "x")) == [(f"grpcgateway-{name}", "x")]


@pytest.mark.parametrize("name", ["accept-encoding", "connection", "x-other", "token"])
def test_other_headers_stay_here(name: str) -> None:
    assert metadata((name, "x")) == []


@pytest.mark.parametrize(
    "header",
    [
        ("grpc-metadata-f!o", "x"),
        ("grpc-metadata-", "x"),
        ("grpc-metadata-foo", "é"),
        ("grpc-metadata-foo", "a\tb"),
        ("grpc-metadata-grpc-timeout", "1S"),
        ("grpc-metadata-content-type", "x"),
        ("grpc-metadata-te", "x"),
        ("grpc-metadata-connection", "close"),
        ("grpc-metadata-:path", "/x"),
        ("cookie", "é"),
        ("authorization", "é"),
    ],
)
def test_what_grpc_does_not_allow_is_left_out(header: tuple[str, str]) -> None:
    assert metadata(header) == []


@pytest.mark.parametrize("value", ["AP8=", "AP8"])
def test_a_binary_header_is_decoded_padded_or_not(value: str) -> None:
    assert metadata(("grpc-metadata-foo-bin", value)) == [("foo-bin", b"\x00\xff")]


def test_a_bad_binary_header_is_named_in_the_error() -> None:
    text = "invalid binary header Grpc-Metadata-Foo-Bin: illegal base64 data at input byte 0"
    with pytest.raises(DecodeError) as caught:
        metadata(("grpc-metadata-foo-bin", "*"))
    assert str(caught.value) == text


def test_the_host_and_the_hops_go_up() -> None:
    assert metadata(("host", "h:1"), peer="10.0.0.9") == [
        ("x-forwarded-host", "h:1"),
        ("x-forwarded-for", "10.0.0.9"),
    ]
    sent = metadata(("host", "h"), ("x-forwarded-host", "front"), ("x-forwarded-for", "1.1.1.1"),
                    ("x-forwarded-for", "2.2.2.2"), peer="10.0.0.9")  # fmt: skip
    assert sent == [
        ("x-forwarded-host", "front"),
        ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.9"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5S", 5.0), ("2M", 120.0), ("1H", 3600.0), ("250m", 0.25), ("1m", 0.001),
        ("10u", -1.0), ("1n", -1.0), ("0S", None), ("", None), ("-1S", -1.0), ("9999999999H", -1.0),
        ("+3S", 3.0), ("9223372036854775807n", None),
    ],
)  # fmt: skip
def test_grpc_timeout_is_the_deadline(value: str, seconds: float | None) -> None:
    assert timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["S", "5", "5x", "5.0S", " 5S", "5S ", "99999999999999999999S", "1" * 5000 + "S"]
)
def test_a_grpc_timeout_that_cannot_be_read_is_refused(value: str) -> None:
    with pytest.raises(DecodeError, match="invalid grpc-timeout: "):
        timeout(value)


def test_no_token_shows_in_a_repr() -> None:
    assert "secret" not in repr(read([(b"authorization", b"secret")], None))


NAMES = st.one_of(
    st.sampled_from([b"grpc-timeout", b"authorization", b"cookie", b"x-forwarded-for", b"host"]),
    st.binary().map(lambda tail: b"grpc-metadata-" + tail),
    st.binary().map(lambda tail: b"grpc-metadata-" + tail + b"-bin"),
)


@given(st.lists(st.tuples(NAMES, st.binary())))
def test_whatever_the_headers_the_metadata_is_legal(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        found = read(headers, None)
    except DecodeError:
        return
    for key, value in found.metadata:
        assert key
        assert all(c in "0123456789abcdefghijklmnopqrstuvwxyz-_." for c in key)
        if key.endswith("-bin"):
            assert isinstance(value, bytes)
        else:
            assert isinstance(value, str)
            assert all(" " <= c <= "~" for c in value)
