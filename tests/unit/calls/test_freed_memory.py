"""Memory that was freed goes back to the operating system."""

import asyncio
import platform

import anyio
import pytest

from etcd_asgi.calls import freed_memory
from etcd_asgi.calls.freed_memory import FreedMemory


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "_PAUSE", 0.01)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc is asked, and no other")
def test_glibc_can_be_asked() -> None:
    """How much it gives back shows in tests/streams/test_storm.py."""
    trim = freed_memory._trim()
    assert trim is not None
    assert trim(0) in (0, 1)


async def test_many_responses_give_back_once(soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def trim(pad: int) -> None:
        given.append(pad)
        loop.call_soon_threadsafe(done.set)

    monkeypatch.setattr(freed_memory, "_trim", lambda: trim)
    freed = FreedMemory()
    for _ in range(100):
        freed.give_back_soon()
    with anyio.fail_after(10):
        await done.wait()
    assert given == [0]


async def test_after_closing_nothing_is_done(soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "_trim", lambda: pytest.fail)
    freed = FreedMemory()
    freed.give_back_soon()
    freed.close()
    assert not freed._timers
