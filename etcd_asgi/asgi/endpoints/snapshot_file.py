"""A snapshot as a file: the bytes of etcd's database instead of JSON around them.

The file is what ``etcdctl snapshot save`` writes and ``etcdutl snapshot restore`` reads: the
database, followed by its SHA-256.

Source: etcd server/etcdserver/api/v3rpc/maintenance.go, Snapshot; etcdutl
snapshot/v3_snapshot.go, copyAndVerifyDB.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from hashlib import sha256
from typing import Any

from starlette.types import Send

from etcd_asgi.asgi.negotiation import FILE
from etcd_asgi.asgi.request import Request
from etcd_asgi.asgi.request_values import HttpInput
from etcd_asgi.asgi.response_stream import ResponseStream
from etcd_asgi.asgi.responses import send_error
from etcd_asgi.asgi.streaming import Streaming
from etcd_asgi.calls.call import Call
from etcd_asgi.calls.stream import StreamCall
from etcd_asgi.errors import ClientDisconnected, ResponseBroken, UpstreamError
from etcd_asgi.etcd.error_texts import CANCELLED
from etcd_asgi.flavours import Flavour
from etcd_asgi.status import Code

logger = logging.getLogger("etcd_asgi")

_HEADERS = (
    (b"content-type", FILE.encode()),
    (b"content-disposition", b'attachment; filename="etcd-snapshot.db"'),
)
_DIGEST_BYTES = sha256().digest_size

DAMAGED = "the snapshot does not match its SHA-256 digest"


class SnapshotEndpoint:
    """The endpoint of snapshots as files."""

    def __init__(self, streaming: Streaming) -> None:
        self._streaming = streaming

    async def respond(self, call: Call, request: Request) -> None:
        """Respond to one request.

        Raises:
            ResponseBroken: the file could not be completed.
        """
        stream = StreamCall(call, HttpInput(request, call.limits.max_body_bytes))
        response = SnapshotFile(request.send, call.method.flavour)
        await self._streaming.carry(stream, response, request)


class SnapshotFile:
    """The response with the file. The digest is sent last, once it has been found right."""

    def __init__(self, send: Send, flavour: Flavour) -> None:
        self._stream = ResponseStream(send)
        self._flavour = flavour
        self._digest = sha256()
        self._held = b""
        """The end of the data received: the digest, if nothing follows."""

    async def convert(self, message: Any) -> bytes:
        """Return the part of the file in a ``SnapshotResponse``."""
        blob: bytes = message.blob
        return blob

    async def add(self, blob: bytes) -> None:
        """Send the data received, except its end.

        Raises:
            ClientDisconnected: the server reports it.
        """
        data = self._held + blob
        chunk, self._held = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
        if not chunk:
            return
        self._digest.update(chunk)
        if not self._stream.begun:
            await self._stream.begin(200, _HEADERS)
        await self._stream.add(chunk)

    async def end(self) -> None:
        """Send the last bytes, if they are the digest of all before.

        Raises:
            ResponseBroken: they are not.
        """
        if not self._stream.begun or self._held != self._digest.digest():
            await self.fail(UpstreamError(Code.DATA_LOSS, DAMAGED, local=True))
            return
        with suppress(ClientDisconnected):
            await self._stream.end(self._held)

    async def fail(self, error: UpstreamError) -> None:
        """Respond with an error.

        Raises:
            ResponseBroken: a part of the file has been sent.
        """
        if self._stream.begun:
            logger.error("a backup was broken off: %s", error.message)
            raise ResponseBroken(error.message)
        with suppress(ClientDisconnected):
            await send_error(self._stream.emit, self._flavour, error.code, error.message)

    async def abandon(self) -> None:
        """End for a client that has disconnected: some middleware still waits for a head."""
        if not self._stream.begun:
            await self.fail(UpstreamError(Code.CANCELLED, CANCELLED, local=True))
