"""Calls that were not sent are made again, or elsewhere; those that may have been are not.

The names here have a label that is longer than the 63 octets DNS allows, so that no name server is
asked for them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import anyio
import grpc.aio
import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.failover import UNREACHABLE
from etcd_asgi.upstream.grpcio.errors import transport_error
from etcd_asgi.upstream.transport import TransportError

STATUS = "/etcdserverpb.Maintenance/Status"
NO_NAME, NO_OTHER_NAME = (f"http://{letter * 64}:2379" for letter in "ab")
REFUSED = "http://localhost:1"

TOLD_OF_NO_CONNECTION = [
    # 1.49 to 1.85, as each of their resolvers has it.
    "DNS resolution failed for a:1: C-ares status is not ARES_SUCCESS qtype=A name=a: not found",
    "DNS resolution failed for a:1: UNKNOWN: Name or service not known",
    "errors resolving a:1: [field:hostname lookup error:address lookup failed for a:1: not found]",
    "errors resolving a:1: [field:hostname lookup error:... syscall: getaddrinfo]",
    "failed to connect to all addresses; last error: UNKNOWN: Connection refused",
    "connections to all backends failing; last error: UNKNOWN: Connection refused",
    "empty address list: a:1",
]
TOLD_OF_A_CONNECTION = [
    "Socket closed",
    "Connection reset by peer",
    "ping timeout",
    "GOAWAY received",
    "Stream removed",
    "etcdserver: leader changed",
    'connection error: desc = "transport: Error while dialing: connection refused"',
    "upstream connect error or disconnect/reset before headers",
    "",
]


def failed(
    text: str, debug: str = "", code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
) -> TransportError:
    none = grpc.aio.Metadata()
    return transport_error(grpc.aio.AioRpcError(code, none, none, text, debug))


@pytest.mark.parametrize("text", TOLD_OF_NO_CONNECTION)
def test_a_call_that_found_no_connection_was_not_sent(text: str) -> None:
    assert not failed(text).sent


@pytest.mark.parametrize("text", TOLD_OF_A_CONNECTION)
def test_a_call_that_had_a_connection_may_have_been_carried_out(text: str) -> None:
    assert failed(text).sent


@pytest.mark.parametrize("text", TOLD_OF_NO_CONNECTION)
def test_the_same_words_from_the_other_side_or_with_another_code_prove_nothing(text: str) -> None:
    peer = "UNKNOWN:Error received from peer ipv4:127.0.0.1:2379 {grpc_status:14}"
    assert failed(text, peer).sent
    assert failed(text, code=grpc.StatusCode.INTERNAL).sent


@pytest.mark.parametrize(
    "before",
    [[NO_NAME], [REFUSED], [NO_NAME, NO_OTHER_NAME], [REFUSED, NO_NAME], [NO_NAME, REFUSED]],
    ids=str,
)
@pytest.mark.usefixtures("one_event_loop")
async def test_the_first_call_goes_on_to_a_target_that_is_there(
    etcd: EtcdServer, before: list[str]
) -> None:
    there = f"http://localhost:{etcd.client_port}"
    upstream = GrpcUpstream(parse_targets([*before, there]), Limits())
    for _ in range(3):
        with anyio.fail_after(30):
            assert await upstream.unary(STATUS, b"", [], None)
    await upstream.aclose()


@pytest.mark.usefixtures("one_event_loop")
async def test_a_target_is_tried_though_finding_the_first_one_dead_took_all_the_patience(
    etcd: EtcdServer,
) -> None:
    targets = parse_targets([NO_NAME, f"http://localhost:{etcd.client_port}"])
    upstream = GrpcUpstream(targets, Limits(restart_time=1e-9))
    with anyio.fail_after(30):
        assert await upstream.unary(STATUS, b"", [], None)
    await upstream.aclose()


@pytest.mark.parametrize("url", [NO_NAME, REFUSED])
@pytest.mark.usefixtures("one_event_loop")
async def test_a_call_waits_for_a_lone_target_whatever_keeps_it_from_being_found(url: str) -> None:
    upstream = GrpcUpstream(parse_targets(url), Limits(restart_time=600))
    waiting = asyncio.create_task(upstream.unary(STATUS, b"", [], None))
    _, pending = await asyncio.wait({waiting}, timeout=0.5)  # for what must not happen meanwhile
    assert pending
    with anyio.fail_after(30):
        await upstream.aclose()
        await asyncio.wait({waiting})
    assert isinstance(waiting.exception(), UpstreamError)


@pytest.mark.parametrize("url", [NO_NAME, REFUSED])
@pytest.mark.usefixtures("one_event_loop")
async def test_a_call_that_has_waited_in_vain_is_code_14(url: str) -> None:
    upstream = GrpcUpstream(parse_targets(url), Limits(restart_time=0.1))
    with anyio.fail_after(30), pytest.raises(UpstreamError) as caught:
        await upstream.unary(STATUS, b"", [], None)
    assert (caught.value.code, caught.value.message) == (14, UNREACHABLE)
    await upstream.aclose()


@pytest.mark.parametrize("resolver", ["native", "ares"])
def test_a_name_is_no_reason_to_fail_with_either_resolver_of_grpc(
    etcd: EtcdServer, resolver: str
) -> None:
    program = """
import asyncio, sys
from etcd_asgi import Limits
from etcd_asgi.upstream import GrpcUpstream, parse_targets

async def main():
    upstream = GrpcUpstream(parse_targets(sys.argv[1:]), Limits())
    print(len(await upstream.unary("/etcdserverpb.Maintenance/Status", b"", [], 20)))
    await upstream.aclose()

asyncio.run(main())
"""
    there = f"http://localhost:{etcd.client_port}"
    done = subprocess.run(
        [sys.executable, "-c", program, NO_NAME, there],
        env={**os.environ, "GRPC_DNS_RESOLVER": resolver},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert int(done.stdout) > 0
