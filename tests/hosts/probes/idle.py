"""Mounts gateways in a host, and prints as JSON what that has cost the process. Linux only."""

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any


def cost() -> dict[str, object]:
    """What an idle process holds: its threads, its sockets and the modules that matter here."""
    links = [_target(entry) for entry in Path("/proc/self/fd").iterdir()]
    return {
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "python_threads": [thread.name for thread in threading.enumerate()],
        "sockets": sorted(link for link in links if link.startswith(("socket:", "anon_inode:"))),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # the folder that is being read
        return ""


def main() -> None:
    import etcd_asgi

    imported = cost()

    from fastapi import FastAPI

    app = FastAPI()
    for number in range(3):
        app.mount(f"/etcd{number}", etcd_asgi.Gateway("http://127.0.0.1:1"))
    mounted = cost()
    print(json.dumps({"imported": imported, "mounted": mounted, "used": asyncio.run(use(app))}))


async def use(app: Any) -> dict[str, object]:
    """What it costs once there was a call: proof that the costs above are seen."""
    import httpx

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        answer = await client.post("/etcd0/v3/kv/range", json={})
    assert answer.status_code == 503
    return cost()


if __name__ == "__main__":
    main()
