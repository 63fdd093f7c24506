"""FastAPI with a gateway of few places, which are left soon by clients that say nothing."""

import os

from fastapi import FastAPI

from etcd_asgi import Gateway, Limits

PLACES = 12
REQUEST_TIMEOUT = 2.0

gateway = Gateway(
    os.environ["ETCD_URL"],
    limits=Limits(max_streams=PLACES, request_timeout=REQUEST_TIMEOUT, max_body_bytes=10_000),
)
app = FastAPI(lifespan=gateway.lifespan)
app.mount("/etcd", gateway)


@app.get("/places")
def places() -> int:
    """How many are taken."""
    return len(gateway._streams)


@app.post("/close")
async def close() -> None:
    """Close the gateway, as at the end of the process."""
    await gateway.aclose()
