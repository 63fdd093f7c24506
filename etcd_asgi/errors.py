"""The exceptions of etcd_asgi.

::

    EtcdAsgiError
    ├── DecodeError      the request's JSON is not the message that the RPC takes
    ├── UpstreamError    the call to etcd ended with a gRPC status other than OK
    └── Denied           the host's ``access`` refused the request
"""

from __future__ import annotations

from collections.abc import Mapping

from etcd_asgi.status import Code

CLOSING = "the gateway is shutting down"
"""Told to clients whose call or stream ends with the gateway."""

_PART = 2048
"""Characters that are left of a long text at either end."""


class EtcdAsgiError(Exception):
    """Base of all errors of this package."""


class DecodeError(EtcdAsgiError):
    """JSON that is not the message that the RPC takes; ``str()`` is the text for the client.

    It may repeat a value of the client's: of a long text the middle is left out.
    """

    def __init__(self, text: str) -> None:
        is_long = len(text) > 2 * _PART
        super().__init__(f"{text[:_PART]}...{text[-_PART:]}" if is_long else text)


class UpstreamError(EtcdAsgiError):
    """A call to etcd ended with a status other than OK.

    Attributes:
        code: gRPC code number; a number outside of :class:`Code` is possible.
        message: what etcd said, or our words where the call never reached etcd.
        local: it was found on this side, not told by etcd.
    """

    def __init__(self, code: int, message: str, *, local: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.local = local


class Denied(EtcdAsgiError):
    """Raised by the host's ``access`` to refuse a request.

    Args:
        status: HTTP status of the answer, 400 to 599.
        message: told to the client, in the flavour's error body.
        headers: for the answer, such as ``{"www-authenticate": "Basic"}``.

    Raises:
        ValueError: *status* is not an error status.
    """

    def __init__(
        self,
        status: int = 403,
        message: str = "permission denied",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"Denied() takes an HTTP error status from 400 to 599, not {status}")
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    @property
    def code(self) -> Code:
        """The gRPC code that stands in the body beside the HTTP status."""
        return _CODES.get(self.status, Code.UNKNOWN)


_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    406: Code.INVALID_ARGUMENT,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ALREADY_EXISTS,
    429: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
