"""Server-sent events as a browser reads them.

Source: HTML Standard, Server-sent events (Parsing an event stream, Interpreting an event stream).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

TIMEOUT = 30.0
"""Seconds of silence after which a test gives up."""

PATIENCE = 120.0
"""Seconds after which a test gives up though there are comments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, or a comment: then ``name`` is empty."""

    name: str
    id: str
    """The last id that came, which need not be this event's own."""

    data: str

    @property
    def json(self) -> Any:
        """The data as JSON."""
        return json.loads(self.data)

    @property
    def revisions(self) -> list[int]:
        """Those of the changes in it."""
        return [int(one["kv"]["mod_revision"]) for one in self.json["events"]]


class Source:
    """One response of events. It must be entered, and ends the connection when left."""

    def __init__(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        last_id: str = "",
    ) -> None:
        method = "GET" if body is None and content is None else "POST"
        sent = {"accept": "text/event-stream", "cache-control": "no-cache", **(headers or {})}
        if last_id:
            sent["last-event-id"] = last_id
        self.last_id = last_id
        self.retry: int | None = None
        self._client = httpx.Client(timeout=TIMEOUT, verify=False)
        self._stream = self._client.stream(
            method, url, params=params, json=body, content=content, headers=sent
        )

    def __enter__(self) -> Self:
        self.response = self._stream.__enter__()
        self._lines = self.response.iter_lines()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.__exit__(kind, error, traceback)
        self._client.close()

    @property
    def status(self) -> int:
        """Of the response."""
        return self.response.status_code

    def error(self) -> Any:
        """The body of a response that is no stream."""
        self.response.read()
        return self.response.json()

    def next(self, name: str | None = None) -> Event:
        """The next event, which must be of the type *name* if one is given."""
        event = next(one for one in self.all() if one.name)
        assert name in (None, event.name), event
        return event

    def change(self) -> Event:
        """The next change; notices of progress may come before it."""
        event = next(one for one in self.all() if one.name not in ("", "progress", "created"))
        assert event.name == "change", event
        return event

    def comment(self) -> str:
        """The text of the next comment; no event may come before it."""
        event = next(self.all())
        assert not event.name, event
        return event.data

    def all(self) -> Iterator[Event]:
        """All that comes, comments too, to the end of the response."""
        name, comment = "", None
        data: list[str] = []
        for line in _in_time(self._lines):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "" if line:
                    comment = value
                case "":
                    if comment is not None:
                        yield Event(name="", id=self.last_id, data=comment)
                    if data:
                        yield Event(name=name, id=self.last_id, data="\n".join(data))
                    name, data, comment = "", [], None
                case "event":
                    name = value
                case "data":
                    data.append(value)
                case "id":
                    self.last_id = value
                case "retry":
                    self.retry = int(value)


def _in_time(lines: Iterator[str]) -> Iterator[str]:
    end = time.monotonic() + PATIENCE
    for line in lines:
        if time.monotonic() > end:
            raise TimeoutError(f"what was waited for did not come within {PATIENCE:g} s")
        yield line
