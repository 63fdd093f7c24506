"""The files for browsers: the client module always, the explorer where the host wants it.

They are the same for everybody and hold no data, so they are served without asking *access*.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from starlette.concurrency import run_in_threadpool
from starlette.types import Send

from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.responses import Headers, emit, send_empty, send_text
from etcd_asgi.asgi.route_errors import NOT_ALLOWED, outside

CLIENT = frozenset({"/client.js", "/client.d.ts"})
"""Paths that are always served."""

EXPLORER = "/explorer"
"""The folder that is served with ``Gateway(explorer=True)``."""

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""For pages: nothing from elsewhere, nothing inline, in nobody's frame."""

_FOLDER = Path(__file__).parents[2] / "browser"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".ts": b"text/plain; charset=utf-8",
}
_PAGE: Headers = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"referrer-policy", b"no-referrer"),
)
_ALLOW: Headers = ((b"allow", b"GET, HEAD"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file and its headers."""

    content: bytes
    etag: bytes
    headers: Headers


class StaticFiles:
    """The endpoint of the files of ``etcd_asgi/browser``.

    A file is read at the first request, and kept. Browsers ask each time whether theirs is still
    current (``If-None-Match``), so that a new release of the gateway is seen at once.
    """

    def __init__(self, *, explorer: bool) -> None:
        self._explorer = explorer

    def serves(self, path: str) -> bool:
        """Return True if *path*, below the mount, is for this endpoint."""
        if path in CLIENT:
            return True
        return self._explorer and (path == EXPLORER or path.startswith(EXPLORER + "/"))

    async def respond(self, path: str, request: Request, send: Send) -> None:
        """Respond to a request for a path that :meth:`serves` knows."""
        if request.method not in ("GET", "HEAD"):
            await send_text(send, 405, NOT_ALLOWED, _ALLOW)
        elif path == EXPLORER:
            # The page's own addresses are relative to its folder. So is this one, to the mount.
            await send_empty(send, 308, [(b"location", EXPLORER[1:].encode() + b"/")])
        elif (file := await run_in_threadpool(_file, path)) is None:
            await outside(request, send)
        else:
            await _send(file, request, send)


@cache
def _names() -> frozenset[str]:
    """Return the names of all files, such as ``explorer/index.html``."""
    return frozenset(
        one.relative_to(_FOLDER).as_posix() for one in _FOLDER.rglob("*") if one.is_file()
    )


def _file(path: str) -> File | None:
    name = path[1:] + ("index.html" if path.endswith("/") else "")
    return _read(name) if name in _names() and PurePosixPath(name).suffix in _TYPES else None


@cache
def _read(name: str) -> File:
    content, suffix = (_FOLDER / name).read_bytes(), PurePosixPath(name).suffix
    etag = b'"%s"' % hashlib.sha256(content).hexdigest()[:32].encode()
    headers = (
        (b"content-type", _TYPES[suffix]),
        (b"etag", etag),
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
        *(_PAGE if suffix == ".html" else ()),
    )
    return File(content=content, etag=etag, headers=headers)


async def _send(file: File, request: Request, send: Send) -> None:
    status, body, headers = 200, file.content, [*file.headers]
    if _is_current(file, request):
        status, body = 304, b""
    else:
        headers.append((b"content-length", b"%d" % len(body)))
    await emit(send, {"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if request.method == "HEAD" else body
    await emit(send, {"type": "http.response.body", "body": body})


def _is_current(file: File, request: Request) -> bool:
    """Return True if the browser's copy is current.

    Source: RFC 9110, section 13.1.2.
    """
    tags = [tag.strip().removeprefix("W/") for tag in request.text(b"if-none-match").split(",")]
    return file.etag.decode() in tags or "*" in tags
