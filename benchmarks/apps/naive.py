"""The gateway that one would write in an afternoon, for scale.

Starlette's request and response objects, protobuf's ``json_format``, grpcio's asyncio API.
"""

import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import grpc.aio
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from etcd_asgi.calls.bindings import Binding, Kind, bindings
from etcd_asgi.etcd import proto


@cache
def channel() -> grpc.aio.Channel:
    """The channel, opened by the first request as it needs the running loop."""
    target = os.environ["BENCH_ETCD"].removeprefix("http://")
    return grpc.aio.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])


def endpoint(binding: Binding) -> Callable[[Request], Awaitable[JSONResponse]]:
    """The endpoint that carries the calls of *binding*."""
    request_class = proto.message_class(binding.request)
    response_class = proto.message_class(binding.response)

    @cache
    def call() -> Any:
        return channel().unary_unary(
            binding.rpc,
            request_serializer=request_class.SerializeToString,
            response_deserializer=response_class.FromString,
        )

    async def answer(request: Request) -> JSONResponse:
        message = json_format.Parse(await request.body(), request_class())
        response = await call()(message)
        return JSONResponse(json_format.MessageToDict(response, preserving_proto_field_name=True))

    return answer


app = Starlette(
    routes=[
        Route(f"/v3{binding.path}", endpoint(binding), methods=["POST"])
        for binding in bindings()
        if binding.kind is Kind.UNARY
    ]
)
