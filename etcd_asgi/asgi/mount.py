"""The path below the mount."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.types import Scope


def local_path(scope: Scope) -> str:
    """The path below the mount.

    Hosts differ: Starlette and FastAPI leave the whole path and say in ``root_path`` how much of
    it is theirs, Litestar has taken that part away. Behind a proxy that took away a part of its
    own, the path lacks what Starlette calls ``app_root_path``.
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
    """*path* without a slash at its end that the host put there, as Litestar does.

    A slash of the client's own stays: etcd answers it with 404. So does one of which the server
    does not tell whose it is.
    """
    raw = scope.get("raw_path")
    if raw and path.endswith("/") and not unquote_to_bytes(raw).endswith(b"/"):
        return path[:-1]
    return path
