"""Unary calls: one message to etcd, and one back. Every wire form makes them here."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import closing

from google.protobuf.message import DecodeError as ParseError
from google.protobuf.message import Message

from etcd_asgi import codec
from etcd_asgi.calls.call import Call, Guard
from etcd_asgi.calls.exchange import exchange_much, hold_for
from etcd_asgi.calls.expected_costs import LIGHT
from etcd_asgi.calls.large_response import LargeResponse, convert
from etcd_asgi.calls.offload import in_thread
from etcd_asgi.calls.response_budget import Hold
from etcd_asgi.deadline import NEVER
from etcd_asgi.errors import Denied, UpstreamError
from etcd_asgi.status import Code


async def unary(call: Call, body: bytes) -> bytes | LargeResponse:
    """Make a call with the JSON of a request.

    Returns:
        The response's JSON. If it is large it is in chunks, and to be closed.

    Raises:
        DecodeError: the first JSON value of *body* is not the message that the RPC takes.
        Denied: the guard refuses the request.
        UpstreamError: the call ended with a status other than OK.
    """
    transcoder, guard = call.transcoder, call.guard
    is_small = len(body) < call.limits.offload_body_bytes
    if guard is None:
        decode = transcoder.decode
        request = decode(body) if is_small else await in_thread(decode, body)
        reply, hold = await exchange(call, request)
    else:
        read = transcoder.decode_guarded
        message = read(body) if is_small else await in_thread(read, body)
        reply, hold = await _guarded(call, guard, message)
    if hold is not None:
        return await _in_slices(call, reply, hold)
    return _json(call, reply, is_reported=False)


async def exchange(call: Call, request: bytes) -> tuple[bytes, Hold | None]:
    """Send a serialized request, and receive the reply.

    Returns:
        etcd's reply; if it is large, with its part of the budget, to be closed.

    Raises:
        UpstreamError: the call ended with a status other than OK, its reply is too long, or there
            was no room for it.
    """
    method, limits, costs = call.method, call.limits, call.method.costs
    if (costs.mark is not None and costs.mark in request) or costs.one.expected > LIGHT:
        asked = costs.heavy(request)
        if asked is not None:
            return await exchange_much(call, request, asked)
    timeout = None if call.deadline is NEVER else call.deadline.remaining()
    reply = await call.upstream.unary(method.rpc, request, call.metadata, timeout)
    if len(reply) < limits.offload_bytes:
        return reply, None
    return reply, await hold_for(call, reply, limits.room_timeout)


async def unary_message(call: Call, request: Message) -> Message:
    """Make a call with a request message, which a guard may change; return etcd's reply.

    Raises:
        Denied: see :func:`unary`.
        UpstreamError: see :func:`unary`.
    """
    if call.guard is None:
        reply, hold = await exchange(call, request.SerializeToString())
    else:
        reply, hold = await _guarded(call, call.guard, request)
    guard, parse = call.guard, call.transcoder.parse
    if hold is None:
        message = parse(reply)
        if guard is not None:
            guard.finished(Code.OK, message)
            guard.release(message)
        return message
    with closing(hold):
        message = await in_thread(parse, reply)
        if guard is not None:
            guard.finished(Code.OK, message)
            await in_thread(guard.release, message)
        return message


async def _guarded(call: Call, guard: Guard, request: Message) -> tuple[bytes, Hold | None]:
    """Make a call whose request the guard admits, and report its outcome to the guard."""
    try:
        await guard.admit(request)
        session = None if call.waiting is None else guard.session(request)
        if call.waiting is None or session is None:
            return await exchange(call, call.transcoder.serialize(request))
        rpc, timeout = call.method.rpc, call.timeout()
        return await call.waiting.in_session(rpc, session, call.metadata, timeout), None
    except Denied as error:
        guard.finished(error.code)
        raise
    except UpstreamError as error:
        meant = guard.failed(error)
        guard.finished(meant.code)
        raise meant from error
    except CancelledError:
        guard.finished(Code.CANCELLED)
        raise


async def _in_slices(call: Call, reply: bytes, hold: Hold) -> LargeResponse:
    """Convert a large reply in a thread, slice by slice."""
    guard, change = call.guard, None
    response = call.method.binding.response
    if guard is not None:
        try:
            guard.finished(Code.OK, codec.with_header(response, reply))
        except BaseException:  # out of the host's own function
            hold.close()
            raise
        change = guard.release

    slices = codec.sliced(response, reply, text=call.transcoder.modes.response, change=change)
    return await convert(slices, lambda: _json(call, reply, is_reported=True), hold)


def _json(call: Call, reply: bytes, *, is_reported: bool) -> bytes:
    """Convert a serialized reply as a whole; *is_reported*: the guard knows the outcome."""
    transcoder, guard = call.transcoder, call.guard
    if guard is None:
        try:
            return transcoder.write(transcoder.parse(reply))
        except ParseError:
            return transcoder.write_deep(reply)
    message = transcoder.parse(reply)
    if not is_reported:
        guard.finished(Code.OK, message)
    guard.release(message)
    return transcoder.write(message)
