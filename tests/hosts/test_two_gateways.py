"""Two gateways in one host know nothing of each other."""

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.conftest import StartEtcd
from tests.hosts.conftest import Serve
from tests.hosts.serving import AppServer, until
from tests.hosts.target import TIMEOUT, text


@pytest.fixture
def second(start_etcd: StartEtcd) -> EtcdServer:
    return start_etcd()


@pytest.fixture
def app(serve: Serve, etcd: EtcdServer, second: EtcdServer) -> AppServer:
    return serve("tests.hosts.apps.two:app", f"{etcd.endpoint} {second.endpoint}")


def test_each_gateway_has_its_own_etcd_flavour_and_trouble(
    app: AppServer, second: EtcdServer, key: str
) -> None:
    httpx.post(f"{app.url}/one/v3/kv/put", json={"key": text(key), "value": text("one")})
    found = httpx.post(f"{app.url}/other/v3/kv/range", json={"key": text(key)})
    assert "kvs" not in found.json()

    wrong = [httpx.get(f"{app.url}/{name}/v3/kv/range") for name in ("one", "other")]
    assert [answer.status_code for answer in wrong] == [501, 405]

    second.kill()
    until(lambda: _status(app, "other") == 503, "503 from the gateway whose etcd is gone")
    assert _status(app, "one") == 200


def _status(app: AppServer, name: str) -> int:
    url = f"{app.url}/{name}/v3/kv/range"
    return httpx.post(url, json={"key": text("k")}, timeout=TIMEOUT).status_code
