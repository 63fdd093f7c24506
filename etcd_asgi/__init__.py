"""etcd's JSON API inside a Python web application.

::

    from fastapi import FastAPI
    from etcd_asgi import Gateway

    app = FastAPI()
    app.mount("/etcd", Gateway("http://127.0.0.1:2379"))
"""

from etcd_asgi.access import FULL, Access, Grant, passthrough
from etcd_asgi.errors import DecodeError, Denied, EtcdAsgiError, UpstreamError
from etcd_asgi.gateway import DEFAULT_VERSIONS, Gateway
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import TLS, Upstream

__all__ = [
    "DEFAULT_VERSIONS",
    "FULL",
    "TLS",
    "Access",
    "DecodeError",
    "Denied",
    "EtcdAsgiError",
    "Gateway",
    "Grant",
    "Limits",
    "Upstream",
    "UpstreamError",
    "passthrough",
]
