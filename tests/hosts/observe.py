"""What etcd itself says of those who use it."""

from __future__ import annotations

from typing import Any

import httpx

from etcd_asgi.testing import EtcdServer
from tests.hosts.serving import until
from tests.hosts.target import TIMEOUT, text


def watchers(etcd: EtcdServer) -> int:
    """How many watchers etcd has, as its metrics tell."""
    metrics = httpx.get(f"{etcd.endpoint}/metrics", timeout=TIMEOUT).text
    name = "etcd_debugging_mvcc_watcher_total "
    (value,) = (line for line in metrics.splitlines() if line.startswith(name))
    return int(value.removeprefix(name))


def wait_for_no_watcher(etcd: EtcdServer) -> None:
    """Wait until etcd has none: those of an earlier test may still be ending."""
    until(lambda: watchers(etcd) == 0, "no watcher left in etcd")


def queue(etcd: EtcdServer, lock: str) -> int:
    """How many hold a lock or wait for it: each has a key under its name."""
    prefix = {"key": text(f"{lock}/"), "range_end": text(f"{lock}0")}
    return int(ask(etcd, "kv/range", {**prefix, "count_only": True}).get("count", 0))


def ask(etcd: EtcdServer, path: str, message: object) -> Any:
    """What etcd's own gateway answers."""
    answer = httpx.post(f"{etcd.endpoint}/v3/{path}", json=message, timeout=TIMEOUT)
    return answer.raise_for_status().json()
