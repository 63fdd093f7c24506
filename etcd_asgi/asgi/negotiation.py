"""Content negotiation: the form of a response, and whether bytes are base64 or text.

The media type parameter ``bytes`` names it: that of Content-Type for the body, that of Accept for
the response. Where the best range of Accept names none, the response is in the mode of the body, as
nobody writes text and wants to read base64. A WebSocket has no such headers: there the query names
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from urllib.parse import parse_qsl

from etcd_asgi.codec.modes import BASE64, DEFAULT, JSON, MODES, PARAMETER, TEXT, Modes
from etcd_asgi.errors import DecodeError, Denied

EVENTS = "text/event-stream"
FILE = "application/octet-stream"

_RESPONSE_TYPES = frozenset({"*/*", "application/*", "text/*", JSON, EVENTS})
"""Media ranges of responses; parameters of others are ignored."""

_MAX_QUERY_FIELDS = 100
_LONGEST = 8192
"""Characters of a header that are read. Some servers take headers of many MiB."""


class Form(Enum):
    """The form of the response to a streaming call."""

    JSON = "json"
    """A line of JSON for each message."""

    EVENTS = "events"
    """Server-sent events."""

    FILE = "file"
    """A snapshot, as etcd's database."""


@lru_cache(256)
def negotiate(content_type: str, accept: str) -> tuple[Form, Modes]:
    """Choose the form and the byte modes that the headers of a request ask for.

    Args:
        content_type: of the request, of limited length, as the result is cached.
        accept: the same.

    Raises:
        DecodeError: see :func:`modes`.
        Denied: see :func:`modes`.
    """
    chosen = DEFAULT
    if "=" in content_type or "=" in accept:
        chosen = modes(content_type, accept)
    if wants_events(accept):
        return Form.EVENTS, chosen
    return Form.FILE if _names(accept, FILE) else Form.JSON, chosen


def modes(content_type: str, accept: str) -> Modes:
    """Read the modes that the headers of a request ask for.

    Raises:
        DecodeError: Content-Type names an unknown mode.
        Denied: Accept does.
    """
    _, parameters = _parsed(content_type[:_LONGEST])
    given = parameters.get(PARAMETER, BASE64)
    if given not in (TEXT, BASE64):
        raise DecodeError(f"Content-Type has {_unknown(given)}")
    return MODES[given == TEXT, (_response_mode(accept) or given) == TEXT]


def socket_modes(query: bytes) -> Modes:
    """Read the mode that the query of a WebSocket asks for, both ways.

    Raises:
        DecodeError: an unknown mode, or more than one.
    """
    try:
        fields = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS
        )
    except ValueError:
        raise DecodeError(f"the query has more than {_MAX_QUERY_FIELDS} parameters") from None
    given = [value for name, value in fields if name == PARAMETER] or [BASE64]
    if len(given) > 1:
        raise DecodeError(f"the query has {PARAMETER}= more than once")
    if given[0] not in (TEXT, BASE64):
        raise DecodeError(f"the query has {_unknown(given[0])}")
    return MODES[given[0] == TEXT, given[0] == TEXT]


def wants_events(accept: str) -> bool:
    """Return True if an Accept header names server-sent events."""
    return _names(accept, EVENTS)


def _names(accept: str, media_type: str) -> bool:
    return media_type in accept.lower() and any(
        one == media_type and _quality(parameters) > 0 for one, parameters in _ranges(accept)
    )


def _response_mode(accept: str) -> str | None:
    """Read the mode that the best range of *accept* names; ``None`` if it names none.

    Of two that are equally good one that names a mode counts, and of two that do that of text.
    """
    best: tuple[float, int] = (0.0, 0)
    chosen = None
    for one, parameters in _ranges(accept):
        quality = _quality(parameters)
        if one not in _RESPONSE_TYPES or not quality:
            continue
        given = parameters.get(PARAMETER)
        if given not in _RANKS:
            raise Denied(406, f"Accept has {_unknown(given)}")
        rank = (quality, _RANKS[given])
        if rank > best:
            best, chosen = rank, given
    return chosen


_RANKS = {None: 0, BASE64: 1, TEXT: 2}


def _ranges(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    return (_parsed(one) for one in accept[:_LONGEST].split(","))


def _parsed(media_type: str) -> tuple[str, dict[str, str]]:
    """Split a media type from its parameters; of two with one name the first counts."""
    name, *rest = media_type.split(";")
    parameters: dict[str, str] = {}
    for one in rest:
        key, _, value = one.partition("=")
        parameters.setdefault(key.strip().lower(), value.strip().strip('"').lower())
    return name.strip().lower(), parameters


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 1.0


def _unknown(given: str | None) -> str:
    return f"{PARAMETER}={str(given)[:40]!r}: use {PARAMETER}={TEXT} or {PARAMETER}={BASE64}"
