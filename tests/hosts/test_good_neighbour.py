"""What a gateway does to the process of its host: nothing before the first call, and nothing to
other libraries."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

from etcd_asgi.testing import EtcdServer
from tests.hosts.serving import ROOT
from tests.hosts.target import text


def run(module: str, *arguments: str, **env: str) -> Any:
    """What a probe prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"tests.hosts.probes.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the probe reads /proc")
def test_an_idle_mount_has_no_thread_and_no_socket() -> None:
    costs = run("idle")
    for when in ("imported", "mounted"):
        assert costs[when]["threads"] == 1
        assert costs[when]["python_threads"] == ["MainThread"]
        assert costs[when]["sockets"] == []
    assert costs["used"]["threads"] > 1
    assert costs["used"]["sockets"]


@pytest.mark.skipif(sys.platform != "linux", reason="the probe reads /proc")
def test_importing_the_package_imports_no_host_and_no_server() -> None:
    modules = set(run("idle")["imported"]["modules"])
    assert "grpc" in modules
    assert modules.isdisjoint(
        {"django", "fastapi", "litestar", "quart", "uvicorn", "httpx", "pydantic"}
    )


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(["gateway", "generated"], id="after-us"),
        pytest.param(["generated", "gateway"], id="before-us"),
        pytest.param(["gateway", "aetcd"], id="aetcd-after-us"),
        pytest.param(["aetcd", "gateway"], id="aetcd-before-us"),
    ],
)
def test_other_definitions_of_etcds_messages_live_in_the_same_process(
    etcd: EtcdServer, key: str, order: list[str]
) -> None:
    if "aetcd" in order and find_spec("aetcd") is None:
        pytest.skip("aetcd is not installed")
    found = run("definitions", *order, ETCD_URL=etcd.endpoint, KEY=text(key))
    assert found == {"put": 200, "values": [text(key)]}
