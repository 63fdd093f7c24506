"""Django's user of a connection, found without Django's middleware and off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import django
import pytest
from django.conf import settings
from starlette.requests import HTTPConnection

from etcd_asgi import KEY_VALUE, Denied, Grant
from etcd_asgi.contrib.django import access_for, django_user
from etcd_asgi.policy.hooks import decide

ENGINES = ["db", "cache", "cached_db", "file", "signed_cookies"]
COOKIE = "my_session"
KEY, OLD_KEY = "key of a test " * 4, "older key of a test " * 4


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Django, set up in this process with a database of its own."""
    folder = tmp_path_factory.mktemp("django-")
    settings.configure(
        SECRET_KEY=KEY,
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
        ],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}
        },
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": folder / "cache",
            }
        },
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_FILE_PATH=folder,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
    django.setup()
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("ada", password="one")
    user.groups.add(Group.objects.create(name="red"))
    connections.close_all()
    yield
    connections.close_all()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    from django.test import override_settings

    with override_settings(SESSION_ENGINE=f"django.contrib.sessions.backends.{request.param}"):
        yield request.param


def logged_in() -> str:
    """The value of the cookie that Django sends after a login."""
    from django.contrib.auth import get_user_model, login
    from django.db import connections
    from django.http import HttpRequest

    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    user = get_user_model().objects.get(username="ada")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.save()
    connections.close_all()
    return str(request.session.session_key)


def conn(cookie: str | None, name: str = COOKIE) -> HTTPConnection:
    headers = [(b"cookie", f"a=b; {name}={cookie}".encode())] if cookie is not None else []
    return HTTPConnection({"type": "http", "headers": headers})


async def in_thread(function: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


async def test_the_user_of_a_session_is_found_in_every_engine(engine: str) -> None:
    user = await django_user(conn(await in_thread(logged_in)))
    assert (user.get_username(), user.is_authenticated) == ("ada", True)


@pytest.mark.parametrize("cookie", [None, "", "x", "0" * 32, "a:b:c", "../x", "\x7f" * 5000])
async def test_any_other_cookie_is_nobodys(engine: str, cookie: str | None) -> None:
    user = await django_user(conn(cookie))
    assert (user.is_authenticated, user.is_anonymous) == (False, True)


async def test_a_cookie_of_another_name_does_not_count(engine: str) -> None:
    user = await django_user(conn(await in_thread(logged_in), name="sessionid"))
    assert user.is_anonymous


async def test_an_expired_session_is_nobodys(engine: str) -> None:
    from django.test import override_settings

    if engine == "cache":
        pytest.skip("what has expired is no longer in a cache")
    with override_settings(SESSION_COOKIE_AGE=-1):
        cookie = await in_thread(logged_in)
        assert (await django_user(conn(cookie))).is_anonymous


async def test_a_session_that_was_ended_is_nobodys() -> None:
    cookie = await in_thread(logged_in)
    store = import_module(settings.SESSION_ENGINE).SessionStore(cookie)
    await in_thread(store.flush)
    assert (await django_user(conn(cookie))).is_anonymous


async def test_a_new_password_ends_all_sessions(engine: str) -> None:
    from django.contrib.auth.models import User

    def change() -> None:
        user = User.objects.get(username="ada")
        user.set_password("another")
        user.save()

    cookie = await in_thread(logged_in)
    assert (await django_user(conn(cookie))).is_authenticated
    await in_thread(change)
    assert (await django_user(conn(cookie))).is_anonymous


async def test_a_session_of_an_older_secret_key_stays_as_it_is() -> None:
    """Django gives it a new key, and its cookie to the browser; here nobody could send that."""
    from django.test import override_settings

    with override_settings(SECRET_KEY=OLD_KEY):
        cookie = await in_thread(logged_in)
    with override_settings(SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=[OLD_KEY]):
        for _ in range(3):
            assert (await django_user(conn(cookie))).get_username() == "ada"
    assert (await django_user(conn(cookie))).is_anonymous


async def test_the_event_loop_runs_while_the_database_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    loop_went_on = threading.Event()
    load = SessionStore.load

    def slow(self: Any) -> Any:
        assert loop_went_on.wait(20), "the event loop stood still"
        return load(self)

    cookie = await in_thread(logged_in)
    monkeypatch.setattr(SessionStore, "load", slow)
    looking = [asyncio.create_task(django_user(conn(cookie))) for _ in range(3)]
    await asyncio.sleep(0)
    loop_went_on.set()
    assert [user.get_username() for user in await asyncio.gather(*looking)] == ["ada"] * 3


async def test_a_plain_function_may_ask_the_database_and_leaves_no_connection() -> None:
    from django.db import connections

    opened = []

    def grant_for(user: Any) -> Grant:
        groups = list(user.groups.values_list("name", flat=True))
        opened.append(connections["default"])
        assert opened[0].connection is not None
        return Grant(rpcs=KEY_VALUE, namespace=f"/{groups[0]}/".encode(), user=user.username)

    cookie = await in_thread(logged_in)
    grant = await decide(access_for(grant_for), conn(cookie))
    assert (grant.namespace, grant.user) == (b"/red/", "ada")
    assert opened[0].connection is None


@pytest.mark.parametrize(("told", "message"), [("not you", "not you"), ("", "permission denied")])
async def test_djangos_own_refusal_is_a_denial(told: str, message: str) -> None:
    from django.core.exceptions import PermissionDenied

    def grant_for(user: Any) -> Grant:
        raise PermissionDenied(told)

    with pytest.raises(Denied) as refused:
        await decide(access_for(grant_for), conn(None))
    assert (refused.value.status, refused.value.message) == (403, message)


def test_an_async_function_is_refused_with_the_fix() -> None:
    async def grant_for(user: Any) -> Grant:
        return Grant()

    mistaken: Any = grant_for
    with pytest.raises(TypeError, match=r"await django_user\(conn\)"):
        access_for(mistaken)
