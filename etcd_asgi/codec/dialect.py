"""The two families of proto3 JSON that etcd's gateways have spoken."""

from __future__ import annotations

from enum import Enum


class Dialect(Enum):
    """Dialect of proto3 JSON that a decoder takes, as one of Go's libraries reads it."""

    JSONPB = "jsonpb"
    """github.com/golang/protobuf jsonpb under grpc-gateway 1.x: etcd 3.2 to 3.5."""

    PROTOJSON = "protojson"
    """google.golang.org/protobuf protojson under grpc-gateway 2.x: etcd 3.6 and 3.7."""
