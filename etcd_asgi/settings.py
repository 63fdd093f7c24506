"""The gateway's limits."""

from __future__ import annotations

from dataclasses import dataclass, fields

from etcd_asgi.arguments import WrongTypeError, kind_of

MIB = 1024 * 1024

MAX_SECONDS = 2_000_000
"""Longest time that a limit may be, 23 days: gRPC counts milliseconds in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of what one request may use. Sizes are bytes, times are seconds.

    Raises:
        ValueError: a limit is not a positive number, a size or a count is not a whole one, or a
            time is longer than 2,000,000 seconds. For another type it is a ``TypeError`` as well.
    """

    max_body_bytes: int = 2 * MIB + MIB // 2
    """Longest request body; a longer one gets 413 before it is decoded. The default is etcd's own
    request limit of 1.5 MiB in base64 (2 MiB), and space for the rest of the JSON and for requests
    just over that limit, so that these get etcd's own error."""

    max_message_depth: int = 128
    """Levels of messages in a request: a transaction in a transaction is two more."""

    max_streams: int = 10_000
    """All that waits on one gateway at a time: streams, WebSockets, calls without a reply at once,
    such as locks, and requests that have not come whole. One more gets 429."""

    request_timeout: float = 60.0
    """Time that a client may take for its request: the body of a call, or the first message of a
    stream or WebSocket. After it the request gets 408."""

    max_waiting_calls: int = 128
    """Calls of Lock, Campaign and Observe that one gateway has open in etcd at a time. etcd's lock
    service can come to a stop for good when some fifty of them end in the same moment, as when a
    lease with many locks is revoked: see docs/namespaces.md before you raise it."""

    max_waiting_calls_per_user: int = 16
    """Number of them for one user, where the grant names a ``user`` or at least a namespace;
    ``Grant.max_waiting_calls`` is for users who shall have another number."""

    waiting_place_timeout: float = 0.25
    """Time that a Lock or Campaign above these limits waits for the end of another, before it gets
    429. Most last milliseconds."""

    waiting_cancel_pause: float = 0.01
    """Pause between two cancels of such calls, after disconnects and deadlines. On a busy machine
    etcd's lock service came to a stop with 0.002, and did not with 0.005."""

    revoke_timeout: float = 5.0
    """Time for one attempt to revoke the lease of a call that came to nothing."""

    max_revoke_attempts: int = 3
    """Number of these attempts. After them the lease expires by itself, after 60 s."""

    max_answer_bytes: int = 64 * MIB
    """Longest message of etcd's, serialized; instead of a longer one the client gets 429, and
    advice on its request. The JSON is longer: by a third where values are long, several times where
    keys are short. A transaction or a deletion whose response is too long has been carried out."""

    max_bytes_under_way: int = 256 * MIB
    """Bytes of large responses, on each event loop, from etcd's reply until the client has taken
    the last of its JSON. Calls that may bring much wait while it is used up. Expect the process to
    grow by this, and by what single responses bring more than recent ones like them."""

    room_timeout: float = 10.0
    """Time that a call waits for its part of ``max_bytes_under_way`` before it fails with 429."""

    send_timeout: float = 30.0
    """Time that a client may take none of a response of 64 KiB or more before its connection is
    closed. A large message of a stream has a second more for each 128 KiB."""

    connect_timeout: float = 5.0
    """Time that a call waits for a connection to etcd before it fails with 503."""

    restart_time: float = 4.0
    """Time that unary calls wait for an etcd that cannot be reached. Once it has been so for longer
    they fail at once, as do those that were under way: etcd may have carried them out."""

    max_reconnect_delay: float = 2.0
    """Longest pause between two attempts to connect, thus until a restarted etcd is noticed."""

    keepalive_time: float = 30.0
    """Pause between pings on a connection with calls under way. etcd refuses less than 5."""

    keepalive_timeout: float = 10.0
    """Time for the response to a ping before the connection is given up."""

    offload_bytes: int = 256 * 1024
    """Responses from this size on are converted in a thread, not on the event loop, and count for
    ``max_bytes_under_way``."""

    offload_body_bytes: int = 16 * 1024
    """Bodies, and values of streams, from this size on are read in a thread.

    Less than for responses: etcd writes regular messages, and clients may write JSON that takes a
    hundred times as long to read.
    """

    version_timeout: float = 0.09
    """Time that ``/version`` waits for etcd when it does not know the version yet.

    Then it reports the release whose behaviour the first prefix has.
    """

    version_cache_time: float = 10.0
    """Time for which a known version is reported without asking etcd again."""

    health_timeout: float = 2.0
    """Time that ``/health`` and ``/readyz`` wait for etcd."""

    health_cache_time: float = 1.0
    """Time for which the health of etcd is reported without asking it again."""

    max_etcd_users: int = 1000
    """Credentials whose tokens are kept; those used least recently log in again."""

    max_logins: int = 8
    """Logins at etcd under way at a time. Each costs etcd some 50 ms of computing, on purpose."""

    login_timeout: float = 10.0
    """Time that etcd may take for a login before it has failed."""

    login_retry_time: float = 1.0
    """Time for which a refused login counts for others with the same credentials, before etcd is
    asked again."""

    max_login_retries: int = 3
    """Number of times that one call is made again because etcd did not take its token. Once is
    enough, unless users or roles are changed again and again meanwhile."""

    auth_off_time: float = 10.0
    """Time for which an etcd without auth is taken to be so. One whose auth was switched on reports
    that to almost every call."""

    max_replay_bytes: int = 128 * 1024
    """Requests of a stream kept until its first reply, for a token that is out of date."""

    tls_check_time: float = 10.0
    """Pause between two checks of the files of ``TLS(...)`` for a change."""

    heartbeat: float = 15.0
    """Pause after which a silent stream of server-sent events carries a comment, so that proxies do
    not take it for dead."""

    resume_time: float = 300.0
    """Time that server-sent events of a watch wait for an unreachable etcd, with pauses of up to
    ``max_reconnect_delay`` between attempts, before they end with an error."""

    close_timeout: float = 1.0
    """Time that closing the gateway waits for calls under way to end."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(f"Limits.{field.name}", getattr(self, field.name), is_time=field.type == "float")


def _check(name: str, value: object, *, is_time: bool) -> None:
    wrong = f"{name} must be a positive number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongTypeError(f"{wrong}, not {kind_of(value)}")
    if not value > 0:
        raise ValueError(f"{wrong}, not {value!r}")
    if not is_time and not isinstance(value, int):
        raise WrongTypeError(f"{name} must be a positive whole number, not {value!r} (float)")
    if is_time and value > MAX_SECONDS:
        raise ValueError(f"{wrong} of at most {MAX_SECONDS} seconds, not {value!r}")
