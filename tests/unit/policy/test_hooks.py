"""The host's own functions, and what they may do by mistake."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from etcd_asgi import Denied
from etcd_asgi.errors import DecodeError, HookError
from etcd_asgi.policy.hooks import ask

HookOf = Callable[[BaseException], Callable[[], Any]]


def plain(error: BaseException) -> Callable[[], Any]:
    def hook() -> None:
        raise error

    return hook


def on_the_loop(error: BaseException) -> Callable[[], Any]:
    async def hook() -> None:
        raise error

    return hook


@pytest.fixture(params=[plain, on_the_loop])
def hook_of(request: pytest.FixtureRequest) -> HookOf:
    hook: HookOf = request.param
    return hook


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(SystemExit(3), id="exit"),
        pytest.param(asyncio.CancelledError(), id="cancelled"),
        pytest.param(DecodeError("not the client's"), id="decode"),
        pytest.param(BaseExceptionGroup("", [SystemExit(3)]), id="group"),
        pytest.param(type("Odd", (BaseException,), {})(), id="odd"),
    ],
)
async def test_what_would_mean_something_else_is_a_mistake_of_the_hosts(
    hook_of: HookOf, error: BaseException
) -> None:
    with pytest.raises(HookError, match=f"hook raised {type(error).__name__}") as caught:
        await ask(hook_of(error))
    assert caught.value.__cause__ is error


async def test_the_hosts_exception_is_a_refusal(hook_of: HookOf) -> None:
    with pytest.raises(Denied) as caught:
        await ask(hook_of(HTTPException(451, "by law")))
    assert (caught.value.status, caught.value.message) == (451, "by law")


async def test_other_exceptions_stay_what_they_are(hook_of: HookOf) -> None:
    with pytest.raises(ZeroDivisionError):
        await ask(hook_of(ZeroDivisionError()))


async def test_a_request_that_is_cancelled_is_cancelled() -> None:
    begun = asyncio.Event()

    async def hook() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(ask(hook))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_plain_function_may_return_what_is_awaited() -> None:
    async def later() -> int:
        return 7

    assert await ask(lambda: later()) == 7  # noqa: PLW0108 - not a coroutine function itself
    assert await ask(sys.getrecursionlimit) == sys.getrecursionlimit()
