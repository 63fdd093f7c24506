"""Messages of etcd's that are too long, and etcd's own words about requests that are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from etcd_asgi import Limits, UpstreamError
from etcd_asgi.errors import too_long
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from tests.unit.namespace.messages import request

PUT, RANGE = "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range"
KEY = b"receive-limit"
LIMIT = 100_000


@pytest.fixture
async def upstream(etcd: EtcdServer) -> AsyncIterator[GrpcUpstream]:
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), Limits(max_answer_bytes=LIMIT))
    put = request("KV.Put", key=KEY, value=bytes(2 * LIMIT))
    await upstream.unary(PUT, put.SerializeToString(), [], None)
    yield upstream
    await upstream.aclose()


async def test_a_message_that_is_too_long_is_our_error(upstream: GrpcUpstream) -> None:
    ask = request("KV.Range", key=KEY).SerializeToString()
    with pytest.raises(UpstreamError) as unary:
        await upstream.unary(RANGE, ask, [], None)
    with pytest.raises(UpstreamError) as stream:
        await upstream.server_stream(RANGE, ask, [], None).receive()
    both = upstream.bidi(RANGE, [], None)
    await both.send(ask)
    with pytest.raises(UpstreamError) as bidi:
        await both.receive()
    for caught in (unary, stream, bidi):
        size = int(caught.value.message.split()[3])
        assert 2 * LIMIT < size < 2 * LIMIT + 100
        assert caught.value.args == too_long(size, LIMIT).args
        assert (caught.value.code, caught.value.local) == (8, True)


async def test_a_request_that_is_too_long_is_etcds_error(upstream: GrpcUpstream) -> None:
    put = request("KV.Put", key=KEY, value=bytes(3_000_000)).SerializeToString()
    with pytest.raises(UpstreamError, match="grpc: received message larger than max") as caught:
        await upstream.unary(PUT, put, [], None)
    assert (caught.value.code, caught.value.local) == (8, False)


async def test_a_limit_beyond_what_grpc_takes_is_none(etcd: EtcdServer) -> None:
    upstream = GrpcUpstream(parse_targets(etcd.endpoint), Limits(max_answer_bytes=2**40))
    assert await upstream.unary(RANGE, request("KV.Range", key=KEY).SerializeToString(), [], None)
    await upstream.aclose()
