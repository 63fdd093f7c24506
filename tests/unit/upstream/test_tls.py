"""TLS between the gateway and etcd, with a certificate that etcd made for itself."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from etcd_asgi import TLS, Gateway, Limits, UpstreamError
from etcd_asgi.testing import EtcdServer
from etcd_asgi.upstream import GrpcUpstream, parse_targets
from etcd_asgi.upstream.failover import UNREACHABLE

STATUS = "/etcdserverpb.Maintenance/Status"


@pytest.fixture(scope="module")
def secure() -> Iterator[EtcdServer]:
    with EtcdServer(args=["--auto-tls"]) as server:
        yield server


def certificate_of(etcd: EtcdServer) -> Path:
    (path,) = Path(etcd.data_dir).rglob("fixtures/client/cert.pem")
    return path


async def status(url: str | list[str], tls: TLS | None) -> bytes:
    upstream = GrpcUpstream(parse_targets(url), Limits(connect_timeout=2), tls)
    try:
        return await upstream.unary(STATUS, b"", [], 10)
    finally:
        await upstream.aclose()


@pytest.mark.skipif(
    tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 60),
    reason="early releases of grpcio do not know the curve P-521, which etcd's certificate is of",
)
async def test_etcd_is_reached_over_tls_when_its_authority_is_known(secure: EtcdServer) -> None:
    members = [secure.endpoint, "https://127.0.0.1:1"]
    for url in (secure.endpoint, members, members[::-1]):
        assert await status(url, TLS(ca=certificate_of(secure)))


async def test_an_etcd_whose_certificate_nobody_vouches_for_is_not_trusted(
    secure: EtcdServer,
) -> None:
    with pytest.raises(UpstreamError) as caught:
        await status(secure.endpoint, None)
    assert (caught.value.code, caught.value.message) == (14, UNREACHABLE)


async def test_a_certificate_for_another_name_is_not_trusted(secure: EtcdServer) -> None:
    tls = TLS(ca=certificate_of(secure), server_name="other.example")
    with pytest.raises(UpstreamError) as caught:
        await status(secure.endpoint, tls)
    assert (caught.value.code, caught.value.message) == (14, UNREACHABLE)


@pytest.mark.parametrize("files", [{"cert": "c.pem"}, {"key": "k.pem"}])
def test_a_certificate_and_its_key_come_together(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cert and key together, or neither"):
        TLS(**files)


def test_certificates_for_a_url_without_tls_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="https://"):
        Gateway("http://127.0.0.1:2379", tls=TLS())
