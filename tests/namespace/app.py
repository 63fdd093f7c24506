"""Two gateways: one that keeps each caller in the namespace of its header, and one without bounds.

Each has an etcd of its own. The header stands for the login of a host; it is hexadecimal.
"""

import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from etcd_asgi import Denied, Gateway, Grant
from tests.namespace.raw import SECRET


def access(conn: HTTPConnection) -> Grant:
    """The namespace that the header names."""
    if "x-namespace" not in conn.headers:
        raise Denied(401, "log in first")
    return Grant(namespace=bytes.fromhex(conn.headers["x-namespace"]))


scoped = Gateway(os.environ["ETCD_URL"], access=access, lease_secret=SECRET)
alone = Gateway(os.environ["ALONE_URL"])
app = Starlette(routes=[Mount("/scoped", scoped), Mount("/alone", alone)])
