"""The dispatcher in front of Django, fed with ASGI events; Django itself is not needed."""

from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etcd_asgi import Gateway
from etcd_asgi.contrib.django import mount


class ClosingGateway(Gateway):
    """A gateway that knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:2379")
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


async def django(scope: Scope, _receive: Receive, send: Send) -> None:
    """As Django's own: source django/core/handlers/asgi.py, ASGIHandler.__call__."""
    if scope["type"] != "http":
        raise ValueError(f"Django can only handle ASGI/HTTP connections, not {scope['type']}.")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"django"})


async def run(app: ASGIApp, scope: Scope, *events: Message) -> list[Message]:
    """What the application sends for these events."""
    left, sent = list(events), []

    async def receive() -> Message:
        return left.pop(0)

    async def send(event: Message) -> None:
        sent.append(event)

    await app(scope, receive, send)
    assert left == []
    return sent


def http(path: str, root_path: str = "") -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "root_path": root_path,
        "headers": [],
    }


LIFESPAN: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
ANSWERS = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "serve the Gateway alone"),
        ("/", "serve the Gateway alone"),
        ("etcd", "'/etcd'"),
        ("/etcd/", "'/etcd'"),
        ("//etcd", "single slashes"),
        ("/a//b", "single slashes"),
        ("/et cd", "no spaces"),
        ("/etcd?x", "'?'"),
        ("/et%20cd", "'%'"),
    ],
)
def test_a_path_that_cannot_be_is_refused_with_the_fix(path: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"mount\(\) takes a path like '/etcd'") as refused:
        mount(django, path, Gateway("http://127.0.0.1:2379"))
    assert told in str(refused.value)


def test_arguments_in_the_wrong_order_are_refused() -> None:
    gateway: Any = Gateway("http://127.0.0.1:2379")
    with pytest.raises(TypeError, match="takes a Gateway last, not function"):
        mount(gateway, "/etcd", django)  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("path", ["/", "/etcdx", "/other/etcd", "/ETCD", "/etc"])
async def test_what_is_not_below_the_mount_is_djangos(path: str) -> None:
    app = mount(django, "/etcd", Gateway("http://127.0.0.1:2379"))
    sent = await run(app, http(path))
    assert sent[-1]["body"] == b"django"


@pytest.mark.parametrize("path", ["/etcd", "/etcd/", "/etcd/livez"])
async def test_what_is_below_the_mount_is_the_gateways(path: str) -> None:
    app = mount(django, "/etcd", Gateway("http://127.0.0.1:2379"))
    sent = await run(app, http(path))
    assert sent[-1]["body"] == (b"ok\n" if path == "/etcd/livez" else b"404 page not found\n")


async def test_a_mount_below_the_servers_own_root_path_is_found() -> None:
    app = mount(django, "/a/b", Gateway("http://127.0.0.1:2379"))
    for path in ("/behind/a/b/livez", "/a/b/livez"):
        sent = await run(app, http(path, root_path="/behind"))
        assert sent[-1]["body"] == b"ok\n"


async def test_the_scope_of_the_server_is_left_as_it_was() -> None:
    app = mount(django, "/etcd", Gateway("http://127.0.0.1:2379"))
    scope = http("/etcd/livez")
    await run(app, scope)
    assert scope == http("/etcd/livez")


async def test_lifespan_is_answered_in_djangos_place_and_closes_the_gateway() -> None:
    gateway = ClosingGateway()
    sent = await run(mount(django, "/etcd", gateway), LIFESPAN, STARTUP, SHUTDOWN)
    assert [event["type"] for event in sent] == ANSWERS
    assert gateway.closed == 1


def lifespan_app(log: list[str]) -> ASGIApp:
    """An application that wants its lifespan events."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for name in ("startup", "shutdown"):
            log.append((await receive())["type"])
            await send({"type": f"lifespan.{name}.complete"})

    return app


async def test_an_application_that_knows_lifespan_gets_it() -> None:
    log: list[str] = []
    gateway = ClosingGateway()
    sent = await run(mount(lifespan_app(log), "/etcd", gateway), LIFESPAN, STARTUP, SHUTDOWN)
    assert [event["type"] for event in sent] == ANSWERS
    assert log == ["lifespan.startup", "lifespan.shutdown"]
    assert gateway.closed == 1


async def refuses_at_startup(_scope: Scope, receive: Receive, _send: Send) -> None:
    raise RuntimeError(f"what is {(await receive())['type']}?")


async def returns_at_once(_scope: Scope, _receive: Receive, _send: Send) -> None:
    pass


@pytest.mark.parametrize("application", [refuses_at_startup, returns_at_once])
async def test_no_event_is_lost_on_an_application_that_does_not_know_lifespan(
    application: ASGIApp,
) -> None:
    gateway = ClosingGateway()
    sent = await run(mount(application, "/etcd", gateway), LIFESPAN, STARTUP, SHUTDOWN)
    assert [event["type"] for event in sent] == ANSWERS
    assert gateway.closed == 1


async def test_an_error_at_shutdown_is_the_servers_to_report() -> None:
    async def fails_late(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await run(mount(fails_late, "/etcd", ClosingGateway()), LIFESPAN, STARTUP)


async def test_mounts_around_mounts_are_both_reached_and_closed() -> None:
    one, other = ClosingGateway(), ClosingGateway()
    app = mount(mount(django, "/one", one), "/other", other)
    for path in ("/one/livez", "/other/livez"):
        assert (await run(app, http(path)))[-1]["body"] == b"ok\n"
    assert (await run(app, http("/")))[-1]["body"] == b"django"
    await run(app, LIFESPAN, STARTUP, SHUTDOWN)
    assert (one.closed, other.closed) == (1, 1)


def websocket(path: str) -> Scope:
    return {"type": "websocket", "path": path, "root_path": "", "headers": []}


@pytest.mark.parametrize("path", ["/ws", "/etcd/nothing"])
async def test_a_websocket_that_nobody_serves_is_refused_by_closing_it(path: str) -> None:
    app = mount(django, "/etcd", Gateway("http://127.0.0.1:2379"))
    (closed,) = await run(app, websocket(path), {"type": "websocket.connect"})
    assert closed["type"] == "websocket.close"


async def test_an_application_that_knows_websockets_gets_those_outside_of_the_mount() -> None:
    async def channels(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    app = mount(channels, "/etcd", Gateway("http://127.0.0.1:2379"))
    sent = await run(app, websocket("/chat"), {"type": "websocket.connect"})
    assert sent == [{"type": "websocket.accept"}]


async def test_an_applications_own_websocket_errors_are_not_hidden() -> None:
    async def broken(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        raise ValueError("a mistake")

    app = mount(broken, "/etcd", Gateway("http://127.0.0.1:2379"))
    with pytest.raises(ValueError, match="a mistake"):
        await run(app, websocket("/chat"), {"type": "websocket.connect"})
