"""Starlette: a mount at /a inside a mount at /b."""

import os

from starlette.applications import Starlette
from starlette.routing import Mount

from etcd_asgi import Gateway

inner = Starlette(routes=[Mount("/a", Gateway(os.environ["ETCD_URL"]))])
app = Starlette(routes=[Mount("/b", inner)])
