"""The URLs of etcd."""

import pytest

from etcd_asgi.upstream import Target, parse_targets
from etcd_asgi.upstream.grpcio.transport import grpc_name
from etcd_asgi.upstream.targets import IPV4, IPV6, NAME, Address


def named(targets: tuple[Target, ...], *, secure: bool) -> list[str]:
    """What gRPC calls *targets*, which are *secure* or not."""
    assert {target.secure for target in targets} == {secure}
    return [grpc_name(target) for target in targets]


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        ("http://127.0.0.1:2379", ["ipv4:127.0.0.1:2379"]),
        ("http://etcd.example/", ["dns:etcd.example:2379"]),
        ("http://[::1]:23790", ["ipv6:[::1]:23790"]),
        (["http://10.0.0.1:1", "http://10.0.0.2"], ["ipv4:10.0.0.1:1,10.0.0.2:2379"]),
        (["http://a:1", "http://10.0.0.1:1", "http://b:2"],
         ["dns:a:1", "ipv4:10.0.0.1:1", "dns:b:2"]),
        (["http://a:1", "http://a:2"], ["dns:a:1", "dns:a:2"]),
        ("http://etcd_1:2379", ["dns:etcd_1:2379"]),
        (" http://a:1\n", ["dns:a:1"]),
    ],
)  # fmt: skip
def test_addresses_share_a_channel_and_names_have_one_each(
    urls: str | list[str], names: list[str]
) -> None:
    assert named(parse_targets(urls), secure=False) == names


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["http://localhost:2379", "http://localhost:2379"], ["dns:localhost:2379"]),
        (["http://localhost", "HTTP://LOCALHOST:2379/"], ["dns:localhost:2379"]),
        (["http://10.0.0.1", "http://10.0.0.1:2379"], ["ipv4:10.0.0.1:2379"]),
        (["http://[::1]", "http://[0:0:0:0:0:0:0:1]:2379"], ["ipv6:[::1]:2379"]),
        (["http://a", "http://b", "http://a"], ["dns:a:2379", "dns:b:2379"]),
        (["https://10.0.0.1", "https://10.0.0.1:2379"], ["ipv4:10.0.0.1:2379"]),
        (["http://localhost", "http://127.0.0.1"], ["dns:localhost:2379", "ipv4:127.0.0.1:2379"]),
    ],
)
def test_a_member_that_is_given_twice_counts_once(urls: list[str], names: list[str]) -> None:
    assert [grpc_name(target) for target in parse_targets(urls)] == names


def test_https_makes_a_secure_channel() -> None:
    assert named(parse_targets("https://etcd.example:2379"), secure=True) == [
        "dns:etcd.example:2379"
    ]


def test_with_tls_each_address_has_a_channel_whose_name_is_in_its_certificate() -> None:
    targets = parse_targets(["https://10.0.0.1:1", "https://[::1]:2", "https://10.0.0.2"])
    names = ["ipv4:10.0.0.1:1", "ipv6:[::1]:2", "ipv4:10.0.0.2:2379"]
    assert named(targets, secure=True) == names


@pytest.mark.parametrize(
    ("url", "address", "family"),
    [
        ("http://etcd.example", ("etcd.example", 2379), NAME),
        ("http://10.0.0.1:1", ("10.0.0.1", 1), IPV4),
        ("http://[0:0:0:0:0:0:0:1]", ("::1", 2379), IPV6),
    ],
)
def test_an_address_is_a_host_and_a_port_in_no_librarys_syntax(
    url: str, address: tuple[str, int], family: str
) -> None:
    assert parse_targets(url) == (Target((Address(*address),), secure=False),)
    assert Address(*address).family == family


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        ([], "needs the URL of etcd"),
        ("", "must be like"),
        ("127.0.0.1:2379", "must be like 'http://127.0.0.1:2379'"),
        ("ftp://x", "must be like"),
        ("http://", "must be like"),
        ("http://h:99999", "Port out of range"),
        ("http://h:x", "must be like"),
        ("http://h/v3", "a scheme, a host and a port"),
        ("http://h?x=1", "a scheme, a host and a port"),
        ("http://me:secret@h", "a scheme, a host and a port"),
        (["http://a", "https://b"], "mix http and https"),
        ("http://a:1,http://b:2", "several members are a list"),
        ("http://a:1,b:2", "several members are a list"),
        ("http://a,b", "several members are a list"),
        ("http://a:1;http://b:2", "several members are a list"),
        ("http://a:1 http://b:2", "several members are a list"),
        ("http://h:0", "no port 0"),
        (["http://a", "http://h:0"], "no port 0"),
        ("http://${HOST}:2379", "not the name of a host"),
        ("http://{host}", "not the name of a host"),
        ("http://*.example", "not the name of a host"),
        ("http://a:1,http://me:secret@h", "several members are a list"),
    ],
)
def test_what_cannot_be_an_etcd_is_refused_with_an_example(
    urls: str | list[str], text: str
) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        parse_targets(urls)
    assert "secret" not in str(caught.value)


def test_a_url_that_is_no_string_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a string, not int"):
        parse_targets([2379])  # type: ignore[list-item]


@pytest.mark.parametrize("host", ["None", "none", "undefined", "null", "a..b"])
def test_a_host_from_an_unset_variable_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"unset|not the name of a host"):
        parse_targets(f"http://{host}:2379")
