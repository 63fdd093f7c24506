"""The modes that media types and queries ask for."""

import pytest

from etcd_asgi.asgi.negotiation import modes, socket_modes, wants_events
from etcd_asgi.codec.modes import Modes
from etcd_asgi.errors import DecodeError, Denied

JSON = "application/json"


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        pytest.param("", False, id="none"),
        pytest.param(JSON, False, id="bare"),
        pytest.param(f"{JSON}; charset=utf-8", False, id="another-parameter"),
        pytest.param(f"{JSON}; bytes=text", True, id="text"),
        pytest.param(f"{JSON};charset=utf-8;BYTES=Text", True, id="any-case"),
        pytest.param(f'{JSON}; bytes="text"', True, id="quoted"),
        pytest.param(f"{JSON}; bytes=base64", False, id="base64"),
        pytest.param("text/plain; bytes=text", True, id="another-type"),
    ],
)
def test_the_content_type_says_how_the_body_has_its_bytes(content_type: str, is_text: bool) -> None:
    assert modes(content_type, f"{JSON}; bytes=base64") == Modes(body=is_text)


@pytest.mark.parametrize(
    ("accept", "is_text"),
    [
        pytest.param("*/*", False, id="any"),
        pytest.param("*/*; bytes=text", True, id="any-as-text"),
        pytest.param(f"{JSON}; bytes=text", True, id="json-as-text"),
        pytest.param("text/event-stream;bytes=text", True, id="events-as-text"),
        pytest.param(f"{JSON}; bytes=text, */*; q=0.1", True, id="text-first"),
        pytest.param(f"{JSON}, {JSON}; bytes=text; q=0.5", False, id="base64-first"),
        pytest.param(f"*/*, {JSON}; bytes=text", True, id="the-one-of-two-that-names-a-mode"),
        pytest.param(f"{JSON}; bytes=text; q=0", False, id="not-wanted"),
        pytest.param("image/png; bytes=text", False, id="not-what-we-have"),
        pytest.param(f"{JSON}; bytes=base64", False, id="base64"),
        pytest.param(f"{JSON}; q=x; bytes=text", True, id="quality-that-is-none"),
    ],
)
def test_accept_says_how_the_response_has_its_bytes(accept: str, is_text: bool) -> None:
    assert modes("", accept) == Modes(response=is_text)


@pytest.mark.parametrize(
    ("accept", "is_text"),
    [
        pytest.param("", True, id="none"),
        pytest.param("*/*", True, id="what-curl-sends"),
        pytest.param(JSON, True, id="bare"),
        pytest.param(f"{JSON}; charset=utf-8, text/plain, */*", True, id="what-axios-sends"),
        pytest.param("image/png; bytes=base64", True, id="not-what-we-have"),
        pytest.param("text/event-stream", True, id="events"),
        pytest.param(f"{JSON}; bytes=base64", False, id="base64"),
        pytest.param("*/*; bytes=base64", False, id="any-as-base64"),
        pytest.param(f"*/*, {JSON}; bytes=base64", False, id="the-one-of-two-that-names-a-mode"),
        pytest.param(f"{JSON}; bytes=base64, */*", False, id="in-any-order"),
        pytest.param(f"{JSON}, {JSON}; bytes=base64; q=0.5", True, id="best-names-none"),
        pytest.param(f"{JSON}; q=0.5, {JSON}; bytes=base64; q=0.9", False, id="best-names-one"),
        pytest.param(f"{JSON}; bytes=base64; q=0", True, id="not-wanted"),
        pytest.param(f"{JSON}; bytes=base64, {JSON}; bytes=text", True, id="text-of-the-two"),
    ],
)
def test_the_response_to_text_is_text_unless_accept_says_otherwise(
    accept: str, is_text: bool
) -> None:
    assert modes(f"{JSON}; bytes=text", accept) == Modes(body=True, response=is_text)


@pytest.mark.parametrize("content_type", ["", JSON, f"{JSON}; bytes=base64"])
def test_the_response_to_base64_is_base64_unless_accept_says_otherwise(content_type: str) -> None:
    assert modes(content_type, "*/*") == Modes()
    assert modes(content_type, "*/*; bytes=text") == Modes(response=True)


def test_any_other_way_is_refused_and_both_are_named() -> None:
    both = "'hex': use bytes=text or bytes=base64"
    with pytest.raises(DecodeError, match=both):
        modes(f"{JSON}; bytes=hex", "")
    with pytest.raises(Denied, match=both) as refused:
        modes("", f"{JSON}; bytes=hex")
    assert refused.value.status == 406
    with pytest.raises(DecodeError, match=both):
        socket_modes(b"bytes=hex")


def test_the_query_of_a_websocket_says_both() -> None:
    assert socket_modes(b"bytes=text") == Modes(body=True, response=True)
    assert socket_modes(b"bytes=base64&method=GET") == Modes()
    assert socket_modes(b"token=x") == Modes()
    with pytest.raises(DecodeError, match="more than once"):
        socket_modes(b"bytes=text&bytes=text")
    with pytest.raises(DecodeError, match="more than 100"):
        socket_modes(b"a&" * 101)


def test_events_are_wanted_when_accept_names_them() -> None:
    assert wants_events("text/event-stream")
    assert wants_events(f"{JSON};q=0.1, text/event-stream; charset=utf-8")
    assert not wants_events("*/*")
    assert not wants_events("text/event-stream;q=0")
