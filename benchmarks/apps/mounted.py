"""The gateway in a FastAPI application."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway

app = FastAPI()
app.mount("/", Gateway(os.environ["BENCH_ETCD"]))
