"""``etcd-asgi serve``: a gateway alone, and what it does not let one do by mistake."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from etcd_asgi.testing import EtcdServer
from tests.cli.commands import TIMEOUT, run, serving
from tests.conftest import StartEtcd
from tests.hosts.serving import version_told
from tests.hosts.target import text

URL = "http://127.0.0.1:2379"


@pytest.fixture(scope="module")
def url(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("serve-"), "--upstream", etcd.endpoint) as url:
        yield url


@pytest.fixture
def key() -> str:
    return f"cli/{uuid.uuid4()}"


def put(url: str, key: str, headers: dict[str, str] | None = None) -> httpx.Response:
    body = f'{{"key": "{text(key)}", "value": "{text("v")}"}}'
    return httpx.post(f"{url}/v3/kv/put", content=body, headers=headers, timeout=TIMEOUT)


def test_it_serves_etcd(url: str, etcd: EtcdServer, key: str) -> None:
    assert put(url, key).status_code == 200
    found = httpx.post(f"{etcd.endpoint}/v3/kv/range", json={"key": text(key)}).json()
    assert found["kvs"][0]["value"] == text("v")
    assert version_told(url, etcd.version).json()["etcdserver"] == etcd.version


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.example"}, id="origin"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="fetch-metadata"),
        pytest.param({"host": "evil.example"}, id="rebound-name"),
        pytest.param({"host": "evil.example:1", "origin": "http://evil.example:1"}, id="rebound"),
        pytest.param({"host": "[", "origin": "http://["}, id="no-name"),
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_page_elsewhere_writes_nothing(
    url: str, headers: dict[str, str], kind: str, key: str
) -> None:
    answer = put(url, key, {**headers, "content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (403, 7)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"])
def test_it_is_served_under_the_names_of_this_machine(url: str, name: str, key: str) -> None:
    headers = {"host": f"{name}:1234", "origin": f"http://{name}:1234"}
    assert put(url, key, headers).status_code == 200


def test_another_name_can_be_allowed(etcd: EtcdServer, tmp_path: Path, key: str) -> None:
    arguments = ["--upstream", etcd.endpoint, "--allowed-host=etcd.example"]
    with serving(tmp_path, *arguments, "--allowed-host=[2001:db8::1]") as url:
        assert put(url, key, {"host": "etcd.example"}).status_code == 200
        assert put(url, key, {"host": "[2001:db8::1]:8000"}).status_code == 200
        assert put(url, key, {"host": "other.example"}).status_code == 403


def test_read_only_is_read_only_in_its_namespace(
    etcd: EtcdServer, tmp_path: Path, key: str
) -> None:
    httpx.post(f"{etcd.endpoint}/v3/kv/put", json={"key": text(f"{key}/a")})
    arguments = ["--upstream", etcd.endpoint, "--read-only", f"--namespace={key}/"]
    with serving(tmp_path, *arguments) as url:
        body = {"key": text("\0"), "range_end": text("\0")}
        found = httpx.post(f"{url}/v3/kv/range", json=body).json()
        assert [kv["key"] for kv in found["kvs"]] == [text("a")]
        assert put(url, key).status_code == 403


def test_it_ends_in_order_while_a_watch_is_open(etcd: EtcdServer, tmp_path: Path, key: str) -> None:
    """Its log is looked at when it has ended."""
    with (
        httpx.Client(timeout=TIMEOUT) as client,
        ExitStack() as open_watches,
        serving(tmp_path, "--upstream", etcd.endpoint) as url,
    ):
        body = {"create_request": {"key": text(key)}}
        watch = open_watches.enter_context(client.stream("POST", f"{url}/v3/watch", json=body))
        assert '"created":true' in next(watch.iter_lines())


def test_versions_can_be_chosen(etcd: EtcdServer, tmp_path: Path, key: str) -> None:
    arguments = ["--upstream", etcd.endpoint, "--versions=v3beta=3.4,v3=3.7"]
    with serving(tmp_path, *arguments) as url:
        for prefix, status in (("v3", 501), ("v3beta", 405), ("v3alpha", 404)):
            assert httpx.get(f"{url}/{prefix}/kv/range").status_code == status


def test_the_explorer_is_served_where_it_is_asked_for(
    url: str, etcd: EtcdServer, tmp_path: Path
) -> None:
    assert httpx.get(f"{url}/explorer/").status_code == 404
    with serving(tmp_path, "--upstream", etcd.endpoint, "--explorer") as other:
        assert "text/html" in httpx.get(f"{other}/explorer/").headers["content-type"]


def test_it_calls_as_a_user_where_that_is_meant(start_etcd: StartEtcd, tmp_path: Path) -> None:
    etcd = start_etcd()
    auth = f"{etcd.endpoint}/v3/auth"
    httpx.post(f"{auth}/user/add", json={"name": "root", "password": "secret word"})
    httpx.post(f"{auth}/user/grant", json={"user": "root", "role": "root"})
    assert httpx.post(f"{auth}/enable", json={}).status_code == 200
    file = tmp_path / "password"
    file.write_text("secret word\n")
    common = ["--upstream", etcd.endpoint, "--user=root", "--allow-anyone"]
    by_file, by_variable = (
        [*common, f"--password-file={file}"],
        {"ETCD_ASGI_PASSWORD": "secret word"},
    )
    with serving(tmp_path, *by_file) as url:
        assert put(url, "k").status_code == 200
    with serving(tmp_path, *common, env=by_variable) as url:
        assert put(url, "k").status_code == 200
    logs = [path.read_text() for path in tmp_path.rglob("serve.log")]
    assert len(logs) == 2
    assert "secret word" not in "".join(logs)
    with serving(tmp_path, "--upstream", etcd.endpoint) as url:
        assert "user name is empty" in put(url, "k").text


SECRET = {"ETCD_ASGI_PASSWORD": "secret word"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--user=root"], "say --allow-anyone if you mean it", id="user"),
        pytest.param(
            ["--user=root", "--allow-anyone", "--host=0.0.0.0"],
            "listen on 127.0.0.1 behind a proxy that asks for a login",
            id="beyond-loopback",
        ),
        pytest.param(["--user=root", "--host=::"], "listen on 127.0.0.1", id="all-of-ipv6"),
        pytest.param(["--user=root", "--host=a.example"], "listen on 127.0.0.1", id="name"),
        pytest.param(["--password-file=x"], "with --user alone", id="password-alone"),
        pytest.param(["--user=r", "--password-file=/no/such"], "/no/such", id="no-file"),
        pytest.param(["--port=70000"], "a port is a number from 0 to 65535, not 70000", id="port"),
        pytest.param(["--host=192.0.2.1"], "cannot listen on 192.0.2.1", id="no-address"),
        pytest.param(["--versions=v3"], "write it like v3=3.7,v3beta=3.5", id="versions"),
        pytest.param(["--versions=v3=9"], "9", id="flavour"),
        pytest.param(["--versions=v3=3.6,v3=3.7"], "a prefix is there twice", id="prefix-twice"),
        pytest.param(["--upstream=etcd"], "etcd", id="url"),
        pytest.param(["--upstream="], "it is empty", id="no-url"),
        pytest.param([f"--upstream={URL},{URL}"], "once for each member", id="urls-in-one"),
        pytest.param(["--upstream=http://etcd:0"], "no port 0", id="port-0-of-etcd"),
        pytest.param(["--host="], "it is empty", id="all-addresses-by-an-unset-variable"),
        pytest.param(["--namespace="], "it is empty", id="all-keys-by-an-unset-variable"),
        pytest.param(["--tls-ca="], "it is empty", id="no-authority-by-an-unset-variable"),
        pytest.param(["--user="], "the name of an etcd user", id="no-user"),
        pytest.param(["--allowed-host="], "without a port", id="no-name-allowed"),
        pytest.param(["--allowed-host=etcd.example:80"], "without a port", id="name-with-port"),
        pytest.param(["--allowed-host=http://etcd.example"], "without a port", id="name-as-url"),
        pytest.param(["--allowed-host=*.example"], "without a port", id="wildcard"),
        pytest.param([f"--tls-cert={__file__}"], "cert and key together", id="tls"),
        pytest.param(
            [f"--tls-cert={__file__}", f"--tls-key={__file__}"],
            "say --allow-anyone",
            id="certificate",
        ),
        pytest.param(["--tls-ca=/no/such"], "/no/such", id="no-certificate"),
        pytest.param([f"--tls-ca={__file__}"], "https://", id="tls-without-https"),
    ],
)
def test_what_cannot_be_or_is_dangerous_is_refused_in_one_line(
    arguments: list[str], told: str
) -> None:
    status, output = run("serve", "--upstream", URL, *arguments, env=SECRET)
    assert status == 2
    last = output.strip().splitlines()[-1]
    assert last.startswith("etcd-asgi serve: error: ")
    assert told in last
    assert "Traceback" not in output
    assert "secret word" not in output


def test_a_member_that_is_given_twice_is_one(etcd: EtcdServer, tmp_path: Path, key: str) -> None:
    with serving(tmp_path, "--upstream", etcd.endpoint, "--upstream", f"{etcd.endpoint}/") as url:
        assert put(url, key).status_code == 200


def test_a_user_needs_a_password() -> None:
    status, output = run("serve", "--upstream", URL, "--user=root", env={"ETCD_ASGI_PASSWORD": ""})
    assert status == 2
    assert "--user needs a password: --password-file FILE, or $ETCD_ASGI_PASSWORD" in output
