"""The gateway's limits."""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of what one request may use. Sizes are bytes, times are seconds.

    Raises:
        ValueError: a limit is not a positive number.
    """

    max_body_bytes: int = 2 * MIB + MIB // 2
    """Longest request body; a longer one is answered with 413 before it is decoded. The default is
    etcd's own request limit of 1.5 MiB in base64 (2 MiB), and room for the rest of the JSON and
    for requests just over that limit, so that these get etcd's own answer."""

    max_message_depth: int = 128
    """Levels of messages in a request: a transaction in a transaction is two more."""

    max_streams: int = 10_000
    """Streams that one gateway has open at a time; one more is answered with 429."""

    max_answer_bytes: int = 64 * MIB
    """Longest message of etcd's, serialized; instead of a longer one the client gets 429, and what
    to ask instead. The JSON of it is longer: by a third where values are long, several times where
    keys are short. A transaction or a deletion whose response is too long has been carried out."""

    max_bytes_under_way: int = 256 * MIB
    """Bytes of large responses, on each event loop, from etcd's reply until the client has taken
    the last of its JSON. Calls that may bring much wait while it is used up. Expect the process to
    grow by this, and by what single responses bring more than recent ones like them."""

    room_timeout: float = 10.0
    """How long a call waits for its part of ``max_bytes_under_way`` before it fails with 429."""

    send_timeout: float = 30.0
    """How long a client may take nothing of a large response before its connection is closed."""

    connect_timeout: float = 5.0
    """How long a call waits for a connection to etcd before it fails with 503."""

    restart_time: float = 4.0
    """How long unary calls wait for an etcd that has gone away. Those that find it gone for longer
    fail at once, as do those that were under way: nobody knows whether etcd carried them out."""

    max_reconnect_delay: float = 2.0
    """Longest pause between two attempts to connect, thus how soon a restarted etcd is seen."""

    keepalive_time: float = 30.0
    """Pause between pings on a connection with calls under way. etcd refuses less than 5."""

    keepalive_timeout: float = 10.0
    """How long the answer to a ping may take before the connection is given up."""

    offload_bytes: int = 256 * 1024
    """Answers from this size on are converted in a thread, not on the event loop, and count for
    ``max_bytes_under_way``."""

    offload_body_bytes: int = 16 * 1024
    """Bodies, and values of streams, from this size on are read in a thread.

    Less than for answers: etcd writes regular messages, and clients may write JSON that takes a
    hundred times as long to read.
    """

    version_timeout: float = 0.09
    """How long ``/version`` waits for etcd when it does not know the version yet.

    Then it tells the release whose behaviour the first prefix has.
    """

    version_cache_time: float = 10.0
    """How long a known version is told without asking etcd again."""

    health_timeout: float = 2.0
    """How long ``/health`` and ``/readyz`` wait for etcd."""

    max_etcd_users: int = 1000
    """Credentials whose tokens are kept; those used least recently log in again."""

    max_logins: int = 8
    """Logins at etcd under way at a time. Each costs etcd some 50 ms of computing, on purpose."""

    login_timeout: float = 10.0
    """How long etcd may take for a login before it has failed."""

    login_retry_time: float = 1.0
    """How long a refused login is told to others with the same credentials before etcd is asked
    again."""

    max_login_retries: int = 3
    """How often one call is made again because etcd did not take its token. Once is enough, unless
    users or roles are changed again and again meanwhile."""

    auth_off_time: float = 10.0
    """How long an etcd without auth is believed to be so. One whose auth was switched on says so
    itself to almost every call."""

    max_replay_bytes: int = 128 * 1024
    """Requests of a stream kept until its first answer, for a token that is out of date."""

    tls_check_time: float = 10.0
    """How often the files of ``TLS(...)`` are looked at for a change."""

    heartbeat: float = 15.0
    """Pause after which a silent stream of server-sent events carries a comment, so that proxies do
    not take it for dead."""

    resume_time: float = 300.0
    """How long server-sent events of a watch wait for an etcd that is gone, with pauses of up to
    ``max_reconnect_delay`` between attempts, before they end with an error."""

    close_timeout: float = 1.0
    """How long closing the gateway waits for calls under way to end."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise ValueError(f"Limits.{field.name} must be a positive number, not {value!r}")
