"""``etcd-asgi`` itself."""

from importlib.metadata import version

import pytest

from tests.cli.commands import run


def test_it_tells_its_version() -> None:
    assert run("--version") == (0, f"etcd-asgi {version('etcd-asgi')}\n")


@pytest.mark.parametrize("arguments", [[], ["watch"]])
def test_it_tells_its_commands(arguments: list[str]) -> None:
    status, output = run(*arguments)
    assert status == 2
    assert "serve" in output
    assert "demo" in output


def test_the_demo_is_part_of_the_installed_package() -> None:
    """A checkout has it elsewhere; ``make wheel-test`` runs it from the package."""
    status, output = run("demo")
    assert status == 1
    assert "make demo" in output
