"""The exceptions of etcd_asgi.

::

    EtcdAsgiError
    ├── DecodeError           the request's JSON is not the message that the RPC takes
    ├── BodyTooLarge          the request's body is longer than the limit
    ├── Denied                the host's ``access`` refused the request
    ├── UpstreamError         the call to etcd ended with a gRPC status other than OK
    │   └── GatewayClosing    the gateway ended it, as it is closed
    ├── HookError             a function of the host raised an error that means another
    ├── HostError             the host's ``receive`` raised an error for the host
    ├── ClientDisconnected    the client has disconnected
    ├── SendFailed            the server could not send
    └── ResponseBroken        the response has begun, and must not seem whole
        └── ClientStalled     the client takes no more of it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from etcd_asgi.arguments import check_bool, wrong_type
from etcd_asgi.status import Code

CLOSING = "the gateway is shutting down"
"""The message to clients whose call or stream ends with the gateway."""

_PART = 2048
"""Characters of a long text that are kept at either end."""


class EtcdAsgiError(Exception):
    """Base of all errors of this package."""


class DecodeError(EtcdAsgiError):
    """JSON that is not the message that the RPC takes; ``str()`` is the text for the client.

    It may repeat a value of the client's: of a long text the middle is left out.

    Raises:
        TypeError: *text* is not a string; it is a ``ValueError`` as well.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise wrong_type("DecodeError(text) takes a string", text)
        is_long = len(text) > 2 * _PART
        super().__init__(f"{text[:_PART]}...{text[-_PART:]}" if is_long else text)


class UpstreamError(EtcdAsgiError):
    """A call to etcd ended with a status other than OK.

    Attributes:
        code: gRPC code number; a number outside of :class:`Code` is possible.
        message: etcd's text, or ours where the call never reached etcd.
        local: True for an error that was found on this side, False for etcd's own.

    Raises:
        TypeError: *code* is not a number, such as ``grpc.StatusCode.NOT_FOUND.value[0]``, or
            *message* not a string; it is a ``ValueError`` as well.
    """

    def __init__(self, code: int, message: str, *, local: bool = False) -> None:
        if isinstance(code, bool) or not isinstance(code, int):
            raise wrong_type("UpstreamError(code=...) takes the number of a gRPC code", code)
        if not isinstance(message, str):
            raise wrong_type("UpstreamError(message=...) takes a string", message)
        check_bool("UpstreamError(local=...)", local)
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.local = local

    def __copy__(self) -> Self:
        """Make the same error without its traceback, which would keep the frames of the call."""
        one = type(self).__new__(type(self), *self.args)
        vars(one).update(vars(self))
        return one


class GatewayClosing(UpstreamError):
    """Error of a call or a stream that ends because the gateway is closed."""

    def __init__(
        self, code: int = Code.UNAVAILABLE, message: str = CLOSING, *, local: bool = False
    ) -> None:
        super().__init__(code, message, local=local)


class Denied(EtcdAsgiError):
    """Raised by the host's ``access`` to refuse a request.

    Args:
        status: HTTP status of the response, 400 to 599.
        message: for the client, in the flavour's error body.
        headers: of the response, such as ``{"www-authenticate": "Basic"}``.

    Raises:
        ValueError: *status* is not an error status, or a header cannot be sent. For another type
            it is a ``TypeError`` as well.
    """

    def __init__(
        self,
        status: int = 403,
        message: str = "permission denied",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        expected = "Denied() takes an HTTP error status from 400 to 599"
        if isinstance(status, bool) or not isinstance(status, int):
            raise wrong_type(f"{expected} first, as in Denied(403, 'not yours')", status)
        if not 400 <= status <= 599:
            raise ValueError(f"{expected}, not {status:d}")
        if not isinstance(message, str):
            raise wrong_type("Denied(message=...) takes a string", message)
        super().__init__(int(status), message)
        self.status = int(status)
        self.message = message
        self.headers = {} if headers is None else _checked(headers)

    @property
    def code(self) -> Code:
        """The gRPC code that stands in the body beside the HTTP status."""
        return _CODES.get(self.status, Code.UNKNOWN)


class ClientDisconnected(EtcdAsgiError):
    """The client has disconnected: there is no one to respond to."""


class BodyTooLarge(EtcdAsgiError):
    """The body is longer than the limit. ``str()`` is the text for the client."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"request body is too large: at most {limit} bytes are taken (max_body_bytes of Limits"
            " or of the grant; etcd has a limit of its own, --max-request-bytes)"
        )


class HookError(EtcdAsgiError):
    """A function of the host raised an error that would be taken for one of another kind."""


class HostError(EtcdAsgiError):
    """The host's own ``receive`` raised an ``HTTPException``, which is for the host to handle.

    Args:
        error: the exception.
        text: for the client, where a response has begun.
    """

    def __init__(self, error: Exception, text: str) -> None:
        super().__init__(text)
        self.error = error


class SendFailed(EtcdAsgiError):
    """The server, or middleware of the host, could not send; the cause is the error.

    Most often the client has disconnected: servers report that in ways of their own.
    """


class ResponseBroken(EtcdAsgiError):
    """A file that cannot be completed.

    The server must break the connection off, so that nobody takes the part sent for a backup.
    """


class ClientStalled(ResponseBroken):
    """A client that takes no more of a response. The server must close its connection."""


Failure = BodyTooLarge | DecodeError | Denied
"""The errors of a request that are found on this side."""


def as_error(failure: Failure, *, local: bool = True) -> UpstreamError:
    """Convert *failure* to the error that ends the call; not *local* if that had begun."""
    if isinstance(failure, Denied):
        return UpstreamError(failure.code, failure.message, local=local)
    large = isinstance(failure, BodyTooLarge)
    code = Code.RESOURCE_EXHAUSTED if large else Code.INVALID_ARGUMENT
    return UpstreamError(code, str(failure), local=local)


def too_long(size: int, limit: int) -> UpstreamError:
    """Make the error of a message of etcd's that has *size* bytes, more than *limit*."""
    text = (
        f"etcd's response has {size} bytes, and this gateway takes at most {limit}"
        " (Limits.max_answer_bytes): ask for fewer keys, with limit, keys_only or a smaller range,"
        " for fewer ranges in one transaction, or for a watch with fragment; what the request was"
        " to write is written"
    )
    return UpstreamError(Code.RESOURCE_EXHAUSTED, text, local=True)


def too_slow(seconds: float) -> Denied:
    """Return the refusal of a request that has not come in time."""
    return Denied(408, f"no whole request came within {seconds:g} s (Limits.request_timeout)")


def _checked(headers: object) -> dict[str, str]:
    expected = "Denied(headers=...) takes a mapping such as {'retry-after': '5'}"
    if not isinstance(headers, Mapping):
        raise wrong_type(expected, headers)
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            odd = value if isinstance(name, str) else name
            raise wrong_type(f"{expected}, from strings to strings", odd)
        if not name.isascii() or set(name) & _NOT_IN_NAMES or not name.isprintable() or not name:
            raise ValueError(f"{expected}: {name[:100]!r} cannot be the name of a header")
    return dict(headers)


_NOT_IN_NAMES = frozenset('"(),/:;<=>?@[\\]{} ')
"""Source: RFC 9110, section 5.6.2, token."""

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
