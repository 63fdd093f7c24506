"""FastAPI with middleware around the mount, and the gateway's lifespan as its own."""

import os

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from etcd_asgi import Gateway

gateway = Gateway(os.environ["ETCD_URL"])


async def tag(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["x-host"] = "dressed"
    return response


app = FastAPI(lifespan=gateway.lifespan)
app.add_middleware(BaseHTTPMiddleware, dispatch=tag)
app.add_middleware(GZipMiddleware, minimum_size=100)
app.add_middleware(CORSMiddleware, allow_origins=["https://ui.example"], allow_methods=["POST"])
app.mount("/etcd", gateway)


@app.get("/")
def index() -> str:
    return "dressed"
