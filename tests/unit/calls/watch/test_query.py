"""A watch that is asked for in a URL."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_asgi.asgi.endpoints.sse import asks_for_watch
from etcd_asgi.asgi.request import Request
from etcd_asgi.calls.watch.query import WatchQuery, read
from etcd_asgi.codec import Dialect
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd import proto
from tests.unit.codec.messages import decode

REQUEST = proto.message_type("etcdserverpb.WatchRequest")


def create(query: WatchQuery) -> Any:
    """The create request, as every dialect reads it."""
    one, other = (decode(REQUEST, query.request, dialect, max_depth=9) for dialect in Dialect)
    assert one == other
    message: Any = one
    return message.create_request


def asked(**parameters: str) -> Any:
    return create(read(urlencode(parameters).encode(), ""))


def test_all_fields_have_a_parameter_in_both_spellings() -> None:
    names = ("key", "range_end", "start_revision", "progress_notify", "filters", "prev_kv",
             "watch_id", "fragment")  # fmt: skip
    values = ("YQ==", "Yg==", "7", "false", "noput,NODELETE", "1", "-5", "true")
    message = asked(**dict(zip(names, values, strict=True)))
    assert (message.key, message.range_end, message.start_revision) == (b"a", b"b", 7)
    assert (message.progress_notify, list(message.filters)) == (False, [0, 1])
    assert (message.prev_kv, message.watch_id, message.fragment) == (True, -5, True)
    camel = asked(key="YQ", rangeEnd="Yg", startRevision="7", prevKv="true", watchId="1")
    assert (camel.range_end, camel.start_revision, camel.prev_kv) == (b"b", 7, True)


def test_progress_is_told_unless_it_is_not_wanted() -> None:
    assert asked(key="YQ").progress_notify is True
    assert asked(key="YQ", progress_notify="0").progress_notify is False


@given(st.binary(max_size=12))
def test_any_bytes_can_be_a_key(key: bytes) -> None:
    plain = read(b"text=1&key=" + quote(key).encode(), "")
    assert create(plain).key == key
    for alphabet in ("+/", "-_"):
        encoded = _base64(key).replace("+", alphabet[0]).replace("/", alphabet[1])
        for spelt in (encoded, encoded.rstrip("=")):
            assert create(read(f"key={spelt}".encode(), "")).key == key  # + stands for a space too
            assert asked(key=spelt).key == key


@pytest.mark.parametrize(
    ("prefix", "key", "end"),
    [
        pytest.param(b"a", b"a", b"b", id="plain"),
        pytest.param(b"a\xff", b"a\xff", b"b", id="last-byte-at-its-end"),
        pytest.param(b"a\xffb", b"a\xffb", b"a\xffc", id="in-between"),
        pytest.param(b"\xff\xff", b"\xff\xff", b"\0", id="nothing-behind"),
        pytest.param(b"", b"\0", b"\0", id="everything"),
    ],
)
def test_a_prefix_is_a_key_and_the_end_of_its_range(prefix: bytes, key: bytes, end: bytes) -> None:
    message = create(read(b"bytes=text&prefix=" + quote(prefix).encode(), ""))
    assert (message.key, message.range_end) == (key, end)


def test_the_id_of_the_header_comes_before_that_of_the_query() -> None:
    assert read(b"key=YQ", "17").after == 17
    assert read(b"key=YQ&last_event_id=18", "").after == 18
    assert read(b"key=YQ&last_event_id=18", "17").after == 17
    assert read(b"key=YQ&last_event_id=", "").after is None
    assert read(b"key=YQ", "0").after == 0


@pytest.mark.parametrize(
    "name",
    ["lastEventId", "last-event-id", "Last-Event-ID", "lasteventid", "LastEventId",
     "evs_last_event_id", "last_event_id"],
)  # fmt: skip
def test_the_last_id_has_the_names_that_polyfills_give_it(name: str) -> None:
    assert read(f"key=YQ&{name}=5".encode(), "").after == 5
    assert read(f"key=YQ&{name}=".encode(), "").after is None
    assert read(f"key=YQ&last_event_id=3&{name}=5".encode(), "").after == 5
    assert read(f"key=YQ&last_event_id=3&{name}=".encode(), "").after == 3
    with pytest.raises(DecodeError, match="invalid Last-Event-ID"):
        read(f"key=YQ&{name}=abc".encode(), "")


@pytest.mark.parametrize(
    "more",
    [
        "access_token=a.b.c", "token=x", "jwt=x", "auth=x", "authorization=Bearer+x", "api_key=1",
        "api-key=1", "apikey=1", "id_token=x", "sessionid=1", "X-Auth-Token=1", "ticket=9",
        "csrf_token=1", "sig=1&expires=2", "_=1699999999", "t=1", "ts=1", "cb=1", "nocache=1",
        "no_cache=1", "cacheBuster=1", "cache=0", "_dc=1", "rnd=0.5", "v=3", "r=1", "nonce=1",
        "bearer=x", "x-api-key=1", "access_key=1", "PHPSESSID=1", "cache_buster=1", "hmac=1",
        "X-Amz-Date=1&X-Amz-Credential=2&X-Amz-Signature=3", "Policy=1&Key-Pair-Id=2", "uid=1",
        "sv=1&se=2&sp=r&sr=b&sig=3", "ngsw-bypass=1", "msclkid=1", "mc_eid=1", "now=1", "user=a",
        "__cf_chl_tk=1", "cf_clearance=1", "client_id=1", "connect.sid=1", "JSESSIONID=1", "_t=1",
        "evs_preamble=1&evs_polyfill=1", "utm_source=mail", "fbclid=1", "_=1&_=2", "timestamp=",
    ],
)  # fmt: skip
def test_parameters_for_others_are_passed_over(more: str) -> None:
    """EventSource sends no headers, so tokens and what keeps caches away stand in the query."""
    assert read(f"key=YQ&{more}".encode(), "") == read(b"key=YQ", "")
    assert read(f"{more}&key=YQ".encode(), "") == read(b"key=YQ", "")


@pytest.mark.parametrize(
    "name",
    [
        "prefx",
        "start_rev",
        "revision",
        "rev",
        "limit",
        "filter",
        "Key",
        "x",
        "author",
        "_prefix",
        "keys",
        "end",
        "range",
        "progress",
        "prevkv",
        "from",
        "since",
        "fragments",
    ],
)
def test_a_misspelt_parameter_is_not_passed_over(name: str) -> None:
    with pytest.raises(DecodeError, match=f"unknown query parameters '{name}'"):
        read(f"key=YQ&{name}=1".encode(), "")


def test_text_is_said_in_either_way() -> None:
    assert read(b"key=YQ", "").text is None
    assert read(b"key=a&text=true", "").text is True
    assert read(b"key=YQ&bytes=base64", "").text is False
    assert read(b"key=a&bytes=text&text=1", "").text is True


@pytest.mark.parametrize(
    ("query", "last_id", "fault"),
    [
        pytest.param(
            "key=YQ&kay=YQ&x=",
            "",
            "unknown query parameters 'kay', 'x': use key, range_end",
            id="unknown",
        ),
        pytest.param("key=YQ&key=YQ", "", "parameter key is given more than once", id="twice"),
        pytest.param(
            "key=YQ&prev_kv=1&prevKv=1", "", "prevKv is given more than once", id="twice-spelt"
        ),
        pytest.param("", "", "names no key: give key= or prefix=", id="no-key"),
        pytest.param("prefix=YQ&key=YQ", "", "prefix stands for key and range_end", id="both"),
        pytest.param(
            "key=a!",
            "",
            "invalid key 'a!': expected base64, or plain text with text=1",
            id="base64",
        ),
        pytest.param(
            "key=YQ&prev_kv=yes", "", "invalid prev_kv 'yes': expected true or false", id="bool"
        ),
        pytest.param(
            "key=YQ&start_revision=-1",
            "",
            "invalid start_revision '-1': expected a rev",
            id="revision",
        ),
        pytest.param(
            "key=YQ&watch_id=x", "", "invalid watch_id 'x': expected an integer", id="integer"
        ),
        pytest.param(
            "key=YQ&filters=put", "", "invalid filters 'put': expected noput", id="filters"
        ),
        pytest.param(
            "key=YQ&text=maybe", "", "invalid text 'maybe': expected true or false", id="text"
        ),
        pytest.param(
            "key=YQ&bytes=hex", "", "invalid bytes 'hex': expected text or base64", id="bytes"
        ),
        pytest.param(
            "key=YQ&bytes=text&text=0", "", "text and bytes say two things", id="two-things"
        ),
        pytest.param("key=YQ", "x", "invalid Last-Event-ID 'x': expected a revision", id="id"),
        pytest.param("key=YQ", "-1", "invalid Last-Event-ID '-1'", id="negative-id"),
        pytest.param("key=YQ", str(2**63 - 1), "invalid Last-Event-ID", id="id-too-great"),
        pytest.param("key=YQ&" + "a&" * 100, "", "more than 100 parameters", id="many"),
    ],
)
def test_a_mistake_is_named(query: str, last_id: str, fault: str) -> None:
    with pytest.raises(DecodeError) as refused:
        read(query.encode(), last_id)
    assert fault in str(refused.value)


@given(st.binary(max_size=40), st.text(max_size=20))
def test_any_query_is_read_or_refused(query: bytes, last_id: str) -> None:
    try:
        found = read(query, last_id)
    except DecodeError:
        return
    json.loads(found.request)


def test_a_get_without_query_and_accept_asks_for_nothing() -> None:
    assert not asks_for_watch(get())
    assert asks_for_watch(get(query_string=b"key=YQ"))
    assert asks_for_watch(get(headers=[(b"accept", b"text/event-stream")]))
    assert not asks_for_watch(get(method="HEAD", query_string=b"key=YQ"))


def get(**changes: object) -> Request:
    """A GET as curl makes it."""

    async def unused(*_: object) -> Any:
        raise AssertionError

    bare = {"method": "GET", "path": "/", "query_string": b"", "headers": [(b"accept", b"*/*")]}
    return Request({**bare, **changes}, unused, unused)


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
