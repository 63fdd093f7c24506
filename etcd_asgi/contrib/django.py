"""A gateway inside a Django project.

Django's own ASGI application serves HTTP alone, and has nothing to mount other applications
with. :func:`mount` puts a small dispatcher in front of it, in the project's ``asgi.py``::

    application = mount(get_asgi_application(), "/etcd", Gateway("http://127.0.0.1:2379"))

Who is logged in to Django is found with :func:`django_user`, or :func:`access_for`.

Django itself is not imported here, but where a user is asked for.
"""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etcd_asgi.arguments import WrongTypeError, check_function, wrong_type
from etcd_asgi.asgi.mount import local_path
from etcd_asgi.contrib.django_session import access_for, django_user
from etcd_asgi.gateway import Gateway

__all__ = ["access_for", "django_user", "mount"]

logger = logging.getLogger("etcd_asgi.contrib.django")


def mount(application: ASGIApp, path: str, gateway: Gateway) -> ASGIApp:
    """Make the ASGI application that is *gateway* at and below *path*, else *application*.

    The gateway is closed when the server shuts down. Further gateways go around the first:
    ``mount(mount(application, "/a", one), "/b", other)``.

    Args:
        application: Django's, from ``get_asgi_application()``, or what stands around it, such as
            a ``ProtocolTypeRouter`` of Channels: it gets all lifespan messages, and the
            WebSockets outside of *path*. What it does not know of the two is handled for it.
        path: where the gateway is, as in ``"/etcd"``; several segments are fine.
        gateway: the application there.

    Raises:
        ValueError: *path* is not like ``/etcd``, or another gateway inside has it.
        TypeError: *application* is not an ASGI application, *path* not a string, or *gateway* not
            a gateway; it is a ``ValueError`` as well.
    """
    if not isinstance(gateway, Gateway):
        raise wrong_type("mount(application, path, gateway) takes a Gateway last", gateway)
    _check_application(application)
    if not isinstance(path, str):
        raise wrong_type("mount(application, path, gateway) takes a path like '/etcd'", path)
    _check(path)
    if isinstance(application, _Dispatcher) and application.is_covered_by(path):
        raise ValueError(
            f"mount() at {path!r}: a gateway that is mounted below it would get nothing"
        )
    return _Dispatcher(application, path, gateway)


def _check_application(application: object) -> None:
    label = "mount(application, path, gateway)"
    try:
        check_function(f"{label} takes an ASGI application first: it", application, *_ASGI)
    except WrongTypeError as error:
        hint = "get_asgi_application() makes Django's"
        raise WrongTypeError(f"{error}; {hint}") from None


_ASGI = ("scope", "receive", "send")


def _check(path: str) -> None:
    wrong = f"mount() takes a path like '/etcd', not {path!r}"
    if path in ("", "/"):
        raise ValueError(f"{wrong}: at the root nothing is left to Django; serve the Gateway alone")
    if not path.startswith("/"):
        raise ValueError(f"{wrong}: begin it with a slash, {'/' + path!r}")
    if path.endswith("/"):
        raise ValueError(f"{wrong}: end it without a slash, {path.rstrip('/')!r}")
    if "//" in path or any(character in "?#%" or character.isspace() for character in path):
        raise ValueError(f"{wrong}: single slashes, and no spaces, '?', '#' or '%'")
    if any(character in "{}<>*\\" for character in path) or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{wrong}: it is taken as it is, and has neither patterns nor dots")


class _Dispatcher:
    """ASGI dispatcher between two applications, by the path of a request."""

    def __init__(self, application: ASGIApp, path: str, gateway: Gateway) -> None:
        self._application = application
        self._path = path
        self._gateway = gateway

    def is_covered_by(self, path: str) -> bool:
        """Check whether all requests of the gateway here, or one inside, are in *path*."""
        inner = self._application
        deeper = isinstance(inner, _Dispatcher) and inner.is_covered_by(path)
        return deeper or f"{self._path}/".startswith(f"{path}/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif self._is_below(scope):
            await self._gateway(self._inner(scope), receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    def _is_below(self, scope: Scope) -> bool:
        path = local_path(scope)
        return path == self._path or path.startswith(f"{self._path}/")

    def _inner(self, scope: Scope) -> Scope:
        """Make the scope as mounts do: the path stays whole, and ``root_path`` grows.

        Source: Starlette starlette/routing.py, Mount.matches.
        """
        root: str = scope.get("root_path", "")
        outermost = scope.get("app_root_path", root)
        return {
            **scope,
            "root_path": root.rstrip("/") + self._path,
            "app_root_path": outermost,
        }

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the gateway at shutdown; all else is the application's, if it wants it.

        One that does not know lifespan raises, at once or at the first message, or returns.

        Source: ASGI specification, Lifespan Protocol.
        """
        recorder = _Recorder(receive, send)

        async def send_after_closing(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._gateway.aclose()
            await recorder.send(message)

        try:
            await self._application(scope, recorder.receive, send_after_closing)
        except Exception as error:
            if recorder.sent:
                raise
            logger.debug("lifespan is answered in the application's place: %r", error)
        if not recorder.sent:
            await self._gateway(scope, recorder.replay, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Offer an upgrade to the application; where it does not know WebSocket, refuse it."""
        recorder = _Recorder(receive, send)
        try:
            await self._application(scope, recorder.receive, recorder.send)
        except ValueError:  # Django and Channels raise it for a protocol they do not serve
            if recorder.received or recorder.sent:
                raise
            await receive()
            await send({"type": "websocket.close", "code": 1000})


class _Recorder:
    """Recorder of the ASGI messages that an application receives before it sends one."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.received: list[Message] = []
        self.sent = False

    async def receive(self) -> Message:
        """Take the next message from the server."""
        message = await self._receive()
        if not self.sent:
            self.received.append(message)
        return message

    async def send(self, message: Message) -> None:
        """Pass a message to the server."""
        self.sent = True
        await self._send(message)

    async def replay(self) -> Message:
        """Give the received messages once more, and then those to come."""
        return self.received.pop(0) if self.received else await self._receive()
