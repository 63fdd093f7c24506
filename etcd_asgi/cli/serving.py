"""``etcd-asgi serve``: the gateway alone, under uvicorn."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from etcd_asgi.asgi.routes import DEFAULT_VERSIONS
from etcd_asgi.cli.host_check import guarded, is_loopback
from etcd_asgi.gateway import Gateway
from etcd_asgi.policy.grant import FULL, READ_ONLY, Grant
from etcd_asgi.upstream import TLS
from etcd_asgi.upstream.auth.password import Password

PASSWORD_VARIABLE = "ETCD_ASGI_PASSWORD"  # noqa: S105 - the name of a variable
GRACE = 5
"""Seconds that open streams have to end, once a signal has come."""

_DESCRIPTION = "Serve a gateway to etcd alone, without an application, until a signal ends it."
_LAST_PORT = 65535
_NOT_IN_NAMES = frozenset("/?#@*, ")
_NEEDS_ALLOWING = (
    "--user gives the rights of that etcd user to everyone who reaches this port: say"
    " --allow-anyone if you mean it, or mount the gateway in an application whose access= decides"
)
_LENDS_CERTIFICATE = (
    "--tls-cert gives what etcd allows this certificate to everyone who reaches this port: say"
    " --allow-anyone if you mean it, or mount the gateway in an application whose access= decides"
)
_BEYOND_LOOPBACK = (
    "--user together with --host {host} would give the rights of that etcd user to a whole network:"
    " listen on 127.0.0.1 behind a proxy that asks for a login, or mount the gateway in an"
    " application whose access= decides"
)


def serve(arguments: Sequence[str]) -> None:
    """Serve a gateway until a signal ends it."""
    import uvicorn

    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        gateway = _gateway(chosen)
        listener = _listen(chosen.host, chosen.port)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    print(f"{', '.join(chosen.upstream)} is served on {url}; Ctrl-C ends it", flush=True)

    class Server(uvicorn.Server):
        """A server that ends the streams first: uvicorn waits for what is under way."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await gateway.aclose()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        gateway, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again when all is closed
        Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="etcd-asgi serve", description=_DESCRIPTION)
    add = parser.add_argument
    add(
        "--upstream",
        action="append",
        required=True,
        type=_member,
        metavar="URL",
        help="etcd; may be repeated",
    )
    add("--host", type=_given, default="127.0.0.1", help="where to listen (default: %(default)s)")
    add("--port", type=_port, default=8000, help="0 is any free one (default: %(default)s)")
    add("--versions", type=_versions, default=DEFAULT_VERSIONS, metavar="V", help="v3=3.7,...")
    add("--user", help=f"call etcd as this user; password in ${PASSWORD_VARIABLE} or a file")
    add("--password-file", type=Path, metavar="FILE", help="whose first line is the password")
    add("--allow-anyone", action="store_true", help="let everyone use --user, --tls-cert")
    add("--read-only", action="store_true", help="allow what only reads")
    add("--namespace", type=_given, metavar="PREFIX", help="serve the keys below it, as if all")
    add("--explorer", action="store_true", help="serve a page to look at the keys, /explorer/")
    add(
        "--allowed-host",
        action="append",
        default=[],
        type=_host_name,
        metavar="NAME",
        help="of the Host header, without a port; may be repeated",
    )
    add("--tls-ca", type=_given, metavar="FILE", help="certificates that etcd's must come from")
    add("--tls-cert", type=_given, metavar="FILE", help="a certificate for etcd, with --tls-key")
    add("--tls-key", type=_given, metavar="FILE", help="its key")
    return parser


def _gateway(chosen: argparse.Namespace) -> Gateway:
    """Make the gateway that the options describe.

    Raises:
        ValueError: they do not go together; the message says what would.
        OSError: a file cannot be read.
    """
    credentials, tls = _credentials(chosen), _tls(chosen)
    if credentials is not None and not is_loopback(chosen.host):
        raise ValueError(_BEYOND_LOOPBACK.format(host=chosen.host))
    if credentials is not None and not chosen.allow_anyone:
        raise ValueError(_NEEDS_ALLOWING)
    if tls is not None and tls.cert is not None and not chosen.allow_anyone:
        raise ValueError(_LENDS_CERTIFICATE)
    grant = Grant(
        rpcs=READ_ONLY if chosen.read_only else FULL,
        namespace=None if chosen.namespace is None else os.fsencode(chosen.namespace),
        forward_token=credentials is None,
    )
    return Gateway(
        chosen.upstream,
        versions=chosen.versions,
        credentials=credentials,
        access=guarded(grant, chosen.host, chosen.allowed_host),
        explorer=chosen.explorer,
        tls=tls,
    )


def _credentials(chosen: argparse.Namespace) -> Password | None:
    if chosen.user is None:
        if chosen.password_file is not None:
            raise ValueError("--password-file is of use with --user alone")
        return None
    if chosen.password_file is not None:
        password = chosen.password_file.read_text(encoding="utf-8").partition("\n")[0]
    else:
        password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        raise ValueError(f"--user needs a password: --password-file FILE, or ${PASSWORD_VARIABLE}")
    return Password(chosen.user, password)


def _tls(chosen: argparse.Namespace) -> TLS | None:
    files = [name for name in (chosen.tls_ca, chosen.tls_cert, chosen.tls_key) if name]
    if not files:
        return None
    for name in files:
        Path(name).read_bytes()  # at the first call it would be late to say that it cannot be
    return TLS(ca=chosen.tls_ca, cert=chosen.tls_cert, key=chosen.tls_key)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_LAST_PORT}, not {text}")
    return int(text)


def _given(text: str) -> str:
    """Refuse the empty text that an unset variable of a shell gives: it would mean much more."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: give a value, or leave the option out")
    return text


def _member(text: str) -> str:
    if "," in text:
        raise argparse.ArgumentTypeError(f"give --upstream once for each member, not {text}")
    return _given(text)


def _host_name(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    has_port = ":" in text and not (text == f"[{bare}]" or text.count(":") > 1)
    if not text or has_port or _NOT_IN_NAMES & set(text):
        raise argparse.ArgumentTypeError(f"a name is like etcd.example, without a port, not {text}")
    return bare


def _versions(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(prefix and release for prefix, _, release in pairs):
        raise argparse.ArgumentTypeError(f"write it like v3=3.7,v3beta=3.5, not {text}")
    if len({prefix for prefix, _, _ in pairs}) < len(pairs):
        raise argparse.ArgumentTypeError(f"a prefix is there twice: {text}")
    return {prefix: release for prefix, _, release in pairs}
