"""``make demo`` shows what it says, and leaves nothing behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from etcd_asgi.testing.process import ChildProcess
from tests.browser.outside import Outside
from tests.conftest import StartEtcd
from tests.docs.markdown import ROOT, snippets
from tests.hosts.serving import until
from tests.hosts.target import TIMEOUT, text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

END = "Ctrl-C ends both."


class Demo:
    """A running demo."""

    def __init__(self, folder: Path, *arguments: str, example: str = "fastapi_app") -> None:
        command = [sys.executable, "-m", f"examples.{example}.demo", *arguments]
        self._log_path = folder / "demo.log"
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        self.process = ChildProcess(command, log_path=self._log_path, env=env, scratch=None)
        self._folder = folder

    @property
    def output(self) -> str:
        return self._log_path.read_text()

    @property
    def url(self) -> str:
        """Where it says that its application is."""
        found = re.search(r"FastAPI application on (\S+):", self.output)
        assert found is not None
        return found[1]

    @property
    def etcd(self) -> str:
        """Where it says that etcd is."""
        found = re.search(r"runs on (\S+),", self.output)
        assert found is not None
        return found[1]

    @property
    def login(self) -> dict[str, str]:
        """Name and password of the first user that it tells."""
        found = re.search(r"^  (\S+) +password (\S+)$", self.output, re.MULTILINE)
        assert found is not None
        return {"name": found[1], "password": found[2]}

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.output
            return END in self.output

        until(ready, "the demo's welcome")

    def end(self, number: signal.Signals) -> int:
        """Send a signal; gives the exit status, when all processes that it had started are gone."""
        children = _descendants(self.process.pid)
        assert children
        os.kill(self.process.pid, number)
        until(lambda: self.process.poll() is not None, "the end of the demo")
        until(lambda: not any(_runs(pid) for pid in children), "the end of what it had started")
        status = self.process.poll()
        assert status is not None
        return status

    def leftovers(self) -> list[str]:
        """What is left in the folder for temporary files."""
        return sorted(path.name for path in self._folder.iterdir() if path != self._log_path)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that has just been started."""
    running = Demo(tmp_path, "--port=0")
    yield running
    running.process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo to look at."""
    running = Demo(tmp_path_factory.mktemp("demo-"), "--port=0")
    running.wait_until_ready()
    yield running
    running.process.kill()


def test_what_it_prints_can_be_opened_and_pasted(shared: Demo, tmp_path: Path) -> None:
    for url in re.findall(r"^  (http\S+)", shared.output, re.MULTILINE):
        assert httpx.get(url, timeout=TIMEOUT, follow_redirects=True).status_code == 200

    logged_in, put, found = _pasted(shared, tmp_path)
    assert logged_in == ""
    assert '"revision"' in put
    assert '"value":"hello from curl"' in found
    assert put.endswith("}\n"), "the next prompt of the shell is on a line of its own"
    assert found.endswith("}\n")


def test_what_django_s_prints_can_be_opened_and_pasted(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--port=0", example="django_app")
    try:
        demo.wait_until_ready()
        for url in re.findall(r"^  (http\S+)", demo.output, re.MULTILINE):
            assert httpx.get(url, timeout=TIMEOUT, follow_redirects=True).status_code == 200
        form, logged_in, put = _pasted(demo, tmp_path)
        assert form + logged_in == ""
        assert '"revision"' in put
        assert put.endswith("}\n")
        body = {"key": text("/teams/red/services/"), "range_end": text("/teams/red/services0")}
        address = f"{demo.etcd}/v3/kv/range"
        until(lambda: "kvs" in httpx.post(address, json=body, timeout=TIMEOUT).json(), "services")
        assert "Traceback" not in demo.output, demo.output
    finally:
        demo.process.kill()


def test_it_says_so_when_etcd_has_ended_by_itself(demo: Demo) -> None:
    demo.wait_until_ready()
    (etcd,) = (
        pid
        for pid in _descendants(demo.process.pid)
        if Path(f"/proc/{pid}/comm").read_text() == "etcd\n"
    )
    os.kill(etcd, signal.SIGKILL)
    until(lambda: "etcd has ended by itself" in demo.output, "the news of etcd's end")


def test_services_come_and_go_by_themselves(shared: Demo) -> None:
    """Seen from etcd itself: keys with leases appear for both teams, and some vanish."""
    seen: dict[str, set[str]] = {"red": set(), "blue": set()}

    def have_come_and_gone() -> bool:
        for team, known in seen.items():
            prefix = f"/teams/{team}/services/"
            body = {"key": text(prefix), "range_end": text(prefix[:-1] + "0")}
            answer = httpx.post(f"{shared.etcd}/v3/kv/range", json=body, timeout=TIMEOUT).json()
            now = {kv["key"] for kv in answer.get("kvs", []) if int(kv["lease"])}
            gone[team] = gone[team] or bool(known - now)
            seen[team] = known | now
        return all(gone.values())

    gone = {"red": False, "blue": False}
    until(have_come_and_gone, "services that come and go")


def test_samples_leave_alone_what_is_there(tmp_path: Path, start_etcd: StartEtcd) -> None:
    """A visitor may be quicker than the samples are, and an etcd of one's own has keys already."""
    etcd = start_etcd()
    outside = Outside(etcd)
    outside.put("/teams/red/greeting", "mine")
    demo = Demo(tmp_path, "--port=0", f"--etcd={etcd.endpoint}")
    try:
        until(lambda: _has_services(outside, "red"), "what comes after red's samples")
        until(lambda: _has_services(outside, "blue"), "what comes after blue's samples")
        assert outside.get("/teams/red/greeting") == b"mine"
        assert outside.get("/teams/blue/greeting") == b"hello"
    finally:
        demo.process.kill()


def test_services_come_again_when_etcd_does(tmp_path: Path, start_etcd: StartEtcd) -> None:
    """With an etcd that runs already, and is killed and started again meanwhile."""
    etcd = start_etcd()
    demo = Demo(tmp_path, "--port=0", f"--etcd={etcd.endpoint}")
    body = {"key": text("/teams/red/services/"), "range_end": text("/teams/red/services0")}

    def newest() -> int:
        answer = httpx.post(f"{etcd.endpoint}/v3/kv/range", json=body, timeout=TIMEOUT).json()
        return max((int(kv["create_revision"]) for kv in answer.get("kvs", [])), default=0)

    try:
        demo.wait_until_ready()
        until(newest, "a first service")
        etcd.kill()
        until(lambda: "cannot" in demo.output or "not reachable" in demo.output, "the outage")
        etcd.restart()
        before = newest()
        until(lambda: newest() > before, "a service that came after the outage")
        assert demo.process.poll() is None
        assert "Traceback" not in demo.output, demo.output
    finally:
        demo.process.kill()


def test_the_readme_shows_what_one_sees(shared: Demo) -> None:
    (shown,) = (
        snippet.text
        for snippet in snippets(ROOT / "README.md")
        if snippet.language == "text" and END in snippet.text
    )
    assert _everywhere_the_same(shown.strip()) == _everywhere_the_same(shared.output.strip())


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_nothing_is_left(
    demo: Demo, number: signal.Signals, status: int
) -> None:
    demo.wait_until_ready()
    assert httpx.get(f"{demo.url}/login", timeout=TIMEOUT).status_code == 200
    assert demo.end(number) == status
    assert demo.leftovers() == []
    assert "Traceback" not in demo.output
    with pytest.raises(httpx.ConnectError):
        httpx.get(demo.url)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_while_etcd_starts_leaves_nothing_either(
    demo: Demo, number: signal.Signals, status: int
) -> None:
    until(lambda: _descendants(demo.process.pid), "the start of etcd")
    assert demo.end(number) == status
    assert demo.leftovers() == []


def test_it_ends_while_a_watch_is_open(demo: Demo) -> None:
    demo.wait_until_ready()
    body = {"create_request": {"key": text("greeting")}}
    with httpx.Client(base_url=demo.url, timeout=TIMEOUT) as client:
        client.post("/login", data=demo.login)
        with client.stream("POST", "/etcd/v3/watch", json=body) as watch:
            assert b"created" in next(watch.iter_bytes())
            assert demo.end(signal.SIGINT) == 0
    assert "Traceback" not in demo.output
    assert "ERROR" not in demo.output


def test_a_port_that_is_taken_is_told_and_the_next_free_one_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, f"--port={port}")
        try:
            demo.wait_until_ready()
            assert f"port {port} is not free" in demo.output
            assert int(demo.url.rpartition(":")[2]) > port
            assert httpx.get(f"{demo.url}/login", timeout=TIMEOUT).status_code == 200
        finally:
            demo.process.kill()


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_cannot_be_is_refused_in_one_line(tmp_path: Path, port: str) -> None:
    demo = Demo(tmp_path, f"--port={port}")
    until(lambda: demo.process.poll() is not None, "the end of the demo")
    assert demo.process.poll() == 2
    assert port in demo.output.splitlines()[-1]
    assert "Traceback" not in demo.output


def _has_services(outside: Outside, team: str) -> bool:
    return any(key.startswith(f"/teams/{team}/services/") for key in outside.all_keys())


def _pasted(demo: Demo, folder: Path) -> list[str]:
    """What a shell prints when the three lines that the demo shows are pasted into it."""
    lines = re.findall(r"^curl .*$", demo.output, re.MULTILINE)
    assert len(lines) == 3
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return [_shell(line, folder) for line in lines]


def _shell(line: str, folder: Path) -> str:
    command = ["/bin/sh", "-c", f"{line} -sS --fail"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    return done.stdout


def _everywhere_the_same(shown: str) -> str:
    """What is printed, but for the ports, etcd's version and the passwords."""
    shown = re.sub(r"(127\.0\.0\.1:|etcd )[0-9.]+", r"\1*", shown)
    return re.sub(r"(password[ =])[^\s']+", r"\1*", shown)


def _descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            children += map(int, task.read_text().split())
    return [found for child in children for found in (child, *_descendants(child))]


def _runs(pid: int) -> bool:
    """Whether a process is there, and more than an entry that nobody has fetched."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
