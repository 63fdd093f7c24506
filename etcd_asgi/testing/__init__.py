"""A real etcd for tests and demos.

    with EtcdServer() as etcd:
        gateway = Gateway(etcd.endpoint)
        ...
        etcd.kill()  # what does the application do now?
        etcd.restart()  # same ports, same data

Standard library only, so any test runner can use it. POSIX systems only: it relies on signals and
``/bin/sh``.
"""

from etcd_asgi.testing.binaries import EtcdNotFoundError, etcd_version, find_etcd
from etcd_asgi.testing.server import EtcdServer
from etcd_asgi.testing.startup import EtcdServerError

__all__ = [
    "EtcdNotFoundError",
    "EtcdServer",
    "EtcdServerError",
    "etcd_version",
    "find_etcd",
]
