"""Starlette: a mount at the root."""

import os

from starlette.applications import Starlette
from starlette.routing import Mount

from etcd_asgi import Gateway

app = Starlette(routes=[Mount("/", Gateway(os.environ["ETCD_URL"]))])
