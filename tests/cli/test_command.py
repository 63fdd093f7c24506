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


def test_it_asks_for_a_command_and_for_nothing_else() -> None:
    _, output = run()
    assert output.splitlines()[-1].endswith("the following arguments are required: command")


@pytest.mark.parametrize("arguments", [[], ["serve"]])
def test_its_help_is_plain_text(arguments: list[str]) -> None:
    status, output = run(*arguments, "--help")
    assert status == 0
    assert "`" not in output
    assert "etcd" in output


def test_the_demo_is_part_of_the_installed_package() -> None:
    """A checkout has it elsewhere; ``make wheel-test`` runs it from the package."""
    status, output = run("demo")
    assert status == 1
    assert "make demo" in output
