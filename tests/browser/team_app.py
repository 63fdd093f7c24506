"""A gateway for a team: a part of etcd's keys as if it were all.

``ETCD_URL`` and ``NAMESPACE`` come from the environment.
"""

import os

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from etcd_asgi import KEY_VALUE, Gateway, Grant

NAMESPACE = os.environ["NAMESPACE"]


def access(_conn: HTTPConnection) -> Grant:
    return Grant(rpcs=KEY_VALUE, namespace=NAMESPACE.encode(), user="red")


gateway = Gateway(
    os.environ["ETCD_URL"], access=access, explorer=True, lease_secret=b"a secret of this test"
)
app = Starlette(routes=[Mount("/etcd", gateway)])
