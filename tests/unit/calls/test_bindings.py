"""The route table is etcd's own."""

import os
import subprocess
import sys

import pytest

from etcd_asgi.calls.bindings import Kind, bindings

STREAMS = {
    "/watch": Kind.BIDI,
    "/lease/keepalive": Kind.BIDI,
    "/maintenance/snapshot": Kind.SERVER_STREAM,
    "/election/observe": Kind.SERVER_STREAM,
}


def test_there_are_the_51_routes_of_etcd_since_3_5_10() -> None:
    paths = [binding.path for binding in bindings()]
    assert len(paths) == len(set(paths)) == 51


@pytest.mark.parametrize("path", ["/lease/revoke", "/lease/timetolive", "/lease/leases"])
def test_lease_rpcs_also_have_their_old_path_below_kv(path: str) -> None:
    rpcs = {binding.path: binding.rpc for binding in bindings()}
    assert rpcs[path] == rpcs[f"/kv{path}"]


def test_four_routes_stream_and_the_others_are_unary() -> None:
    kinds = {binding.path: binding.kind for binding in bindings()}
    assert {path: kind for path, kind in kinds.items() if kind is not Kind.UNARY} == STREAMS


def test_range_stream_has_no_path_as_in_etcd() -> None:
    assert not any(binding.rpc.endswith("/RangeStream") for binding in bindings())


def test_a_binding_names_its_rpc_in_full_and_in_short() -> None:
    (put,) = [binding for binding in bindings() if binding.path == "/kv/put"]
    assert (put.rpc, put.name) == ("/etcdserverpb.KV/Put", "KV.Put")
    assert put.request.full_name == "etcdserverpb.PutRequest"
    assert put.response.full_name == "etcdserverpb.PutResponse"


@pytest.mark.parametrize("implementation", ["python", "upb"])
def test_the_table_is_the_same_with_every_implementation_of_protobuf(implementation: str) -> None:
    program = """
from google.protobuf.internal import api_implementation
from etcd_asgi.calls.bindings import bindings
print(api_implementation.Type())
print([(one.path, one.rpc, one.kind) for one in bindings()])
"""
    env = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": implementation}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    used, table = done.stdout.splitlines()
    assert used == implementation
    assert table == str([(one.path, one.rpc, one.kind) for one in bindings()])
