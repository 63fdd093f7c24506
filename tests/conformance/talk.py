"""A conversation with a streaming route or a WebSocket, as a case's script says.

A script never waits for a time: it waits for messages, for the end, or sees that nothing came while
`PROBES` whole streams were carried by the same gateway.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from . import variables
from .corpus import Step
from .exchange import content_of, exchange
from .line import End, Line, Taken
from .post import Post
from .websocket import BINARY, PING, WebSocket

PROBES = 25
PROBE = b'{"ID":"1"}'
DIGEST_BYTES = 32
_VARYING = {"remaining_bytes", "version"}
"""Absent from the only part of a small file, and before etcd has written its version into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a conversation came to. `status` is 0 when there was no answer at all."""

    status: int
    headers: dict[str, str]
    pieces: tuple[bytes, ...]
    end: End | None
    digest: bool = False

    @property
    def content(self) -> Any:
        """The messages, and how they ended: "open" when the script left."""
        how = "open" if self.end is None else self.end.how
        # A socket that ends without a close frame is cut, and one with a close frame is not better.
        is_over = how in ("cut", "over") and self.status == 101
        content: dict[str, Any] = {"messages": self._messages(), "end": "over" if is_over else how}
        if self.status not in (0, 101) and self.pieces and not self.pieces[-1].endswith(b"\n"):
            content["newline"] = False
        return content

    def _messages(self) -> list[Any]:
        messages = [content_of(piece.decode("utf-8", "backslashreplace")) for piece in self.pieces]
        return _digested(messages) if self.digest else messages


def converse(
    step: Step,
    address: str,
    values: Mapping[str, str],
    call: Callable[[Step], Any],
    *,
    to_the_end: bool = False,
) -> Heard:
    """Play the script of a step; `call` sends the requests that the script makes meanwhile.

    An answer that is known to end is read `to_the_end`, however long nothing comes.
    """
    taken = Taken()
    with _open(step, address, values) as line:
        if step.socket:
            taken.take(line.event())  # what comes before the 101 is nobody's message
        for verb, what in step.talk:
            if verb == "rest" and to_the_end:
                _read(line, taken, "end")
            else:
                _act(line, taken, verb, variables.fill_json(what, values), call)
    return Heard(
        status=taken.head.status,
        headers=taken.head.headers,
        pieces=tuple(taken.pieces),
        end=taken.end,
        digest=step.digest,
    )


def _open(step: Step, address: str, values: Mapping[str, str]) -> Line:
    target, headers = variables.fill(step.path, values), variables.headers(step, values)
    if step.socket:
        return WebSocket(address, "GET" if step.method == "POST" else step.method, target, headers)
    return Post(address, step.method, target, headers, variables.body(step, values))


def _act(line: Line, taken: Taken, verb: str, what: Any, call: Callable[[Step], Any]) -> None:
    match verb:
        case "send":
            line.send(variables.written(what))
        case "read":
            _read(line, taken, what)
        case "rest":
            _read_rest(line, taken)
        case "call":
            _must_succeed(what, call(what))
        case "finish":
            cast(Post, line).finish()
        case _:
            _frame(cast(WebSocket, line), verb, what)


def _frame(socket: WebSocket, verb: str, what: Any) -> None:
    """Do what only a WebSocket can."""
    match verb:
        case "binary":
            socket.frame(BINARY, variables.written(what))
        case "base64":
            socket.frame(BINARY, b64decode(what))
        case "frames":
            socket.send_in_frames([variables.written(piece) for piece in what])
        case "ping":
            socket.frame(PING, variables.written(what))
        case "close":
            socket.close(what)


def _read(line: Line, taken: Taken, what: Any) -> None:
    """Read so many messages more, or up to the end."""
    count = float("inf") if what == "end" else len(taken.pieces) + what
    while len(taken.pieces) < count and taken.end is None:
        taken.take(line.event())


def _read_rest(line: Line, taken: Taken) -> None:
    """Read up to the end, or until nothing comes while other streams are carried."""
    silent_for = 0
    while taken.end is None and silent_for < PROBES:
        _probe(line.address)
        silent_for += 1
        while not line.is_silent() and taken.end is None:
            taken.take(line.event())
            silent_for = 0


def _probe(address: str) -> None:
    """Carry a whole stream that changes nothing."""
    exchange(address, "POST", "/v3/lease/keepalive", [], PROBE)


def _must_succeed(step: Step, answer: Any) -> None:
    if answer.status != 200:
        raise RuntimeError(f"{step.path} in the midst of a stream: {answer}")


def _digested(messages: list[Any]) -> list[Any]:
    """Say of a snapshot whether its parts and its SHA-256 fit; the file itself is not the same."""
    if not messages:
        return []
    results = [message["result"] for message in messages]
    blobs = [b64decode(result["blob"]) for result in results]
    data = b"".join(blobs)
    left = [int(result.get("remaining_bytes", "0")) for result in results]
    sent = [sum(map(len, blobs[: n + 1])) for n in range(len(blobs))]
    size = len(data) - DIGEST_BYTES
    return [
        {
            "members": sorted({name for result in results for name in result} - _VARYING),
            "no rest": ["remaining_bytes" in result for result in results[-2:]],
            "counts down": left[:-1] == [size - so_far for so_far in sent[:-1]],
            "digest": sha256(data[:size]).digest() == data[size:],
            "of the digest": b64encode(blobs[-1]) == b64encode(data[size:]),
        }
    ]
