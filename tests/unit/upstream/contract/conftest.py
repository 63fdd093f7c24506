"""A connection over each transport."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.unit.upstream.contract.scenes import SCENES, Scene


@pytest.fixture(scope="session")
def grpc_port() -> Iterator[int]:
    """The port of the gRPC server."""
    command = [sys.executable, "-m", "tests.unit.upstream.contract.grpc_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


@pytest.fixture(params=list(SCENES))
def transport_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def scene(transport_name: str, grpc_port: int, one_event_loop: None) -> AsyncIterator[Scene]:
    async with SCENES[transport_name](grpc_port) as scene:
        yield scene
