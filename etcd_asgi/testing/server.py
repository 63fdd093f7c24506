"""EtcdServer: one real etcd process, started, broken and stopped at will."""

import logging
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from etcd_asgi.testing.arguments import Place, flags_of, path_of, seconds_of
from etcd_asgi.testing.binaries import etcd_version, find_etcd
from etcd_asgi.testing.launch import Folder, Ports, endpoint, make_folder
from etcd_asgi.testing.process import ChildProcess
from etcd_asgi.testing.startup import EtcdServerError, log_tail, start, start_on_new_ports

logger = logging.getLogger(__name__)

T = TypeVar("T")


class EtcdServer:
    """A real etcd, a cluster of one, on free ports of the loopback interface.

    As a context manager it runs inside the ``with`` block and leaves nothing behind, except that
    its log stays when the block raises or when etcd ended by itself. Calls block until they are
    done (a start takes about a second), so on an event loop start the server in a fixture or in a
    worker thread.
    """

    def __init__(
        self,
        binary: Place | None = None,
        *,
        args: Iterable[str] = (),
        data_dir: Place | None = None,
        log_path: Place | None = None,
        start_timeout: float = 30.0,
        stop_timeout: float = 10.0,
    ) -> None:
        """Describe the server; nothing runs and nothing is written before :meth:`start`.

        Args:
            binary: The etcd to run; by default the first that :func:`find_etcd` finds.
            args: Further flags of etcd, after ours. ``--cert-file`` or ``--auto-tls`` turn
                :attr:`endpoint` to https.
            data_dir: Where etcd keeps its data, and leaves it; by default a temporary folder,
                removed at the end.
            log_path: Where etcd's output goes, and stays; by default a file in a temporary folder.
            start_timeout: Seconds until a start that has not become healthy is given up.
            stop_timeout: Seconds an orderly stop may take before the process is killed.

        Raises:
            TypeError: A parameter of another type.
            ValueError: An empty path, or a timeout that is not a positive number.
        """
        self._binary = path_of("binary", binary)
        self._args = flags_of(args)
        self._data_dir = path_of("data_dir", data_dir)
        self._log_path = path_of("log_path", log_path)
        self._start_timeout = seconds_of("start_timeout", start_timeout)
        self._stop_timeout = seconds_of("stop_timeout", stop_timeout)
        self._folder: Folder | None = None
        self._ports: Ports | None = None
        self._process: ChildProcess | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close(keep_log=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and self._folder is not None:
            error.add_note(f"etcd's log is kept in {self.log_path}; its end:\n{self.log_tail()}")
        self.close(keep_log=error is not None)

    def __repr__(self) -> str:
        where = self.endpoint if self._ports is not None else "on no port yet"
        return f"<EtcdServer {where}, {'running' if self.running else 'not running'}>"

    def start(self) -> None:
        """Start etcd and return when it is healthy.

        The first start chooses ports and folder, later ones keep them until :meth:`close`.

        Raises:
            EtcdServerError: It is running already, ended by itself, or was not healthy in time.
                Its log is kept.
            EtcdNotFoundError: There is no binary to start.
        """
        if self.running:
            raise EtcdServerError(
                f"etcd is running already at {self.endpoint}; restart() starts it again"
            )
        binary = self.binary
        self._folder = self._folder or make_folder(self._data_dir, self._log_path)
        if self._ports is None:
            started = start_on_new_ports(binary, self._folder, self._args, self._start_timeout)
            self._process, self._ports = started
        else:
            self._process = start(
                binary, self._folder, self._ports, self._args, self._start_timeout
            )

    def stop(self) -> None:
        """End etcd in order, as a system shutdown would; kill it if that takes too long.

        Ports and data stay.
        """
        process, self._process = self._process, None
        if process is not None:
            process.stop(self._stop_timeout)

    def kill(self) -> None:
        """End etcd at once, as a crash would. Ports and data stay."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def restart(self) -> None:
        """Stop etcd, unless it is down already, and start it again with the same ports and data."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze etcd: connections stay open without replies."""
        self._running_process().pause()

    def resume(self) -> None:
        """Let a paused etcd go on."""
        self._running_process().resume()

    def close(self, *, keep_log: bool = False) -> None:
        """End etcd, give its ports back and remove its folder.

        Data and log that the caller has placed stay, and etcd ends in order then. Otherwise it is
        killed: that is quicker, and its data are removed anyway.

        Args:
            keep_log: Leave the log where it is. It is left anyway when etcd ended by itself.
        """
        died = self._process is not None and not self.running
        if died:
            logger.warning("etcd ended by itself; its log is kept in %s", self.log_path)
        if self._folder is not None and self._folder.owned_data_dir is not None:
            self.kill()
        else:
            self.stop()
        if self._ports is not None:
            self._ports.release()
        if self._folder is not None:
            self._folder.remove(keep_log=keep_log or died)
        self._ports = self._folder = None

    @property
    def running(self) -> bool:
        """True while the process lives, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def endpoint(self) -> str:
        """The address for clients and for ``Gateway(...)``: ``http://127.0.0.1:40123``."""
        return endpoint(_once_started(self._ports), self._args)

    @property
    def client_port(self) -> int:
        """The port of :attr:`endpoint`."""
        return _once_started(self._ports).client.number

    @property
    def pid(self) -> int:
        """The system's number of the running process; another one after each start."""
        return self._running_process().pid

    @property
    def binary(self) -> Path:
        """The program that is run."""
        if self._binary is None:
            self._binary = find_etcd()
        return self._binary

    @property
    def version(self) -> str:
        """The release of the program: ``3.5.1``."""
        return etcd_version(self.binary)

    @property
    def data_dir(self) -> Path:
        """etcd's data folder."""
        return _once_started(self._folder).data_dir

    @property
    def log_path(self) -> Path:
        """The file with all that etcd has written, over all starts."""
        return _once_started(self._folder).log_path

    def log_tail(self, lines: int = 20) -> str:
        """Return the last *lines* lines of the log."""
        return log_tail(self.log_path, lines)

    def _running_process(self) -> ChildProcess:
        if self._process is None or not self.running:
            raise EtcdServerError("etcd is not running; start() starts it")
        return self._process


def _once_started(made: T | None) -> T:
    if made is None:
        raise EtcdServerError(
            "etcd has no ports and no folder before its first start; call start()"
        )
    return made
