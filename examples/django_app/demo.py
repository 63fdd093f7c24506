"""The project in front of a real etcd, with users in a database of its own: ``make demo-django``.

Everything is stopped on Ctrl-C and on SIGTERM. The database is a temporary file, unless
``--database`` names one that stays.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from examples.fastapi_app.registry import Registry
from examples.fastapi_app.running import Signals, etcd_url, listen, parser, serve
from examples.fastapi_app.users import demo_passwords, user_lines

GROUPS = {
    "red-writer": ("red",),
    "red-reader": ("red", "readers"),
    "blue-writer": ("blue",),
}
WRITERS = ("red-writer", "blue-writer")
WELCOME = """
{etcd} runs on {etcd_url}, and a Django project on {url}: open

  {url}/  and log in as one of

{users}

  {url}/etcd/explorer/  shows the same keys as a tree, with their history

The red team and the blue team each see keys of their own; red-reader may only read. Services come
and go by themselves. Leave the page open, and change a key in another terminal:

curl -c jar -o form {url}/login
curl -b jar -c jar {url}/login -d 'username=red-writer&password={password}' \
-d "csrfmiddlewaretoken=$(awk '/csrftoken/ {{print $7}}' jar)"
curl -b jar -w '\\n' {url}/etcd/v3/kv/put -H 'content-type: application/json; bytes=text' \
-d '{put}'

Ctrl-C ends both.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal ends it."""
    options = parser("python -m examples.django_app.demo", __doc__)
    options.add_argument("--database", type=Path, help="a file for users and sessions")
    chosen = options.parse_args(arguments)
    signals = Signals()
    with (
        nullcontext("") if chosen.database else TemporaryDirectory() as folder,
        listen(chosen.port) as listener,
        etcd_url(chosen.etcd) as (etcd, name),
    ):
        database = chosen.database or Path(folder, "db.sqlite3")
        signals.end(partial(_run, etcd, name, database, listener))
    sys.exit(signals.status)


def _run(etcd: str, name: str, database: Path, listener: socket.socket) -> None:
    os.environ["ETCD_URL"] = etcd
    os.environ["DJANGO_DATABASE"] = str(database)
    from examples.django_app.asgi import application, gateway

    passwords = demo_passwords()
    _make_users(passwords)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(_welcome(etcd, name, url, passwords), flush=True)
    with ExitStack() as stack:
        for user in WRITERS:
            login = {"username": user, "password": passwords[user]}
            stack.enter_context(Registry(url, login))
        serve(application, gateway, listener)


def _make_users(passwords: Mapping[str, str]) -> None:
    """Make the tables, the teams' groups and the users; those that are there get new passwords."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    for name, groups in GROUPS.items():
        user, _ = User.objects.get_or_create(username=name)
        user.set_password(passwords[name])
        user.save()
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    connections.close_all()


def _welcome(etcd: str, name: str, url: str, passwords: Mapping[str, str]) -> str:
    return WELCOME.format(
        etcd=name,
        etcd_url=etcd,
        url=url,
        users=user_lines(passwords),
        password=passwords["red-writer"],
        put=json.dumps({"key": "greeting", "value": "hello from curl"}),
    )


if __name__ == "__main__":
    main()
