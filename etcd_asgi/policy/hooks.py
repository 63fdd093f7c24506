"""Calls of the host's own functions, sync or async; their errors concern one request only."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from etcd_asgi.errors import DecodeError, Denied, HookError
from etcd_asgi.policy.grant import Access, Grant, allow_anyone, passthrough


async def decide(access: Access, conn: HTTPConnection) -> Grant:
    """Ask *access*; a function that is not async runs in a thread, as it may block.

    Raises:
        Denied: it refused, with this or with Starlette's or FastAPI's ``HTTPException``.
        TypeError: it returned something else than a grant.
        HookError: see :func:`ask`.
    """
    known = access is passthrough or access is allow_anyone
    grant: object = access(conn) if known else await ask(access, conn)
    if not isinstance(grant, Grant):
        raise TypeError(f"access returned {type(grant).__name__}, but must return a Grant")
    return grant


async def ask(hook: Callable[..., Any], *args: Any) -> Any:
    """Call *hook*, and return its result; one that is not async runs in a thread, as it may block.

    Raises:
        Denied: it refused, with this or with Starlette's or FastAPI's ``HTTPException``.
        HookError: it called ``sys.exit()``, or was cancelled though the request was not, or raised
            :class:`~etcd_asgi.errors.DecodeError`. Let through, the first would end the server, the
            second would let its client wait, and the third would blame the client.
    """
    try:
        return await _call(hook, args)
    except HTTPException as error:
        raise Denied(error.status_code, str(error.detail), error.headers) from error
    except DecodeError as error:
        raise _hook_error(hook, error) from error
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        raise _hook_error(hook, error) from error


def _hook_error(hook: Callable[..., Any], error: BaseException) -> HookError:
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    return HookError(f"{name} raised {type(error).__qualname__}")


async def _call(hook: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    if inspect.iscoroutinefunction(hook):
        return await hook(*args)
    result = await run_in_threadpool(hook, *args)
    return await result if inspect.isawaitable(result) else result


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
