"""A FastAPI application with etcd's JSON API under /etcd."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway

app = FastAPI(title="FastAPI with etcd under /etcd")
app.mount("/etcd", Gateway(os.environ.get("ETCD_URL", "http://127.0.0.1:2379")))


@app.get("/")
def index() -> dict[str, str]:
    """Say what is where: an ordinary route beside the mount."""
    return {"etcd": "/etcd/v3/kv/range", "version": "/etcd/version", "docs": "/docs"}
