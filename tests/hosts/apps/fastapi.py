"""A gateway mounted in FastAPI, without a lifespan."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway

app = FastAPI()
app.mount("/etcd", Gateway(os.environ["ETCD_URL"]))


@app.get("/")
def index() -> dict[str, str]:
    return {"etcd": "/etcd/v3/kv/range"}
