"""FastAPI with a gateway that gives up soon on connecting, late on health, and forgets at once."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway, Limits

limits = Limits(connect_timeout=0.5, health_timeout=600, version_cache_time=0.001)
app = FastAPI()
app.mount("/etcd", Gateway(os.environ["ETCD_URL"], limits=limits))
