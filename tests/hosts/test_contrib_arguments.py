"""What the helpers for FastAPI and Django are given by mistake is refused at once."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Iterator
from typing import Any, cast

import pydantic
import pytest
from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.endpoints import HTTPEndpoint
from starlette.types import Receive, Scope, Send

from etcd_asgi import Gateway, Grant
from etcd_asgi.contrib import django
from etcd_asgi.contrib.django import access_for, django_user, mount
from etcd_asgi.contrib.fastapi import gateway_router
from tests.unit.refusing import MISTAKES, Subject, judge, parameters

GATEWAY = Gateway("http://127.0.0.1:2379")


async def application(scope: Scope, receive: Receive, send: Send) -> None: ...


def user_of(conn: Any) -> Any:
    return asyncio.run(cast("Any", django_user(conn)))


SUBJECTS = {
    "mount": Subject(
        call=mount,
        given={"application": application, "path": "/etcd", "gateway": GATEWAY},
        takes={"application": (), "path": (), "gateway": ()},
    ),
    "gateway_router": Subject(
        call=gateway_router,
        given={"gateway": GATEWAY},
        takes={"gateway": (), "dependencies": {"empty-list"}},
    ),
    "access_for": Subject(call=access_for, takes={"grant_for": ()}),
    "django_user": Subject(call=user_of, takes={"conn": ()}),
}


@pytest.mark.parametrize(("name", "parameter"), parameters(SUBJECTS))
def test_a_parameter_takes_what_can_be_meant_and_refuses_all_else(
    name: str, parameter: str
) -> None:
    for mistake in MISTAKES:
        judge(SUBJECTS[name], parameter, mistake)


def test_every_public_name_is_in_the_table() -> None:
    assert set(django.__all__) | {"gateway_router"} == set(SUBJECTS)


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


def test_the_urls_of_pydantic_settings_name_etcd_and_origins() -> None:
    for kind in (pydantic.AnyHttpUrl, pydantic.HttpUrl, pydantic.AnyUrl):
        url: Any = kind("http://127.0.0.1:2379")
        for etcd in (url, [url, "http://127.0.0.1:2379"]):
            Gateway(etcd, allowed_origins=[url])
    with pytest.raises(ValueError, match="not SecretStr"):
        Gateway(cast("Any", pydantic.SecretStr("http://127.0.0.1:2379")))


class WSGIHandler:
    """As Django's is, without its settings."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return []


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (None, "not NoneType"),
        ("mysite.asgi:application", "not str"),
        (wsgi, "takes others: too many positional arguments; get_asgi_application() makes"),
        (WSGIHandler(), "WSGIHandler takes others"),
        ("/etcd", "not str"),
    ],
)
def test_a_mount_takes_an_asgi_application(app: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        mount(app, "/etcd", GATEWAY)


def django_app(inner: Any) -> Any:
    """As middleware is written that does not look at what passes."""

    @functools.wraps(inner)
    async def outer(*events: Any, **more: Any) -> None:
        await inner(*events, **more)

    return outer


def test_a_mount_takes_every_kind_of_asgi_application() -> None:
    class Application:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    kinds: list[Any] = [application, Application(), HTTPEndpoint, GATEWAY]
    for app in (*kinds, functools.partial(application), django_app(application)):
        mount(app, "/etcd", GATEWAY)


@pytest.mark.parametrize("outer", ["/etcd", "/a"])
def test_a_gateway_around_another_at_the_same_path_is_refused(outer: str) -> None:
    inner = mount(mount(application, "/a/b", GATEWAY), "/etcd", GATEWAY)
    with pytest.raises(ValueError, match="would get nothing"):
        mount(inner, outer, GATEWAY)
    mount(mount(inner, "/etc", GATEWAY), "/a/b/c", GATEWAY)


@pytest.mark.parametrize("path", ["/{name}", "/etcd/*", "/<name>", "/a/../b", "/."])
def test_a_path_is_no_pattern(path: str) -> None:
    with pytest.raises(ValueError, match="taken as it is"):
        mount(application, path, GATEWAY)


def user() -> str:
    return "ann"


@pytest.mark.parametrize("dependencies", [[user], (HTTPBearer(),), [Depends(user), user]])
def test_a_dependency_without_depends_is_refused(dependencies: Any) -> None:
    with pytest.raises(ValueError, match=r"functions as Depends\(function\), not"):
        gateway_router(GATEWAY, dependencies=dependencies)


def test_dependencies_without_a_list_are_refused() -> None:
    with pytest.raises(ValueError, match="takes a list"):
        gateway_router(GATEWAY, dependencies=cast("Any", Depends(user)))
    gateway_router(GATEWAY, dependencies=(Depends(one) for one in [user]))  # type: ignore[arg-type]


class Decides:
    async def __call__(self, user: Any) -> Grant:
        return Grant()


async def decides(user: Any) -> Grant:
    return Grant()


def yields(user: Any) -> Iterator[Grant]:
    yield Grant()


@pytest.mark.parametrize("grant_for", [decides, Decides(), functools.partial(decides)])
def test_an_async_function_for_a_django_user_is_refused(grant_for: Any) -> None:
    with pytest.raises(TypeError, match="plain function"):
        access_for(grant_for)


def test_a_function_for_a_django_user_takes_that_user() -> None:
    for wrong in (yields, lambda: Grant(user="u"), Grant):
        with pytest.raises(
            TypeError, match=r"access_for\(grant_for\) takes a function of \(user\)"
        ):
            access_for(cast("Any", wrong))
