"""``etcd-asgi demo`` and ``etcd-asgi serve`` from the installed package with its extra ``demo``.

Run as a program outside the checkout by ``make wheel-test``.
"""

import re
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import etcd_asgi
from etcd_asgi.testing import EtcdServer

COMMAND = str(Path(sys.prefix, "bin", "etcd-asgi"))
JSON = {"content-type": "application/json; bytes=text", "accept": "application/json; bytes=text"}


class Browser:
    """Cookies, and one host."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def ask(self, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> str:
        """GET, or with a body POST."""
        data = None if body is None else body.encode()
        request = urllib.request.Request(self._url + path, data, headers or {})
        with self._opener.open(request, timeout=20) as answer:
            content: bytes = answer.read()
        return content.decode()


def until(process: "subprocess.Popen[str]", pattern: str) -> str:
    """All that a command writes, until it has written *pattern*."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"it ended: {seen}")


def check_demo() -> None:
    """It starts, users log in, keys are changed, pages are there, and Ctrl-C ends it."""
    with subprocess.Popen([COMMAND, "demo", "--port=0"], stdout=subprocess.PIPE, text=True) as demo:
        try:
            welcome = until(demo, "Ctrl-C ends both")
            found = re.search(r"FastAPI application on (\S+):", welcome)
            user = re.search(r"^  (\S+) +password (\S+)$", welcome, re.MULTILINE)
            assert found, welcome
            assert user, welcome
            browser = Browser(found[1])
            page = browser.ask("/login", urlencode({"name": user[1], "password": user[2]}))
            assert "Keys of your team" in page, page
            browser.ask("/etcd/v3/kv/put", '{"key": "k", "value": "of a wheel"}', JSON)
            assert "of a wheel" in browser.ask("/etcd/v3/kv/range", '{"key": "k"}', JSON)
            for path in ("/page/app.js", "/page/style.css", "/etcd/client.js"):
                assert browser.ask(path)
        finally:
            demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0


def check_serve() -> None:
    """It serves an etcd."""
    with EtcdServer() as etcd:
        command = [COMMAND, "serve", "--upstream", etcd.endpoint, "--port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serve:
            try:
                found = re.search(r"is served on (\S+);", until(serve, "Ctrl-C"))
                assert found
                assert etcd.version in Browser(found[1]).ask("/v3/maintenance/status", "{}")
            finally:
                serve.send_signal(signal.SIGINT)
            assert serve.wait(30) == 0


def main() -> None:
    """Check both, and say so."""
    place = Path(etcd_asgi.__file__).resolve()
    assert Path(sys.prefix).resolve() in place.parents, f"{place} is not the installed package"
    check_demo()
    check_serve()
    print("wheel: etcd-asgi demo and etcd-asgi serve run")


if __name__ == "__main__":
    main()
