"""An etcd that dies, stands still or was never there, behind a host that goes on."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from etcd_asgi.testing.ports import ReservedPort
from tests.conftest import StartEtcd
from tests.hosts.conftest import Serve
from tests.hosts.serving import SERVERS, AppServer, until, version_told
from tests.hosts.target import TIMEOUT, text


@pytest.fixture
def own_etcd(start_etcd: StartEtcd) -> EtcdServer:
    return start_etcd()


def call(app: AppServer, headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"key": text("k")}
    url = f"{app.url}/etcd/v3/kv/range"
    return httpx.post(url, json=body, headers=headers, timeout=TIMEOUT)


def version(app: AppServer) -> httpx.Response:
    return httpx.get(f"{app.url}/etcd/version", timeout=TIMEOUT)


@pytest.mark.parametrize("server", SERVERS)
def test_a_killed_etcd_is_a_503_and_a_restarted_one_heals_without_the_host(
    serve: Serve, own_etcd: EtcdServer, server: str
) -> None:
    app = serve("tests.hosts.apps.fastapi:app", own_etcd.endpoint, server)
    assert call(app).status_code == 200
    pid = app.process.pid

    own_etcd.kill()
    dead = call(app)
    assert dead.status_code == 503
    assert dead.headers["content-type"] == "application/json"
    assert dead.json() == {"code": 14, "message": "etcd is not reachable"}
    health = httpx.get(f"{app.url}/etcd/health", timeout=TIMEOUT)
    assert (health.status_code, health.json()["health"]) == (503, "false")

    own_etcd.restart()
    until(lambda: call(app).status_code == 200, "200 from the restarted etcd")
    assert app.process.poll() is None
    assert app.process.pid == pid


def test_a_paused_etcd_does_not_keep_the_version_waiting(
    serve: Serve, own_etcd: EtcdServer
) -> None:
    """Its cache is old at once, and asking anew takes longer than this client waits."""
    app = serve("tests.hosts.apps.limited:app", own_etcd.endpoint)
    assert version_told(f"{app.url}/etcd", own_etcd.version).status_code == 200
    own_etcd.pause()
    for _ in range(3):
        answer = version(app)
        assert answer.status_code == 200
        assert answer.json()["etcdserver"] == own_etcd.version


def test_before_etcd_has_answered_the_version_is_the_one_of_the_prefix(
    serve: Serve, own_etcd: EtcdServer
) -> None:
    """Some clients, such as Patroni, end when they are told none at their start."""
    app = serve("tests.hosts.apps.limited:app", own_etcd.endpoint)
    own_etcd.pause()
    answer = version(app)
    assert answer.status_code == 200
    assert answer.json() == {"etcdserver": "3.6.0", "etcdcluster": "3.6.0"}
    own_etcd.resume()
    assert version_told(f"{app.url}/etcd", own_etcd.version).status_code == 200


def test_a_call_to_a_paused_etcd_ends_with_its_deadline(serve: Serve, own_etcd: EtcdServer) -> None:
    app = serve("tests.hosts.apps.fastapi:app", own_etcd.endpoint)
    assert call(app).status_code == 200
    own_etcd.pause()
    late = call(app, {"Grpc-Timeout": "200m"})
    assert late.status_code == 504
    assert late.json() == {"code": 4, "message": "context deadline exceeded"}
    own_etcd.resume()
    assert call(app).status_code == 200


@pytest.fixture(params=["refused", "silent"])
def no_etcd(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where nobody listens, or somebody listens and says nothing."""
    if request.param == "silent":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield "http://127.0.0.1:{1}".format(*listener.getsockname())
    else:
        port = ReservedPort()
        yield port.url
        port.release()


def test_without_an_etcd_calls_fail_within_the_time_for_connecting(
    serve: Serve, no_etcd: str
) -> None:
    """The call has no deadline of its own, so only the limit can end it."""
    app = serve("tests.hosts.apps.limited:app", no_etcd)
    for _ in range(2):
        answer = call(app)
        assert answer.status_code == 503
        assert answer.json() == {"code": 14, "message": "etcd is not reachable"}
    until(lambda: version(app).status_code == 503, "a version that is not to be had")
    assert httpx.get(app.url + "/docs").status_code == 200
