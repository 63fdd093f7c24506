"""Errors in the reasons that etcd gives when it cancels a watch."""

from __future__ import annotations

import re

from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd.error_texts import WATCH_CANCEL_CODES
from etcd_asgi.status import Code

_REASON = re.compile(r"rpc error: code = (\w+) desc = (.*)", re.DOTALL).fullmatch
_CODES = {"".join(part.capitalize() for part in code.name.split("_")): code for code in Code}
_CODES["Canceled"] = Code.CANCELLED


def error_of(reason: str) -> UpstreamError:
    """Make the error that a ``cancel_reason`` stands for."""
    if found := _REASON(reason):
        return UpstreamError(_CODES.get(found[1], Code.UNKNOWN), found[2])
    return UpstreamError(WATCH_CANCEL_CODES.get(reason, Code.UNKNOWN), reason)
