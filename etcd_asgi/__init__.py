"""etcd's JSON API inside a Python web application.

::

    from fastapi import FastAPI
    from etcd_asgi import Gateway

    app = FastAPI()
    app.mount("/etcd", Gateway("http://127.0.0.1:2379"))
"""

from etcd_asgi.asgi.routes import DEFAULT_VERSIONS
from etcd_asgi.errors import DecodeError, Denied, EtcdAsgiError, UpstreamError
from etcd_asgi.gateway import Gateway
from etcd_asgi.policy.audit import AuditRecord
from etcd_asgi.policy.grant import (
    FULL,
    KEY_VALUE,
    READ_ONLY,
    Access,
    Grant,
    allow_anyone,
    passthrough,
)
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import TLS, Upstream
from etcd_asgi.upstream.auth.password import Password

__all__ = [
    "DEFAULT_VERSIONS",
    "FULL",
    "KEY_VALUE",
    "READ_ONLY",
    "TLS",
    "Access",
    "AuditRecord",
    "DecodeError",
    "Denied",
    "EtcdAsgiError",
    "Gateway",
    "Grant",
    "Limits",
    "Password",
    "Upstream",
    "UpstreamError",
    "allow_anyone",
    "passthrough",
]
