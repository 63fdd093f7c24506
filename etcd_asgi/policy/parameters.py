"""Checks of the parameters of a gateway, before anything is built from them."""

from __future__ import annotations

from typing import Any

from etcd_asgi.arguments import (
    WrongTypeError,
    check_bool,
    check_function,
    is_async,
    is_url,
    wrong_type,
)
from etcd_asgi.policy.grant import passthrough
from etcd_asgi.settings import Limits
from etcd_asgi.upstream import TLS
from etcd_asgi.upstream.auth.password import Password

LENDS = (
    "a gateway with credentials or a client certificate of its own, and without access=, would lend"
    " its rights to everyone who reaches it: give access= a function of yours, or say"
    " access=etcd_asgi.allow_anyone"
)

_UPSTREAM = ("unary", "server_stream", "bidi", "aclose")
"""The methods of :class:`~etcd_asgi.upstream.Upstream`."""

_INSTANCES: dict[str, tuple[type, str]] = {
    "credentials": (Password, "Password(user, password)"),
    "tls": (TLS, "TLS(...)"),
    "limits": (Limits, "Limits(...)"),
}


def check_parameters(*, lease_secret: object, explorer: object, **given: Any) -> None:
    """Refuse parameters of a wrong type.

    Raises:
        WrongTypeError: the message names the parameter and the expected type.
    """
    _check_functions(**{name: given.pop(name) for name in ("access", "authorize", "audit")})
    if not isinstance(lease_secret, bytes):
        raise wrong_type("lease_secret= takes bytes, such as secrets.token_bytes(32)", lease_secret)
    check_bool("explorer=", explorer)
    for name, (kind, expected) in _INSTANCES.items():
        if given[name] is not None and not isinstance(given[name], kind):
            raise wrong_type(f"{name}= takes {expected}", given[name])


def _check_functions(access: object, authorize: object, audit: object) -> None:
    check_function("access=", access, "conn")
    if authorize is not None:
        check_function("authorize=", authorize, "conn", "rpc", "message")
    if audit is None or isinstance(audit, bool):
        return
    if not callable(audit):
        raise wrong_type("audit= takes True, False or a function of (record)", audit)
    check_function("audit=", audit, "record")
    if is_async(audit):
        raise WrongTypeError(
            "audit= takes a plain function, as nobody awaits it: let it put the records into a"
            " queue, and a task take them from there"
        )


def check_lending(access: object, credentials: Password | None, tls: TLS | None) -> None:
    """Refuse to lend the gateway's own rights to everyone who reaches it.

    Raises:
        ValueError: it has rights of its own, and no ``access``.
    """
    own = credentials is not None or (tls is not None and tls.cert is not None)
    if own and access is passthrough:
        raise ValueError(LENDS)


def is_upstream(etcd: object) -> bool:
    """Return True for an upstream of the host's own, False for URLs.

    Raises:
        WrongTypeError: it has some of the methods of an upstream, but not all, or is a class.
    """
    lacking = [name for name in _UPSTREAM if not callable(getattr(etcd, name, None))]
    if len(lacking) == len(_UPSTREAM) or (lacking and is_url(etcd)):
        return False
    expected = f"an Upstream is an object with the methods {', '.join(_UPSTREAM)}"
    if lacking:
        raise WrongTypeError(f"{expected}; {type(etcd).__name__} lacks {', '.join(lacking)}")
    if isinstance(etcd, type):
        raise wrong_type(expected, etcd)
    return True
