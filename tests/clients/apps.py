"""The gateway as the clients find it, each an application for an ASGI server."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway

_ETCD = os.environ["ETCD_URL"]

mounted = FastAPI()
"""Under /etcd, for clients that can be given a path."""
mounted.mount("/etcd", Gateway(_ETCD))

root = Gateway(_ETCD)
"""Alone, for clients that know no path but etcd's own."""

compat = Gateway(_ETCD, versions={"v3": "compat"})
"""Alone, with error bodies that clients of gateways before 3.6 understand too."""
