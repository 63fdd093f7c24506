"""TLS between the gateway and etcd."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """Certificates for ``https`` URLs, as files in PEM.

    They are read at the first call. Files that change are used for new calls within
    ``Limits.tls_check_time``; streams go on over the connections that they have.

    Raises:
        ValueError: only one of *cert* and *key* is given.
    """

    ca: str | PathLike[str] | None = None
    """Certificates of the authorities that etcd's certificate is checked against; ``None``: those
    that gRPC brings."""

    cert: str | PathLike[str] | None = None
    """The gateway's own certificate, for an etcd that asks for client certificates."""

    key: str | PathLike[str] | None = None
    """The private key of *cert*."""

    server_name: str | None = None
    """The name to find in etcd's certificate, where it is not the host of the URL."""

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("TLS() needs cert and key together, or neither")
