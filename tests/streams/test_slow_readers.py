"""A reader that stalls stops etcd, not the gateway, and gets everything once it reads on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.streams.history import History, Reader
from tests.streams.probed import MIB, Probed, create

PUTS, VALUE_BYTES = 400, 64 * 1024
HELD_BYTES = 16 * MIB
"""What the gateway may hold for a stalled reader, of 35 MB of JSON that it would get."""

Results = Callable[[], Any]


def over_post(probed: Probed, request: object) -> Results:
    watch = probed.whole("watch", request, receive_buffer=4096)
    return lambda: json.loads(watch.chunk())["result"]


def over_websocket(probed: Probed, request: object) -> Results:
    watch = probed.socket("watch", request, max_queue=1, max_size=None)
    return lambda: json.loads(watch.recv())["result"]


@pytest.mark.parametrize("follow", [over_post, over_websocket])
def test_memory_is_flat_while_a_reader_stalls_and_nothing_is_lost(
    probed: Probed, key: str, follow: Callable[[Probed, object], Results]
) -> None:
    results = follow(probed, create(key, fragment=True))  # else what it missed is one message
    assert results()["created"] is True
    probed.client.post("/forget-peak").raise_for_status()
    before = probed.state()["peak"]

    history = History(etcd=probed.etcd, key=key, value_bytes=VALUE_BYTES)
    history.put(PUTS)
    held = probed.state()["peak"] - before
    assert held < HELD_BYTES, f"{held / MIB:.1f} MiB held"

    reader = Reader(history)
    while not reader.is_done:
        reader.read(results())
    assert history.puts == PUTS


def test_readers_that_stall_hold_up_no_other(probed: Probed, key: str) -> None:
    """Their calls share one connection to etcd."""
    stalled = [over_post(probed, create(key, fragment=True)) for _ in range(3)]
    steady = over_post(probed, create(key, fragment=True))
    for results in (*stalled, steady):
        assert results()["created"] is True
    history = History(etcd=probed.etcd, key=key, value_bytes=VALUE_BYTES)
    history.put(PUTS // 4)
    reader = Reader(history)
    while not reader.is_done:
        reader.read(steady())
