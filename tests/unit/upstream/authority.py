"""A certificate authority, run with the openssl program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from etcd_asgi import TLS

_EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
_USES = "extendedKeyUsage=serverAuth,clientAuth"
_NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


class Authority:
    """Makes certificates in *folder*, with its own in ``ca.pem``."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("needs the openssl program")
        self.folder = folder
        self.ca = folder / "ca.pem"
        _openssl("req", "-x509", *_EC, "-subj", "/CN=tests",
                 "-keyout", folder / "ca.key", "-out", self.ca)  # fmt: skip

    def issue(self, name: str) -> TLS:
        """A certificate whose subject is *name*, good for servers and clients on this machine."""
        key, cert = (self.folder / f"{name}.{suffix}" for suffix in ("key", "pem"))
        _openssl("req", "-x509", *_EC, "-subj", f"/CN={name}", "-addext", _USES,
                 "-addext", _NAMES, "-addext", "basicConstraints=critical,CA:FALSE",
                 "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                 "-keyout", key, "-out", cert)  # fmt: skip
        return TLS(ca=self.ca, cert=cert, key=key)

    def in_use(self, name: str) -> TLS:
        """The files of a gateway, which hold those of *name* at first."""
        self.issue(name)
        used = TLS(ca=self.ca, cert=self.folder / "used.pem", key=self.folder / "used.key")
        self.put(name, used)
        return used

    def put(self, name: str, used: TLS, *suffixes: str) -> None:
        """Put the files of *name* in the place of those in use, or some of them."""
        for suffix in suffixes or ("pem", "key"):
            target = self.folder / f"used.{suffix}"
            target.write_bytes((self.folder / f"{name}.{suffix}").read_bytes())

    def encrypt_key(self, name: str) -> None:
        """Put a password on a key."""
        key = self.folder / f"{name}.key"
        _openssl("pkcs8", "-topk8", "-in", key, "-out", f"{key}.new", "-passout", "pass:secret")
        Path(f"{key}.new").replace(key)


def _openssl(*args: str | Path) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, timeout=60)
