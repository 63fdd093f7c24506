"""Django's user of a request that never reaches Django: found from the session's cookie.

Django's middleware does not run for what stands beside Django, and its database may not be asked
on an event loop. So the session is loaded in a thread, and only read: there is no response of
Django's with which a new cookie could go out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from starlette.requests import HTTPConnection

from etcd_asgi.arguments import WrongTypeError, check_function, is_async, wrong_type
from etcd_asgi.errors import Denied
from etcd_asgi.policy.grant import Grant

GrantFor = Callable[[Any], Grant]
"""A host's decision about a Django user. It may ask Django's database."""


async def django_user(conn: HTTPConnection) -> Any:
    """Find the user to whom Django's session of this connection belongs, or ``AnonymousUser``.

    It counts what counts in a view of Django: the setting ``SESSION_COOKIE_NAME``, every session
    engine (database, cache, file, signed cookies), every authentication backend, and that a change
    of the password ends all sessions. The event loop is not blocked.

    What the user is related to, such as its groups, is in the database: ask for that with
    :func:`access_for`, whose function may.

    Raises:
        TypeError: *conn* is no connection, such as Django's own request, where
            ``request.user`` is the user; it is a ``ValueError`` as well.
    """
    if not isinstance(getattr(conn, "cookies", None), Mapping):
        raise wrong_type("django_user(conn) takes the HTTPConnection that access= gets", conn)
    return await _in_thread(conn, lambda user: user)


def access_for(grant_for: GrantFor) -> Callable[[HTTPConnection], Awaitable[Grant]]:
    """Make an ``access`` for a gateway from a plain function that takes the Django user.

    ::

        def grant_for(user) -> Grant:
            if not user.is_authenticated:
                raise Denied(401, "log in first")
            return Grant(rpcs=KEY_VALUE, user=user.get_username())


        gateway = Gateway("http://127.0.0.1:2379", access=access_for(grant_for))

    The function runs in a thread and may use Django's database; the connections that it opens are
    closed after it. Django's ``PermissionDenied`` counts as ``Denied`` with 403.

    Raises:
        TypeError: *grant_for* is async, or is not a function of one argument; it is a
            ``ValueError`` as well.
    """
    check_function("access_for(grant_for)", grant_for, "user")
    if is_async(grant_for):
        raise WrongTypeError(
            "access_for() takes a plain function, which may ask Django's database; an async access="
            " calls `await django_user(conn)` itself"
        )

    async def access(conn: HTTPConnection) -> Grant:
        from django.core.exceptions import PermissionDenied

        try:
            grant: Grant = await _in_thread(conn, grant_for)
        except PermissionDenied as error:
            raise Denied(403, str(error) or "permission denied") from error
        return grant

    return access


async def _in_thread(conn: HTTPConnection, function: Callable[[Any], Any]) -> Any:
    """Call *function* with the user, in a thread, with database connections of its own."""
    from asgiref.sync import sync_to_async
    from django.conf import settings

    cookie = conn.cookies.get(settings.SESSION_COOKIE_NAME)

    def call() -> Any:
        try:
            return function(_user(cookie))
        finally:
            _close_connections()

    return await sync_to_async(call, thread_sensitive=False)()


def _user(cookie: str | None) -> Any:
    """Find the user of the session that *cookie* names."""
    from django.conf import settings
    from django.contrib.auth import get_user
    from django.http import HttpRequest

    request = HttpRequest()
    store = import_module(settings.SESSION_ENGINE).SessionStore(cookie) if cookie else {}
    request.session = _ReadOnlySession(store.items())
    return get_user(request)


class _ReadOnlySession(dict[str, Any]):
    """Session that is only read: changes stay in memory.

    Source: django/contrib/auth/__init__.py, get_user: for a session of an older SECRET_KEY it asks
    for a new session key, whose cookie nobody would send.
    """

    def cycle_key(self) -> None:
        """Keep the key."""

    def flush(self) -> None:
        """Empty the session, which is not valid any more."""
        self.clear()


def _close_connections() -> None:
    """Close the connections of this thread: nobody else would, outside of Django's own requests."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
