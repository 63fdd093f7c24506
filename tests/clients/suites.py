"""The clients' suites: what is run, where it finds the gateway, and what it must come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Counts = tuple[int, int]
"""Tests that were run, and tests that were skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One client's tests. In ``command`` and ``env``, ``{port}`` stands for the gateway's."""

    name: str

    app: str
    """A name in ``apps.py``."""

    command: tuple[str, ...]
    """What the environment of the clients' Python runs."""

    env: Mapping[str, str] = field(default_factory=dict)

    ran: int
    """Tests that have to run and pass: a suite that finds no server skips itself."""

    skipped: int = 0

    auth: Mapping[str, str] = field(default_factory=dict)
    """Users and passwords that etcd knows, if it asks for them; ``root`` must be among them."""

    prefix: str
    """What the path of every RPC begins with."""

    rpcs: frozenset[str]
    """RPCs, by their paths under the prefix, that the suite must have asked the gateway for."""


_UNITTEST = ("-m", "unittest")
_PYTEST = ("-m", "pytest", "-c", "{drivers}/pytest.ini")
_ETCD3GW = {
    "TOOZ_TEST_HTTP_URL": "http://localhost:{port}",
    "TOOZ_TEST_ETCD_PORT": "{port}",
}
_ETCD3GW_RPCS = frozenset(
    {"kv/put", "kv/range", "kv/deleterange", "kv/txn", "watch", "maintenance/status"}
    | {"lease/grant", "lease/keepalive", "kv/lease/revoke", "kv/lease/timetolive"}
    | {"cluster/member/list"}
)
_PATRONI_RPCS = frozenset(
    {"kv/put", "kv/range", "kv/deleterange", "kv/txn", "watch", "lease/grant", "lease/keepalive"}
)
_PATRONI_LOGIN = {"root": "hunter2"}

SUITES = (
    Suite(  # the longest comes first: two run at a time
        name="tooz",
        app="mounted",
        command=(*_UNITTEST, "tooz.tests.test_coordination"),
        env={"TOOZ_TEST_URL": "etcd3+http://localhost:{port}?api_version=etcd/v3"},
        ran=83,
        skipped=18,
        prefix="/etcd/v3/",
        rpcs=frozenset(
            {"kv/put", "kv/range", "kv/deleterange", "kv/txn", "lease/grant", "lease/keepalive"}
        ),
    ),
    Suite(
        name="etcd3gw-mounted",
        app="mounted",
        command=(*_UNITTEST, "etcd3gw.tests.test_etcd3gw"),
        env={**_ETCD3GW, "ETCD3GW_API_PATH": "/etcd/v3/"},
        ran=23,
        prefix="/etcd/v3/",
        rpcs=_ETCD3GW_RPCS,
    ),
    Suite(
        name="etcd3gw-root",
        app="root",
        command=(*_UNITTEST, "etcd3gw.tests.test_etcd3gw"),
        env=_ETCD3GW,
        ran=23,
        prefix="/v3/",
        rpcs=_ETCD3GW_RPCS,
    ),
    Suite(
        name="oslo.cache",
        app="mounted",
        command=(*_UNITTEST, "oslo_cache.tests.functional.etcd3gw.test_cache_backend"),
        env={"OSLO_CACHE_TEST_ETCD_PORT": "{port}", "ETCD3GW_API_PATH": "/etcd/v3/"},
        ran=11,
        prefix="/etcd/v3/",
        rpcs=frozenset({"kv/put", "kv/range", "lease/grant"}),
    ),
    Suite(
        name="patroni",
        app="root",
        command=(*_PYTEST, "{drivers}/patroni_driver.py"),
        env={"GATEWAY_URL": "http://127.0.0.1:{port}"},
        ran=10,
        skipped=1,
        prefix="/v3/",
        rpcs=_PATRONI_RPCS,
    ),
    Suite(
        name="patroni-auth",
        app="root",
        command=(*_PYTEST, "{drivers}/patroni_driver.py"),
        env={
            "GATEWAY_URL": "http://127.0.0.1:{port}",
            "ETCD_LOGIN": ":".join(*_PATRONI_LOGIN.items()),
        },
        ran=11,
        auth=_PATRONI_LOGIN,
        prefix="/v3/",
        rpcs=_PATRONI_RPCS | {"auth/authenticate"},
    ),
    Suite(
        name="etcd3-py",
        app="compat",
        command=(*_PYTEST, "{drivers}/etcd3py_driver.py"),
        env={"GATEWAY_URL": "http://127.0.0.1:{port}"},
        ran=14,
        prefix="/v3/",
        rpcs=frozenset(
            {"kv/put", "kv/range", "kv/deleterange", "kv/txn", "kv/compaction", "watch"}
            | {"lease/grant", "lease/keepalive", "kv/lease/revoke", "kv/lease/timetolive"}
            | {"lock/lock", "lock/unlock", "maintenance/snapshot", "maintenance/hash"}
            | {"auth/enable", "auth/authenticate", "auth/user/add", "auth/role/grant"}
        ),
    ),
)


def counts(output: str) -> Counts | None:
    """Read what unittest or pytest says at its end; ``None`` if it has said no such thing."""
    return _of_unittest(output) or _of_pytest(output)


def _of_unittest(output: str) -> Counts | None:
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    ended = re.search(r"^OK(?: \(skipped=(\d+)\))?$", output, re.MULTILINE)
    return (int(ran[1]), int(ended[1] or 0)) if ran and ended else None


def _of_pytest(output: str) -> Counts | None:
    ended = re.search(r"^=+ (\d+) passed(?:, (\d+) skipped)?(?:, \d+ warnings?)? in ", output, re.M)
    return (int(ended[1]), int(ended[2] or 0)) if ended else None
