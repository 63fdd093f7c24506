"""A real etcd for tests and demos, and an upstream in memory for what no etcd does when asked.

    with EtcdServer() as etcd:
        gateway = Gateway(etcd.endpoint)
        ...
        etcd.kill()  # what does the application do now?
        etcd.restart()  # same ports, same data

    upstream = FakeUpstream()
    upstream.fail("/etcdserverpb.KV/Put", 8, "etcdserver: mvcc: database space exceeded")
    gateway = Gateway(upstream)

Standard library only, so any test runner can use it. POSIX systems only: it relies on signals and
``/bin/sh``.
"""

from etcd_asgi.testing.binaries import EtcdNotFoundError, etcd_version, find_etcd
from etcd_asgi.testing.server import EtcdServer
from etcd_asgi.testing.startup import EtcdServerError
from etcd_asgi.testing.upstream import FakeCall, FakeUpstream

__all__ = [
    "EtcdNotFoundError",
    "EtcdServer",
    "EtcdServerError",
    "FakeCall",
    "FakeUpstream",
    "etcd_version",
    "find_etcd",
]
