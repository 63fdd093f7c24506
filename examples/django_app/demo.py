"""The project in front of a real etcd, with users in a database of its own: ``make demo-django``.

Everything is stopped on Ctrl-C and on SIGTERM. The database is a temporary file, unless
``--database`` names one that stays.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from examples.fastapi_app.running import Signals, etcd_url, listen, parser, serve
from examples.fastapi_app.users import demo_passwords

GROUPS = {
    "red-writer": ("red",),
    "red-reader": ("red", "readers"),
    "blue-writer": ("blue",),
}
WELCOME = """
{etcd} runs on {etcd_url}, and a Django project on {url}: open

  {url}/  and log in as one of

{users}

The red team and the blue team each see keys of their own; red-reader may only read.

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
    print(_welcome(etcd, name, listener.getsockname()[1], passwords), flush=True)
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


def _welcome(etcd: str, name: str, port: int, passwords: Mapping[str, str]) -> str:
    users = [f"  {user:<12} password {password}" for user, password in passwords.items()]
    url = f"http://127.0.0.1:{port}"
    return WELCOME.format(etcd=name, etcd_url=etcd, url=url, users="\n".join(users))


if __name__ == "__main__":
    main()
