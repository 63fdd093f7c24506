"""Calls etcd through a gateway in a process where somebody else defines etcd's messages too.

Run with what to do, in order: ``gateway``, ``generated``, ``aetcd``. Prints what a range finds.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys

import httpx
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = 7
"""The number of every field in the other definitions. etcd uses others, so that a mixture of the
two would show."""

FILES = {
    "authpb": ("authpb.proto", "auth.proto"),
    "mvccpb": ("mvccpb.proto", "kv.proto"),
    "etcdserverpb": ("etcdserverpb.proto", "rpc.proto"),
    "v3lockpb": ("v3lockpb.proto", "v3lock.proto"),
    "v3electionpb": ("v3electionpb.proto", "v3election.proto"),
}
MESSAGES = {
    "authpb": ("User", "Role", "Permission"),
    "mvccpb": ("KeyValue", "Event"),
    "etcdserverpb": ("ResponseHeader", "RangeRequest", "RangeResponse", "PutRequest", "TxnRequest"),
    "v3lockpb": ("LockRequest", "LockResponse"),
    "v3electionpb": ("CampaignRequest", "LeaderKey"),
}


def gateway() -> None:
    """Import ours and build all that it builds."""
    from etcd_asgi import Gateway

    Gateway("http://127.0.0.1:2379")


def generated() -> None:
    """Define etcd's names in the default pool, under the file names that clients use."""
    pool = descriptor_pool.Default()
    for package, (first, *others) in FILES.items():
        pool.AddSerializedFile(_file(first, package, MESSAGES[package]).SerializeToString())
        for name in others:  # a file without messages: a message has one definition in a pool
            pool.AddSerializedFile(_file(name, package, ()).SerializeToString())
    message = pool.FindMessageTypeByName("etcdserverpb.RangeRequest")
    theirs = message_factory.GetMessageClass(message)(other=b"k")
    assert theirs.SerializeToString() == bytes([FIELD << 3 | 2, 1]) + b"k"


def aetcd() -> None:
    """Import another client, with generated modules in the default pool."""
    importlib.import_module("aetcd")


def _file(name: str, package: str, messages: tuple[str, ...]) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for message in messages:
        field = file.message_type.add(name=message).field.add(name="other", number=FIELD)
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    return file


async def call(etcd: str, key: str) -> object:
    """Put and find a key through a gateway in this process."""
    from etcd_asgi import Gateway

    async with Gateway(etcd) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            put = await client.post("/v3/kv/put", json={"key": key, "value": key})
            found = await client.post("/v3/kv/range", json={"key": key})
            return {"put": put.status_code, "values": [kv["value"] for kv in found.json()["kvs"]]}


def main() -> None:
    steps = {"gateway": gateway, "generated": generated, "aetcd": aetcd}
    for step in sys.argv[1:]:
        steps[step]()
    print(json.dumps(asyncio.run(call(os.environ["ETCD_URL"], os.environ["KEY"]))))


if __name__ == "__main__":
    main()
