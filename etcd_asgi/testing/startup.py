"""Start an etcd process and see it healthy, or say why not."""

import http.client
import json
import time
from collections.abc import Sequence
from pathlib import Path

from etcd_asgi.testing.binaries import etcd_environment
from etcd_asgi.testing.launch import Folder, Ports, command_line, uses_tls
from etcd_asgi.testing.ports import LOOPBACK, ReservedPort
from etcd_asgi.testing.process import ChildProcess

_PORT_ATTEMPTS = 5
_PORT_TAKEN = b"address already in use"
_POLL_INTERVAL = 0.02
_HEALTH_TIMEOUT = 2.0
_SHOWN_LOG_LINES = 20


class EtcdServerError(RuntimeError):
    """etcd did not start, is not running, or runs already; with some of its log if that helps."""


class PortTakenError(EtcdServerError):
    """Somebody else listens on a port that etcd was to use."""


def start_on_new_ports(
    binary: Path, folder: Folder, args: Sequence[str], timeout: float
) -> tuple[ChildProcess, Ports]:
    """Start etcd on ports the system chooses, on others if somebody takes one in between.

    Raises:
        EtcdServerError: As :func:`start`, or every choice of ports was taken.
    """
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        ports = Ports()
        try:
            return start(binary, folder, ports, args, timeout), ports
        except BaseException as error:
            ports.release()
            if not isinstance(error, PortTakenError) or attempt == _PORT_ATTEMPTS:
                raise
            folder.wipe_data()
    raise AssertionError("the last attempt returns or raises")


def start(
    binary: Path, folder: Folder, ports: Ports, args: Sequence[str], timeout: float
) -> ChildProcess:
    """Start etcd and return it when it is healthy; after *timeout* seconds give it up.

    Raises:
        EtcdServerError: It ended by itself, was not healthy in time, or cannot be executed.
        PortTakenError: It ended because a port was taken.
    """
    log_start = folder.log_path.stat().st_size if folder.log_path.exists() else 0
    command = command_line(binary, folder, ports, args)
    try:
        process = ChildProcess(
            command, log_path=folder.log_path, env=etcd_environment(), scratch=folder.owned_data_dir
        )
    except OSError as error:
        raise EtcdServerError(f"{binary} cannot be started: {error}") from error
    try:
        _wait_until_healthy(process, ports.metrics if uses_tls(args) else ports.client, timeout)
    except BaseException as error:
        process.kill()
        if isinstance(error, EtcdServerError):
            raise _with_log(error, folder.log_path, log_start) from None
        raise
    return process


def log_tail(log_path: Path, lines: int = _SHOWN_LOG_LINES) -> str:
    """Return the last *lines* lines of a log, nothing if there is none."""
    if not log_path.exists():
        return ""
    return "\n".join(log_path.read_text(errors="replace").splitlines()[-lines:])


def _wait_until_healthy(process: ChildProcess, port: ReservedPort, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not _is_healthy(port.number):
        status = process.poll()
        if status is not None:
            raise EtcdServerError(
                f"etcd ended by itself with status {status} while it was starting"
            )
        if time.monotonic() > deadline:
            raise EtcdServerError(f"etcd was not healthy {timeout:g} s after its start")
        time.sleep(_POLL_INTERVAL)


def _is_healthy(port: int) -> bool:
    """Ask ``/health``, which says true once etcd has a leader and serves reads.

    Source: etcd server/etcdserver/api/etcdhttp/health.go (metrics.go before 3.6).
    """
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_HEALTH_TIMEOUT)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        return response.status == http.client.OK and json.load(response).get("health") == "true"
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _with_log(error: EtcdServerError, log_path: Path, log_start: int) -> EtcdServerError:
    """Return *error* with the end of the log, as the kind of error that the log shows it to be."""
    with log_path.open("rb") as log:
        log.seek(log_start)
        written = log.read()
    kind = PortTakenError if _PORT_TAKEN in written else EtcdServerError
    excerpt = _both_ends(written.decode(errors="replace").splitlines())
    return kind(f"{error}. Its log is kept in {log_path}:\n{excerpt}")


def _both_ends(lines: list[str]) -> str:
    """Shorten a log in the middle: a wrong flag is named in its first line, all else at its end."""
    if len(lines) > _SHOWN_LOG_LINES:
        lines = [lines[0], "...", *lines[2 - _SHOWN_LOG_LINES :]]
    return "\n".join(lines)
