"""The files of a :class:`~etcd_asgi.upstream.tls.TLS`, read again when they change."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from etcd_asgi.errors import UpstreamError
from etcd_asgi.status import Code
from etcd_asgi.upstream.tls import TLS

logger = logging.getLogger("etcd_asgi.upstream")

UNUSABLE = "the gateway's own certificates cannot be used"
"""Reported to clients as long as there is nothing to connect with. Which file it is, is logged."""

_Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of each file the time of its last change, its size and its number; ``None``: not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secure:
    """Certificates to open a secure channel with: what the files held at one time."""

    ca: bytes | None
    key: bytes | None = field(repr=False)
    cert: bytes | None
    server_name: str | None


class Certificates:
    """Certificates of *tls*, as its files last held them when they could be used.

    Files are replaced one after the other, and may be read in between: a file that is half there, a
    certificate beside the former key. So a change counts only when all files can be used together.
    Until then the former content stays in use.
    """

    def __init__(self, tls: TLS) -> None:
        self._tls = tls
        self._good: Secure | None = None
        self._good_stamp: _Stamp = ()
        self._bad_stamp: _Stamp | None = None

    @property
    def can_change(self) -> bool:
        """Check whether there are any files."""
        return any(True for _ in self._paths())

    def current(self) -> Secure:
        """Return what to open channels with; read the files if that has not been done.

        Raises:
            UpstreamError: they cannot be used; the log says why.
        """
        good = self._good or self.look()
        if good is None:
            raise UpstreamError(Code.UNAVAILABLE, UNUSABLE, local=True)
        return good

    def look(self) -> Secure | None:
        """Read the files if they have changed. It may block, so call it in a thread.

        Returns:
            What they held when they could last be used, if they ever could.
        """
        stamp = self._stamp()
        if self._good is not None and stamp == self._good_stamp:
            return self._good
        try:
            found = self._read()
            if self._stamp() != stamp:  # written meanwhile: look again later
                return self._good
        except (OSError, ValueError) as error:
            self._warn(stamp, error)
        else:
            self._good_stamp, self._bad_stamp = stamp, None
            if found != self._good:
                self._good = found
        return self._good

    def _read(self) -> Secure:
        tls = self._tls
        check(tls)
        ca, key, cert = (
            None if path is None else Path(path).read_bytes()
            for path in (tls.ca, tls.key, tls.cert)
        )
        return Secure(ca=ca, key=key, cert=cert, server_name=tls.server_name)

    def _paths(self) -> Iterator[str | PathLike[str]]:
        for path in (self._tls.ca, self._tls.cert, self._tls.key):
            if path is not None:
                yield path

    def _stamp(self) -> _Stamp:
        return tuple(_stamp_of(Path(path)) for path in self._paths())

    def _warn(self, stamp: _Stamp, error: Exception) -> None:
        """Log what is wrong, once for each state of the files."""
        if stamp != self._bad_stamp:
            self._bad_stamp = stamp
            files = ", ".join(str(path) for path in self._paths())
            kept = "" if self._good is None else "; the former ones stay in use"
            logger.warning("certificates cannot be used%s: %s (of %s)", kept, error, files)


def check(tls: TLS) -> None:
    """See whether the files are what they should be, and certificate and key belong together.

    gRPC would not say so before it connects, and then not what is wrong.

    Raises:
        OSError: a file cannot be read, or does not hold what it should.
        ValueError: the key is encrypted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")  # how strong they must be is for gRPC and etcd to say
    if tls.ca is not None:
        context.load_verify_locations(tls.ca)
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and gRPC cannot read it: give one without a password")


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
