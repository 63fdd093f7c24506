"""FastAPI with two gateways, each in front of an etcd of its own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from etcd_asgi import Gateway

_one, _other = os.environ["ETCD_URL"].split()
one = Gateway(_one)
other = Gateway(_other, versions={"v3": "3.5"})


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with one, other:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/one", one)
app.mount("/other", other)
