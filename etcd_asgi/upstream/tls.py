"""TLS between the gateway and etcd."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from os import PathLike

from etcd_asgi.arguments import wrong_type

_HOST_NAME = re.compile(r"[A-Za-z0-9*._-]+")
_FILES = ("ca", "cert", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """Certificates for ``https`` URLs, as files in PEM.

    They are read at the first call. Files that change are used for new calls within
    ``Limits.tls_check_time``; streams go on over the connections that they have.

    Raises:
        ValueError: only one of *cert* and *key* is given, a path is empty or is the content of a
            file, or *server_name* is not a host name. For another type than a string or a path it
            is a ``TypeError`` as well.
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
        for name in _FILES:
            if getattr(self, name) is not None:
                _check_path(name, getattr(self, name))
        if (self.cert is None) != (self.key is None):
            raise ValueError("TLS() needs cert and key together, or neither")
        if self.server_name is not None:
            _check_host(self.server_name)


def _check_path(name: str, path: object) -> None:
    """Refuse what cannot be a path; the text never repeats it, as it may be a private key."""
    expected = f"TLS({name}=...) takes the path of a file in PEM"
    if isinstance(path, PathLike):
        path = os.fspath(path)
    if not isinstance(path, str):
        raise wrong_type(f"{expected}, as a string or a Path", path)
    if not path:
        raise ValueError(f"{expected}, and this is empty: leave it out, or name the file")
    if "-----BEGIN" in path or "\0" in path:
        raise ValueError(f"{expected}, and this is not a path: write the content to a file")


def _check_host(name: object) -> None:
    expected = "TLS(server_name=...) takes a host name such as 'etcd.example'"
    if not isinstance(name, str):
        raise wrong_type(expected, name)
    if not _HOST_NAME.fullmatch(name) and not _is_address(name):
        raise ValueError(f"{expected}, without scheme and port, not {name!r}")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
