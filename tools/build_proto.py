"""Compile ``etcd_asgi/etcd/proto/*.proto`` into the descriptor set that the package ships.

``--check`` writes nothing and fails when the shipped set is not what the sources give.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent.parent / "etcd_asgi" / "etcd" / "proto"
SHIPPED = SOURCES / "etcd.binpb"


def google_api_root() -> Path:
    """The folder in which ``google/api/annotations.proto`` of googleapis-common-protos stands."""
    spec = find_spec("google.api")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("googleapis-common-protos is not installed: pip install -e . first")
    return Path(next(iter(spec.submodule_search_locations))).parent.parent


def protobuf_root() -> Path:
    """The folder in which ``google/protobuf/descriptor.proto`` of grpcio-tools stands."""
    return Path(protoc.__file__).parent / "_proto"


def compile_set(target: Path) -> None:
    """Write the descriptor set of our own sources: imports and comments left out."""
    roots = [f"-I{root}" for root in (SOURCES, google_api_root(), protobuf_root())]
    files = sorted(path.name for path in SOURCES.glob("*.proto"))
    status = protoc.main(["protoc", *roots, f"--descriptor_set_out={target}", *files])
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}")


def main() -> None:
    """Rebuild the shipped set, or with ``--check`` compare it."""
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch) / SHIPPED.name
        compile_set(built)
        data = built.read_bytes()
    if "--check" not in sys.argv[1:]:
        SHIPPED.write_bytes(data)
    elif not SHIPPED.exists() or SHIPPED.read_bytes() != data:
        raise SystemExit(f"{SHIPPED.name} is not what the .proto sources give: run make proto")


if __name__ == "__main__":
    main()
