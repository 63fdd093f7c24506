"""The examples' pages: behind the login, and without code that a policy would have to allow."""

import re

import pytest

from tests.examples.visiting import Example


def test_the_page_is_behind_the_login(example: Example) -> None:
    with example.visitor() as client:
        answer = client.get("/")
        assert answer.status_code in (302, 303)
        assert "login" in answer.headers["location"]
        example.log_in(client, "red-writer")
        assert "Keys of your team" in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/login"])
def test_a_page_has_a_strict_policy_and_no_inline_code(example: Example, path: str) -> None:
    with example.visitor() as client:
        example.log_in(client, "red-writer")
        page = client.get(path)
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src")
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page.text)


def test_all_that_the_page_loads_is_there(example: Example) -> None:
    with example.visitor() as client:
        example.log_in(client, "red-writer")
        names = re.findall(r'(?:src|href)="/?(page/[^"]+)"', client.get("/").text)
        assert sorted(names) == ["page/app.js", "page/style.css"]
        for name in names:
            assert client.get(f"/{name}").status_code == 200
        script = client.get("/page/app.js")
        assert "javascript" in script.headers["content-type"]
        assert 'from "../etcd/client.js"' in script.text
        module = client.get("/etcd/client.js")
        assert module.status_code == 200
        assert "javascript" in module.headers["content-type"]
        for name in re.findall(r"import \{ (.+) \} from", script.text)[0].split(", "):
            assert re.search(rf"^export (class|const) {name}\b", module.text, re.MULTILINE)


@pytest.mark.parametrize("path", ["/page/", "/page/../users.py", "/page/%2e%2e/users.py"])
def test_nothing_beside_the_page_is_served(example: Example, path: str) -> None:
    with example.visitor() as client:
        assert client.get(path).status_code == 404
