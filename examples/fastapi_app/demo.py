"""The application in front of a real etcd, with data that lives: ``make demo``.

Everything is stopped on Ctrl-C and on SIGTERM.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from .main import application
from .registry import Registry
from .running import Signals, etcd_url, listen, parser, serve
from .users import demo_passwords, demo_users, user_lines

WRITERS = ("red-writer", "blue-writer")
WELCOME = """
{etcd} runs on {etcd_url}, and a FastAPI application on {url}: open

  {url}/  and log in as one of

{users}

  {url}/etcd/explorer/  shows the same keys as a tree, with their history

The red team and the blue team each see keys of their own; red-reader may only read. Services come
and go by themselves. Leave the page open, and change a key in another terminal:

curl -c jar {url}/login -d 'name=red-writer&password={password}'
curl -b jar -w '\\n' {url}/etcd/v3/kv/put -H 'content-type: application/json; bytes=text' \
-d '{put}'
curl -b jar -w '\\n' {url}/etcd/v3/kv/range -H 'content-type: application/json; bytes=text' \
-d '{range}'

Ctrl-C ends both.
"""


def main(arguments: Sequence[str] | None = None, program: str | None = None) -> None:
    """Run until a signal ends it."""
    options = parser(program or "python -m examples.fastapi_app.demo", __doc__)
    chosen = options.parse_args(arguments)
    signals = Signals()
    with listen(chosen.port) as listener, etcd_url(chosen.etcd) as (etcd, name):
        signals.end(partial(_run, etcd, name, listener))
    sys.exit(signals.status)


def _run(etcd: str, name: str, listener: socket.socket) -> None:
    passwords = demo_passwords()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = application(etcd, demo_users(passwords))
    print(_welcome(etcd, name, url, passwords), flush=True)
    with ExitStack() as stack:
        for user in WRITERS:
            login = {"name": user, "password": passwords[user]}
            stack.enter_context(Registry(url, login))
        serve(app, app.state.gateway, listener)


def _welcome(etcd: str, name: str, url: str, passwords: Mapping[str, str]) -> str:
    return WELCOME.format(
        etcd=name,
        etcd_url=etcd,
        url=url,
        users=user_lines(passwords),
        password=passwords["red-writer"],
        put=json.dumps({"key": "greeting", "value": "hello from curl"}),
        range=json.dumps({"key": "greeting"}),
    )


if __name__ == "__main__":
    main()
