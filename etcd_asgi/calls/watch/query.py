"""Query parameters of a watch, as ``EventSource`` can send no body."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from etcd_asgi.codec.decode.go import base64
from etcd_asgi.errors import DecodeError
from etcd_asgi.etcd import proto
from etcd_asgi.etcd.intervals import end_of

_MAX_PARAMETERS = 100
_MAX_REVISION = 2**63 - 2
"""The greatest after which there is another."""

_ID = re.compile(r"[0-9]{1,19}").fullmatch
_INTEGER = re.compile(r"-?[0-9]{1,19}").fullmatch
_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_WAYS = {"text": True, "base64": False}

_CREATE = proto.message_type("etcdserverpb.WatchCreateRequest")
_FIELDS = {name: one.name for one in _CREATE.fields for name in (one.name, one.json_name)}
"""The parameters that are fields, in both spellings."""

_FILTERS = ("NOPUT", "NODELETE")
_LAST_ID = "last_event_id"
_OURS = ("prefix", "text", "bytes", _LAST_ID)
_KNOWN = {**_FIELDS, **{name: name for name in _OURS}}
_NAMED = 10
"""Unknown parameters that an error names."""

_FIRST_KEY = b"\0"

_LAST_IDS = frozenset({"lasteventid", "evslasteventid"})
"""Names that polyfills of EventSource give to the last id, without signs and in lower case.

Source: Yaffle/EventSource src/eventsource.js, and amvtek/EventSource, for theirs.
"""

_NOT_OURS = re.compile(
    # what keeps caches away
    r"_|_?(t|ts|v|r|cb|dc|nc|rnd|rand|random|nonce|now|time|timestamp)|_?(no|bust)?_?cache(_?bust(er|ing)?)?"
    r"|_?bust(er)?"
    # who asks
    r"|([a-z0-9]+_)*(token|jwt|bearer|csrf|xsrf|session|sess|ticket|credential|signature|hmac)(_?id|_?key)?"
    r"|[a-z]*(token|jwt|csrf|xsrf|sessid|sessionid|oauth|signature)"
    r"|(x_)?([a-z]+_)?auth(orization|_[a-z]+)?|(x_)?(api|access|client)_?(key|id)|key_pair_id|policy"
    r"|([a-z0-9]+_)*sid|sig|expires|uid|user|user_?id|x_(amz|goog)_.*|s[ervkptdi]|spr|ske|skoid|sktid"
    # what polyfills, proxies and trackers add
    r"|evs_.*|utm_.*|[a-z]*clk?id|mc_(eid|cid)|ngsw_bypass|__.*|cf_.*"
).fullmatch
"""Parameters that users of EventSource, polyfills and proxies add for others than us.

EventSource can send no headers, so a token for the application stands in the query, and a value
that changes keeps caches away.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchQuery:
    """The watch that a query asks for."""

    text: bool | None
    """True for bytes as text, false for base64; ``None`` where the query does not say."""

    after: int | None
    """The revision up to which the client has got everything."""

    request: bytes = field(repr=False)
    """The ``WatchRequest`` as JSON, bytes in base64."""


def read(query: bytes, last_event_id: str) -> WatchQuery:
    """Read a query.

    Args:
        query: as it stands in the URL.
        last_event_id: the header of that name, which a browser sends when it connects again.

    Raises:
        DecodeError: the text names the wrong parameter.
    """
    given = _parameters(query)
    text = _text(given)
    after = revision(last_event_id or given.get(_LAST_ID, ""))
    create: dict[str, Any] = {"progress_notify": True}
    for name, value in given.items():
        if name not in _OURS:
            create[_FIELDS[name]] = _READERS.get(_FIELDS[name], _bytes)(name, value, bool(text))
    create |= _range(given, bool(text))
    request = {"create_request": {name: _as_json(value) for name, value in create.items()}}
    return WatchQuery(text=text, after=after, request=json.dumps(request).encode())


def _parameters(query: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(
            query.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise DecodeError(f"the query has more than {_MAX_PARAMETERS} parameters") from None
    pairs = [(_name(name), value) for name, value in pairs if not _is_for_others(name)]
    unknown = [_shown(name) for name, _ in pairs if name not in _KNOWN]
    if unknown:
        use = ", ".join(dict.fromkeys(_KNOWN.values()))
        raise DecodeError(f"unknown query parameters {', '.join(unknown[:_NAMED])}: use {use}")
    given: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in pairs:
        field = _KNOWN[name]
        if field == _LAST_ID:
            given[field] = value or given.get(field, "")  # a page's own first, then a polyfill's
            continue
        if field in seen:
            raise DecodeError(f"query parameter {name} is given more than once")
        seen.add(field)
        given[name] = value
    return given


def _name(given: str) -> str:
    """Return our name of a parameter, where it has several."""
    plain = given.replace("-", "").replace("_", "").lower()
    return _LAST_ID if plain in _LAST_IDS else given


def _is_for_others(name: str) -> bool:
    """Check that a parameter is not for the gateway, and is to be ignored."""
    if name in _KNOWN or _name(name) == _LAST_ID:
        return False
    return _NOT_OURS(re.sub("[-.]", "_", name).lower()) is not None


def _text(given: Mapping[str, str]) -> bool | None:
    ways: set[bool] = set()
    if "text" in given:
        ways.add(_bool("text", given["text"]))
    if "bytes" in given:
        if given["bytes"] not in _WAYS:
            raise _wrong("bytes", given["bytes"], "text or base64")
        ways.add(_WAYS[given["bytes"]])
    if len(ways) > 1:
        raise DecodeError("query parameters text and bytes say two things: give one of them")
    return ways.pop() if ways else None


def revision(given: str) -> int | None:
    """Return the revision in a Last-Event-ID; ``None`` for an empty one.

    Raises:
        DecodeError: it is no revision.
    """
    if not given:
        return None
    if not _ID(given) or int(given) > _MAX_REVISION:
        raise _wrong("Last-Event-ID", given, "a revision, as in the id of an event")
    return int(given)


def _range(given: Mapping[str, str], text: bool) -> dict[str, bytes]:
    """Return the interval of ``prefix=``."""
    if "prefix" not in given:
        if "key" not in given:
            raise DecodeError("the query names no key: give key= or prefix=")
        return {}
    if {"key", "range_end", "rangeEnd"} & set(given):
        raise DecodeError("query parameter prefix stands for key and range_end: give one or both")
    prefix = _bytes("prefix", given["prefix"], text)
    return {"key": prefix or _FIRST_KEY, "range_end": end_of(prefix)}


def _bytes(name: str, value: str, text: bool) -> bytes:
    """Read percent-encoded bytes, or base64 in either alphabet, padded or not."""
    raw = value.encode("utf-8", "surrogateescape")
    if text:
        return raw
    digits = raw.replace(b" ", b"+").replace(b"-", b"+").replace(b"_", b"/")
    digits = digits.rstrip(b"=")
    try:
        return base64.decode(digits, padded=False)
    except base64.CorruptInputError:
        raise _wrong(name, value, "base64, or plain text with text=1") from None


def _integer(name: str, value: str, text: bool = False) -> str:  # noqa: ARG001 - as all readers
    if not _INTEGER(value):
        raise _wrong(name, value, "an integer")
    return value


def _revision(name: str, value: str, text: bool = False) -> str:  # noqa: ARG001 - as all readers
    if not _ID(value):
        raise _wrong(name, value, "a revision")
    return value


def _bool(name: str, value: str, text: bool = False) -> bool:  # noqa: ARG001 - as all readers
    if value not in _BOOLS:
        raise _wrong(name, value, "true or false")
    return _BOOLS[value]


def _filters(name: str, value: str, text: bool = False) -> list[str]:  # noqa: ARG001 - as all
    filters = value.upper().split(",")
    if not set(filters) <= set(_FILTERS):
        raise _wrong(name, value, "noput, nodelete, or both with a comma between them")
    return filters


_READERS: Mapping[str, Callable[[str, str, bool], Any]] = {
    "start_revision": _revision,
    "progress_notify": _bool,
    "filters": _filters,
    "prev_kv": _bool,
    "watch_id": _integer,
    "fragment": _bool,
}
"""By field; all others are bytes."""


def _as_json(value: Any) -> Any:
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _wrong(name: str, value: str, expected: str) -> DecodeError:
    return DecodeError(f"invalid {name} {_shown(value)}: expected {expected}")


def _shown(value: str) -> str:
    return ascii(value[:40])
