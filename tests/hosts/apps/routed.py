"""Gateways behind the dependencies of a FastAPI application."""

import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from starlette.requests import HTTPConnection

from etcd_asgi import READ_ONLY, Denied, Gateway, Grant
from etcd_asgi.contrib.fastapi import gateway_router

ETCD = os.environ["ETCD_URL"]


def current_user(conn: HTTPConnection) -> str:
    """For HTTP and WebSocket alike."""
    user = conn.headers.get("x-user")
    if user is None:
        raise HTTPException(401, "who are you?", {"www-authenticate": "Demo"})
    conn.state.user_name = user
    return user


async def closing(
    response: Response, _user: Annotated[str, Depends(current_user)]
) -> AsyncIterator[None]:
    """A dependency that sets a header, and has something to close."""
    response.headers["x-dependency"] = "was here"
    yield


async def reads_body(request: Request) -> None:
    await request.body()


async def reads_stream(request: Request) -> None:
    async for _ in request.stream():
        pass


def access(conn: HTTPConnection) -> Grant:
    if conn.state.user_name == "nobody":
        raise Denied(403, "nobody may do nothing")
    return Grant(rpcs=READ_ONLY, user=conn.state.user_name)


app = FastAPI()
app.include_router(
    gateway_router(
        Gateway(ETCD, access=access), dependencies=[Depends(current_user), Depends(closing)]
    ),
    prefix="/guarded",
)
app.include_router(gateway_router(Gateway(ETCD)), prefix="/etcd")
app.include_router(
    gateway_router(Gateway(ETCD), dependencies=[Depends(reads_body)]), prefix="/body"
)
app.include_router(
    gateway_router(Gateway(ETCD), dependencies=[Depends(reads_stream)]), prefix="/stream"
)

inner = APIRouter(prefix="/inner", dependencies=[Depends(current_user)])
inner.include_router(gateway_router(Gateway(ETCD, access=access)), prefix="/etcd")
app.include_router(inner, prefix="/{tenant}")


@app.get("/")
def index() -> dict[str, str]:
    return {"etcd": "/etcd/v3/kv/range"}
