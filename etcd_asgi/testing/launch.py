"""The folder, the ports and the command line that one etcd is started with."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from etcd_asgi.testing.ports import LOOPBACK, ReservedPort

_TLS_FLAGS = ("cert-file", "auto-tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Folders of one server, for its data and its log."""

    data_dir: Path
    log_path: Path
    scratch: Path | None
    """The temporary folder, removed at the end, for data or log that the caller did not place;
    ``None`` if there is none."""

    @property
    def owned_data_dir(self) -> Path | None:
        """The data folder if it is ours to remove."""
        return (
            self.data_dir
            if self.scratch is not None and self.scratch in self.data_dir.parents
            else None
        )

    def wipe_data(self) -> None:
        """Remove the data of a start that failed, unless the caller chose the folder."""
        if self.owned_data_dir is not None:
            shutil.rmtree(self.owned_data_dir, ignore_errors=True)

    def remove(self, *, keep_log: bool) -> None:
        """Remove our own folders; with *keep_log* the log stays where it is."""
        self.wipe_data()
        if self.scratch is not None and not (keep_log and self.scratch in self.log_path.parents):
            shutil.rmtree(self.scratch, ignore_errors=True)


def make_folder(data_dir: Path | None, log_path: Path | None) -> Folder:
    """Make the folder of a server; what is ``None`` goes to a new temporary folder."""
    if data_dir is not None and log_path is not None:
        return Folder(data_dir=data_dir, log_path=log_path, scratch=None)
    scratch = Path(tempfile.mkdtemp(prefix="etcd-asgi-"))
    return Folder(
        data_dir=data_dir or scratch / "data",
        log_path=log_path or scratch / "etcd.log",
        scratch=scratch,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of one server; ``metrics`` is its plain-text health listener, used under TLS."""

    client: ReservedPort = field(default_factory=ReservedPort)
    peer: ReservedPort = field(default_factory=ReservedPort)
    metrics: ReservedPort = field(default_factory=ReservedPort)

    def release(self) -> None:
        """Give all of them back to the system."""
        for port in (self.client, self.peer, self.metrics):
            port.release()


def uses_tls(args: Sequence[str]) -> bool:
    """Check whether these flags make etcd speak TLS to its clients."""
    return any(arg.startswith("-") and arg.lstrip("-").startswith(_TLS_FLAGS) for arg in args)


def endpoint(ports: Ports, args: Sequence[str]) -> str:
    """Return the address for clients: ``http://127.0.0.1:40123``, ``https://`` under TLS."""
    scheme = "https" if uses_tls(args) else "http"
    return f"{scheme}://{LOOPBACK}:{ports.client.number}"


def command_line(binary: Path, folder: Folder, ports: Ports, args: Sequence[str]) -> list[str]:
    """Return the command of a cluster of one. *args* come last, so a flag given there wins."""
    flags = {
        "--name": "default",
        "--data-dir": str(folder.data_dir),
        "--listen-client-urls": endpoint(ports, args),
        "--advertise-client-urls": endpoint(ports, args),
        "--listen-peer-urls": ports.peer.url,
        "--initial-advertise-peer-urls": ports.peer.url,
        "--initial-cluster": f"default={ports.peer.url}",
    }
    if uses_tls(args):
        flags["--listen-metrics-urls"] = ports.metrics.url
    return [str(binary), *(f"{flag}={value}" for flag, value in flags.items()), *args]
