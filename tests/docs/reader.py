"""Does what a document says, as a reader would who has an etcd on port 2379."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.docs.markdown import ROOT, Snippet
from tests.hosts.serving import AppServer

ETCD = "http://127.0.0.1:2379"
APP = "http://127.0.0.1:8000"
_DIGITS = re.compile(r"[0-9]+")
_NOT_CODE = ("", "text", "toml", "jsx", "ts")
_FOR_BROWSERS = ("js",)  # tests/browser/test_docs.py runs it
_STATUS = "\n%{http_code}"


class Reader:
    """Works through the snippets of one document, in order, in a folder of its own."""

    def __init__(self, folder: Path, etcd: str, stack: ExitStack) -> None:
        self._folder = folder
        self._etcd = etcd
        self._stack = stack
        self._server: AppServer | None = None
        self._served = 0
        self._output = ""
        self._unexplained = ""

    def does(self, snippet: Snippet) -> None:
        """Run a snippet, or compare it with the output of the one before."""
        is_output = snippet.language == "json" and snippet.follows == "sh"
        if not is_output:
            self.finish()
        match snippet.language:
            case "python":
                self._python(snippet)
            case "sh":
                for line in snippet.text.replace("\\\n", "").splitlines():
                    self._command(line, snippet)
            case "json" if is_output:
                shown, seen = json.loads(snippet.text), json.loads(self._output)
                assert _shape(shown) == _shape(seen), f"{snippet}: it was {self._output}"
                self._unexplained = ""
            case language:
                known = (*_NOT_CODE, *_FOR_BROWSERS)
                assert language in known, f"{snippet}: nobody runs {language}"

    def finish(self) -> None:
        """Fail if the answer to the last request was an error, and the document did not show it."""
        assert not self._unexplained, self._unexplained

    def _python(self, snippet: Snippet) -> None:
        file = self._folder / (snippet.file or f"snippet_{snippet.line}.py")
        if not file.parent.exists():
            _run(
                [sys.executable, "-m", "django", "startproject", file.parent.name, "."],
                self._folder,
            )
        file.write_text(snippet.text.replace(ETCD, self._etcd))
        if file.name.startswith("test_"):
            return  # pytest runs it
        module = ".".join(file.relative_to(self._folder).with_suffix("").parts)
        app = _application(snippet.text)
        if app is None:
            _run([sys.executable, "-W", "error", "-m", module], self._folder)
        else:
            self._serve(f"{module}:{app}")

    def _serve(self, app: str, env: dict[str, str] | None = None) -> None:
        self._served += 1
        log_path = self._folder / f"server-{self._served}.log"
        server = AppServer(app, log_path=log_path, folder=self._folder, env=env)
        self._server = self._stack.enter_context(server)
        alive = [httpx.get(f"{server.url}{mount}/livez", timeout=30) for mount in ("", "/etcd")]
        there = [answer.text == "ok\n" or answer.status_code == 401 for answer in alive]
        assert any(there), f"{app} has no gateway at the root nor at /etcd"

    def _command(self, line: str, snippet: Snippet) -> None:
        words = shlex.split(line, comments=True)
        env = {}
        while words and re.match(r"\w+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            env[name] = value.replace(ETCD, self._etcd)
        match words:
            case []:
                pass
            case ["curl", *arguments]:
                self._curl(arguments, snippet)
            case ["make", target, *_]:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            case ["pip", "install", *requirements]:
                _check_requirements(requirements)
            case ["etcd"]:
                pass  # the reader has one
            case ["pytest"]:
                _run([sys.executable, "-m", "pytest", "-q"], self._folder)
            case ["etcd-asgi", command, *options]:
                _check_options(command, options)
            case ["uvicorn", app, *_]:
                self._serve(app, env)
            case _:
                raise AssertionError(f"{snippet}: nobody runs {words[0]}")

    def _curl(self, arguments: list[str], snippet: Snippet) -> None:
        self.finish()
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        assert self._server is not None, f"{snippet}: nothing is served yet"
        moved = [argument.replace(APP, self._server.url) for argument in arguments]
        assert moved != arguments, f"{snippet}: this does not go to {APP}"
        done = _run(["curl", "-sS", "-w", _STATUS, *moved], self._folder)
        self._output, _, status = done.rpartition("\n")
        self._unexplained = "" if status[0] == "2" else f"{snippet}: {status} {self._output}"


def _application(code: str) -> str | None:
    """The name of the ASGI application that *code* makes."""
    names = [
        target.id
        for statement in ast.parse(code).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    return next((name for name in ("app", "application") if name in names), None)


def _check_requirements(requirements: list[str]) -> None:
    for requirement in requirements:
        _check_requirement(requirement)


def _check_requirement(requirement: str) -> None:
    """That a package, or the extra in ``.[extra]``, is one that the project knows."""
    known = (ROOT / "pyproject.toml").read_text()
    extra = requirement.removeprefix(".[").removesuffix("]")
    named = rf"^{extra} = " if extra != requirement else rf'"{re.escape(requirement)}[=><]'
    assert re.search(named, known, re.MULTILINE), requirement


def _check_options(command: str, options: list[str]) -> None:
    """That a command has these options; it is run in ``tests/cli``."""
    program = "from etcd_asgi.cli import main; main()"
    told = _run([sys.executable, "-c", program, command, "--help"], ROOT)
    for option in options:
        assert not option.startswith("-") or re.search(rf"{option}\b", told), option


def _run(command: list[str], folder: Path) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def _shape(value: Any) -> Any:
    """*value* without what differs from etcd to etcd: the digits of ids, revisions, versions."""
    match value:
        case dict():
            return {name: _shape(member) for name, member in value.items()}
        case list():
            return [_shape(element) for element in value]
        case str() if _DIGITS.fullmatch(value.replace(".", "")):
            return _DIGITS.sub("0", value)
    return value
