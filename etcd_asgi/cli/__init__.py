"""The command ``etcd-asgi``: a gateway served alone, and the demo."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from etcd_asgi.cli.serving import serve
from etcd_asgi.testing import EtcdNotFoundError

_DESCRIPTION = "etcd's JSON API: a gateway served alone, or a demo of one in an application."

_DEMO = "etcd_asgi.demo"
"""In the wheel, ``examples/fastapi_app`` under this name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="etcd-asgi", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('etcd-asgi')}")
    parser.add_argument(
        "command",
        choices=sorted(_COMMANDS),
        help="serve: the gateway alone; demo: an application with logins in front of a real etcd",
    )
    rest = parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="try: etcd-asgi serve --help"
    )
    rest.required = False  # argparse calls it so although there may be none
    chosen = parser.parse_args(arguments)
    try:
        _COMMANDS[chosen.command](chosen.arguments)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("etcd_asgi.") and error.name != _DEMO:
            raise
        sys.exit(_missing(chosen.command, error))
    except EtcdNotFoundError as error:
        sys.exit(f"etcd-asgi {chosen.command}: {error}")


def _demo(arguments: Sequence[str]) -> None:
    demo = import_module(f"{_DEMO}.demo")
    demo.main(arguments, "etcd-asgi demo")


def _missing(command: str, error: ModuleNotFoundError) -> str:
    if error.name == _DEMO:
        return "etcd-asgi demo: the demo is in the installed package; in a checkout run `make demo`"
    fix = f'pip install "etcd-asgi[{command}]"'
    return f"etcd-asgi {command} needs {error.name}, which is not installed: {fix}"


_COMMANDS = {"serve": serve, "demo": _demo}
