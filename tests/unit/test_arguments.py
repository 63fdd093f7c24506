"""Settings that cannot be meant are refused where they are given."""

from __future__ import annotations

import functools
import logging
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock
from urllib.parse import urlsplit

import httpx
import pytest

import etcd_asgi
from etcd_asgi import (
    TLS,
    DecodeError,
    Denied,
    Gateway,
    Grant,
    Limits,
    Password,
    UpstreamError,
    allow_anyone,
)
from etcd_asgi.arguments import WrongTypeError
from etcd_asgi.testing import EtcdServer, etcd_version, find_etcd
from tests.unit.refusing import MISTAKES, SECRET, Subject, judge, parameters

URL = "http://127.0.0.1:2379"
COUNT = {"none", "number"}
PATH = {"none", "text"}

SUBJECTS = {
    "Gateway": Subject(
        call=Gateway,
        given={"etcd": URL},
        takes={
            "etcd": (),
            "versions": (),
            "credentials": {"none"},
            "access": (),
            "authorize": {"none"},
            "allowed_origins": {"empty-list"},
            "audit": {"none", "flag"},
            "lease_secret": {"bytes", "empty-bytes"},
            "tls": {"none"},
            "limits": {"none"},
            "explorer": {"flag"},
        },
    ),
    "Grant": Subject(
        call=Grant,
        takes={
            "rpcs": {"empty-list"},
            "namespace": {"none", "bytes"},
            "credentials": {"none"},
            "forward_token": {"flag"},
            "max_watches": COUNT,
            "max_waiting_calls": COUNT,
            "max_range_limit": COUNT,
            "max_body_bytes": COUNT,
            "user": {"text", "empty-text"},
        },
    ),
    "Limits": Subject(
        call=Limits,
        takes={
            one.name: {"number", "fraction"} if one.type == "float" else {"number"}
            for one in fields(Limits)
        },
    ),
    "Password": Subject(
        call=Password,
        given={"user": "u", "password": "p"},
        takes={"user": {"text"}, "password": {"text"}},
    ),
    "TLS": Subject(
        call=TLS,
        given={"cert": "c.pem", "key": "k.pem"},
        takes={"ca": PATH, "cert": {"text"}, "key": {"text"}, "server_name": PATH},
    ),
    "Denied": Subject(
        call=Denied,
        takes={
            "status": (),
            "message": {"text", "empty-text"},
            "headers": {"none", "empty-mapping"},
        },
    ),
    "DecodeError": Subject(call=DecodeError, takes={"text": {"text", "empty-text"}}),
    "UpstreamError": Subject(
        call=UpstreamError,
        given={"code": 5, "message": "m"},
        takes={
            "code": {"number", "negative", "zero"},
            "message": {"text", "empty-text"},
            "local": {"flag"},
        },
    ),
    "EtcdServer": Subject(
        call=EtcdServer,
        takes={
            "binary": PATH,
            "args": {"list", "empty-list", "generator"},
            "data_dir": PATH,
            "log_path": PATH,
            "start_timeout": {"number", "fraction"},
            "stop_timeout": {"number", "fraction"},
        },
    ),
}
LOOKING = {
    "find_etcd": Subject(call=find_etcd, takes={"release": {"none"}}),
    "etcd_version": Subject(call=etcd_version, takes={"binary": {"text"}}),
}

NOT_GIVEN = {
    "Access": "a type",
    "AuditRecord": "the gateway makes it",
    "EtcdAsgiError": "a base class",
    "Upstream": "a protocol; what stands for it is judged by Gateway",
    "allow_anyone": "the gateway calls it",
    "passthrough": "the gateway calls it",
}


@pytest.mark.parametrize(("name", "parameter"), parameters(SUBJECTS))
def test_a_parameter_takes_what_can_be_meant_and_refuses_all_else(
    name: str, parameter: str
) -> None:
    for mistake in MISTAKES:
        judge(SUBJECTS[name], parameter, mistake)


@pytest.mark.parametrize(("name", "parameter"), parameters(LOOKING))
def test_a_function_that_looks_for_etcd_refuses_what_cannot_be_meant(
    name: str, parameter: str
) -> None:
    for mistake in MISTAKES.keys() - LOOKING[name].takes[parameter]:
        judge(LOOKING[name], parameter, mistake)


def test_every_public_name_that_takes_arguments_is_in_the_table() -> None:
    public = {one for one in etcd_asgi.__all__ if callable(getattr(etcd_asgi, one))}
    assert public <= SUBJECTS.keys() | NOT_GIVEN.keys()
    for subject in (*SUBJECTS.values(), *LOOKING.values()):
        assert set(subject.parameters) == set(subject.takes)


def test_a_wrong_type_is_an_error_of_either_kind() -> None:
    """A host catches the ValueError of a wrong URL, and that of none, in one place."""
    for kind in (TypeError, ValueError):
        with pytest.raises(kind, match="is an environment variable unset"):
            Gateway(cast("str", None))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gateway(URL, lease_secret=cast("bytes", SECRET)),
        lambda: Password("ada", cast("str", SECRET.encode())),
        lambda: TLS(cert="c.pem", key=f"-----BEGIN PRIVATE KEY-----\n{SECRET}"),
        lambda: Gateway(f"http://me:{SECRET}@etcd:2379"),
        lambda: Gateway(URL, credentials=cast("Password", ("ada", SECRET))),
        lambda: Gateway(URL, access=cast("Any", functools.partial(_two, key=SECRET))),
    ],
)
def test_no_refusal_repeats_a_secret(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"takes|must be") as caught:
        make()
    assert SECRET not in str(caught.value)


def _two(conn: object, other: object, *, key: str) -> Grant:
    raise AssertionError(conn, other, key)


# ---- functions ----


class Policy:
    def __call__(self, conn: object) -> Grant:
        return Grant()

    def method(self, conn: object) -> Grant:
        return Grant()


class AsyncPolicy:
    async def __call__(self, conn: object) -> Grant:
        return Grant()


class Awaitable:
    """A class whose objects are awaited, as Starlette's endpoints are."""

    def __init__(self, conn: object) -> None: ...

    def __await__(self) -> Iterator[Any]:
        yield


def with_more(conn: object, more: str) -> Grant:
    return Grant(user=more)


@functools.wraps(with_more)
def wrapped(*given: object) -> Grant:
    return with_more(*given, more="m")  # type: ignore[misc, arg-type]  # as decorators do


async def decides(conn: object, *, more: str = "") -> Grant:
    return Grant(user=more)


@pytest.mark.parametrize(
    "access",
    [
        allow_anyone,
        lambda conn: Grant(),
        lambda *given, **more: Grant(),
        Policy(),
        Policy().method,
        AsyncPolicy(),
        Awaitable,
        decides,
        functools.partial(decides, more="m"),
        functools.partial(with_more, more="m"),
        wrapped,
        MagicMock(),
        AsyncMock(),
        operator.attrgetter("state"),
    ],
)
def test_whatever_can_be_called_with_a_connection_is_an_access(access: Any) -> None:
    Gateway(URL, access=access)


def yields(conn: object) -> Iterator[Grant]:
    yield Grant()


async def yields_too(conn: object) -> Any:
    yield Grant()


@pytest.mark.parametrize(
    ("access", "text"),
    [
        (Grant(), "access= takes a function of (conn), not Grant"),
        (Policy, "access= takes a function of (conn), not type (the class Policy itself)"),
        (Grant, "not type (the class Grant itself)"),
        (lambda: Grant(user="u"), "takes others: too many positional arguments"),
        (with_more, "with_more takes others: missing a required argument: 'more'"),
        (lambda conn, rpc, message: True, "takes others: missing a required argument"),
        (yields, "yields has a yield in it"),
        (yields_too, "yields_too has a yield in it"),
        (functools.partial(yields), "has a yield in it"),
    ],
)
def test_what_no_connection_can_be_given_is_refused(access: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Gateway(URL, access=access)


async def takes_record(record: object) -> None: ...


class TakesRecord:
    async def __call__(self, record: object) -> None: ...


@pytest.mark.parametrize("audit", [takes_record, TakesRecord(), functools.partial(takes_record)])
def test_an_async_audit_is_refused_as_nobody_would_await_it(audit: Any) -> None:
    with pytest.raises(ValueError, match="audit= takes a plain function"):
        Gateway(URL, audit=audit)


def test_access_and_authorize_in_each_others_place_are_refused() -> None:
    def authorize(conn: object, rpc: str, message: object) -> None: ...

    with pytest.raises(ValueError, match="access= takes a function of"):
        Gateway(URL, access=cast("Any", authorize))
    with pytest.raises(ValueError, match="authorize= takes a function of"):
        Gateway(URL, authorize=cast("Any", allow_anyone))


# ---- etcd ----


class Url:
    """As pydantic's ``AnyHttpUrl``, yarl's and httpx's ``URL`` are: it says what it is as text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.scheme = text.partition(":")[0]

    def __str__(self) -> str:
        return self._text


class Named(str, Enum):  # noqa: UP042 - the older form, whose str() is the member's name
    ETCD = URL


@pytest.mark.parametrize(
    "etcd",
    [
        Url("http://127.0.0.1:2379/"),
        [Url("http://127.0.0.1:2379/"), "http://127.0.0.1:1"],
        httpx.URL(URL),
        urlsplit(URL),
        Named.ETCD,
        f"{URL}\n",
        (URL,),
        iter([URL, "http://10.0.0.1"]),
        {URL: "a"}.keys(),
    ],
)
def test_an_object_that_is_a_url_and_any_list_of_them_name_etcd(etcd: Any) -> None:
    Gateway(etcd)


def test_an_object_that_is_a_url_is_an_origin_too() -> None:
    for origin in (Url("https://a.example/"), urlsplit(URL), Named.ETCD, httpx.URL(URL)):
        Gateway(URL, allowed_origins=[cast("str", origin)])


class Whole:
    scheme = "https"

    async def unary(self) -> None: ...

    def server_stream(self) -> None: ...

    def bidi(self) -> None: ...

    async def aclose(self) -> None: ...


class Half:
    async def unary(self) -> None: ...

    async def aclose(self) -> None: ...


def test_an_upstream_of_the_hosts_own_is_any_object_with_the_methods() -> None:
    for upstream in (Whole(), MagicMock(), SimpleNamespace(**vars(Whole))):
        Gateway(cast("Any", upstream))


@pytest.mark.parametrize(
    ("etcd", "text"),
    [
        (Whole, "an Upstream is an object with the methods unary, server_stream, bidi, aclose"),
        (Half(), "Half lacks server_stream, bidi"),
        ({URL}, "in the order of preference, not set"),
        (b"http://127.0.0.1", "not bytes"),
        ([URL, None], "must be a string, not NoneType"),
        ([[URL]], "must be a string, not list"),
        (Path("/etcd"), "not PosixPath"),
        (Url("unix:///run/etcd"), "must be like 'http://127.0.0.1:2379'"),
    ],
)
def test_what_is_neither_urls_nor_an_upstream_is_refused(etcd: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Gateway(etcd)


def test_certificates_are_not_for_an_upstream_of_the_hosts_own() -> None:
    with pytest.raises(ValueError, match="tls= is for URLs"):
        Gateway(cast("Any", Whole()), tls=TLS(), access=allow_anyone)


# ---- versions, rpcs, certificates, headers ----


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ({"v3": 3.6}, "a flavour in versions= is one of '3.3'"),
        ({"v3": None}, "not NoneType"),
        ({"3.6": "v3"}, "unknown flavour 'v3'"),
        ({3: "3.6"}, "one path segment, such as 'v3', not int"),
        ({"v3 ": "3.6"}, "one path segment, not 'v3 '"),
        ({"/v3": "3.6"}, "one path segment"),
        ({"..": "3.6"}, "one path segment"),
        ([("v3", "3.6")], "takes a mapping such as {'v3': '3.6'}, not list"),
    ],
)
def test_versions_are_prefixes_and_flavours(versions: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Gateway(URL, versions=versions)


def test_the_rpcs_of_a_grant_may_come_from_any_list() -> None:
    for rpcs in (["KV.Range", "KV.Range"], {"KV.Range"}, iter(["KV.Range"])):
        assert Grant(rpcs=cast("Any", rpcs)).rpcs == frozenset({"KV.Range"})


@pytest.mark.parametrize("name", ["https://etcd.example", "etcd.example:2379", "a b", "\n"])
def test_the_name_in_a_certificate_is_a_host(name: str) -> None:
    with pytest.raises(ValueError, match="server_name"):
        TLS(server_name=name)
    for good in ("etcd.example", "10.0.0.1", "::1", "*.example"):
        TLS(server_name=good)


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"": "c"}, {"ž": "c"}, {"a:": "c"}, {"a\n": ""}])
def test_the_headers_of_a_refusal_have_names_that_can_be_sent(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a header"):
        Denied(401, "log in first", headers)


def test_a_status_of_the_http_module_is_a_number_in_a_refusal() -> None:
    from http import HTTPStatus

    assert type(Denied(HTTPStatus.FORBIDDEN).status) is int


# ---- namespaces without a separator ----


def test_a_namespace_that_ends_in_a_letter_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "etcd_asgi"):
        for _ in range(3):
            Grant(namespace=b"/warned/once")
            Grant(namespace=b"/warned/once/too9")
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2
    assert "'/warned/once' does not end in a separator" in texts[0]
    assert "such as '/warned/once/'" in texts[0]


@pytest.mark.parametrize("prefix", [b"/a/", b"a:", b"a\0", b"a\xff", "ž".encode(), b"a-", b"a_"])
def test_any_byte_but_a_letter_or_a_digit_is_a_separator(
    prefix: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Grant(namespace=prefix)
    assert not caplog.records


def test_the_error_of_a_wrong_type_is_one_class() -> None:
    assert issubclass(WrongTypeError, TypeError)
    assert issubclass(WrongTypeError, ValueError)
