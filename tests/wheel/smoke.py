"""What a user gets: the installed wheel with its own requirements and nothing else, serving calls.

Run as a program outside the checkout by ``make wheel-test``, without a test runner: the wheel does
not ask for one.
"""

import asyncio
import base64
import importlib
import json
import pkgutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import etcd_asgi
from etcd_asgi import Gateway
from etcd_asgi.testing import EtcdServer

_OPTIONAL = ("etcd_asgi.contrib.", "etcd_asgi.demo.")
Answer = tuple[int, dict[str, Any]]


def check_place() -> None:
    """The package is the installed one, and whole."""
    place = Path(etcd_asgi.__file__).resolve()
    assert Path(sys.prefix).resolve() in place.parents, f"{place} is not the installed package"
    assert (files("etcd_asgi") / "py.typed").is_file()
    proto = files("etcd_asgi") / "etcd" / "proto"
    names = {Path(entry.name).suffix for entry in proto.iterdir()}
    assert {".binpb", ".proto"} <= names, f"proto holds {sorted(names)}"
    for name in ("client.js", "client.d.ts"):
        assert (files("etcd_asgi") / "browser" / name).is_file(), f"{name} is not in the wheel"


def check_command() -> None:
    """The command is there, and says what its demo needs."""
    command = [str(Path(sys.prefix, "bin", "etcd-asgi")), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert 'pip install "etcd-asgi[demo]"' in done.stderr, done


def check_imports() -> list[str]:
    """Every module imports, except helpers for hosts that are not installed; return all names."""
    names = [module.name for module in pkgutil.walk_packages(etcd_asgi.__path__, "etcd_asgi.")]
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not name.startswith(_OPTIONAL) or str(error.name).startswith("etcd_asgi"):
                raise
    return names


async def call(app: Gateway, path: str, **body: str) -> Answer:
    """POST *body* to *app* as an ASGI server would."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    requests = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    sent: list[dict[str, Any]] = []
    still_there = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if requests:
            return requests.pop()
        await still_there.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(content)


async def check_calls(etcd: EtcdServer) -> None:
    """A put is read back; without etcd there is a clear answer."""
    key, value = (base64.b64encode(text).decode() for text in (b"smoke", b"fire"))
    async with Gateway(etcd.endpoint) as app:
        status, answer = await call(app, "/v3/kv/put", key=key, value=value)
        assert status == 200, (status, answer)
        status, answer = await call(app, "/v3/kv/range", key=key)
        assert status == 200, (status, answer)
        assert answer["kvs"][0]["value"] == value, answer
        etcd.kill()
        status, answer = await call(app, "/v3/kv/range", key=key)
        assert (status, answer["code"]) == (503, 14), (status, answer)


def main() -> None:
    """Check everything, and say what was checked."""
    check_place()
    names = check_imports()
    check_command()
    with EtcdServer() as etcd:
        asyncio.run(check_calls(etcd))
        print(f"wheel: {len(names)} modules import, calls work against etcd {etcd.version}")


if __name__ == "__main__":
    main()
