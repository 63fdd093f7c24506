"""Codes for errors of locks and elections, which etcd sends as text alone.

A client inside etcd runs them, and its errors lose their codes. The stock gateway responds with
500, which would look like a hole in the namespace.
"""

from __future__ import annotations

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import CONCURRENCY_CODES
from etcd_asgi.status import Code


def with_code(error: UpstreamError) -> UpstreamError:
    """Return *error* with the code that its text means."""
    code = CONCURRENCY_CODES.get(error.message)
    if error.code != Code.UNKNOWN or code is None:
        return error
    return UpstreamError(code, error.message, local=error.local)
