"""The path below the mount."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import Scope


def local_path(scope: Scope) -> str:
    """Return the path below the mount.

    Hosts differ: Starlette and FastAPI leave the whole path and say in ``root_path`` how much of
    it is theirs, Litestar removes that part. Behind a proxy that removes a part of its own, the
    path lacks what Starlette calls ``app_root_path``.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root or root == "/":
        return path
    root = root.rstrip("/")
    for mount in (root, root.removeprefix(scope.get("app_root_path", ""))):
        if path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/"):
            return path[len(mount) :]
    return path


def without_added_slash(path: str, scope: Scope) -> str:
    """Remove the slash at the end of *path* that a host has added, as Litestar does.

    A slash of the client's own stays: etcd responds to it with 404. So does one that the server
    passes on without ``raw_path``, as it may be the client's.
    """
    raw = scope.get("raw_path")
    if raw and path.endswith("/") and not unquote_to_bytes(raw).endswith(b"/"):
        return path[:-1]
    return path
