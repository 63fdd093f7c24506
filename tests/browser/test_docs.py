"""The scripts in the documents run in a page."""

import pytest
from playwright.sync_api import Page

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.outside import Outside
from tests.docs.markdown import ROOT, Snippet, snippets
from tests.hosts.serving import AppServer

DOCUMENT = ROOT / "docs" / "browser.md"
SCRIPTS = [
    snippet
    for document in (ROOT / "README.md", DOCUMENT)
    for snippet in snippets(document)
    if snippet.language == "js"
]


def run(page: Page, snippet: Snippet) -> None:
    """Run it as the page's own module; an error in it is the page's error."""
    page.evaluate("window.ended = false")
    page.add_script_tag(content=f"{snippet.text}\nwindow.ended = true;", type="module")
    page.wait_for_function("window.ended")


def test_every_script_runs_to_its_end(page: Page, outside: Outside) -> None:
    assert len(SCRIPTS) >= 6
    for snippet in SCRIPTS:
        run(page, snippet)
    assert outside.get("greeting") == b"hello!"
    assert outside.get("farewell") == b"goodbye"
    assert outside.get("present/me") is None
    assert outside.get("jobs/last") == b"now"


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, serve: Serve, etcd: EtcdServer) -> AppServer:
    """The application at the document's beginning."""
    folder = tmp_path_factory.mktemp("example")
    [text] = [snippet.text for snippet in snippets(DOCUMENT) if snippet.file == "main.py"]
    assert "http://127.0.0.1:2379" in text
    text = text.replace("http://127.0.0.1:2379", etcd.endpoint)
    (folder / "example_page.py").write_text(text)
    return serve(etcd, "example_page:app", folder=folder)


def test_the_page_at_the_beginning_shows_changes(
    open_page: Open, example: AppServer, outside: Outside
) -> None:
    outside.put("fruit/kiwi", "green")
    page = open_page(example, "/?")
    page.wait_for_function("document.body.innerText.includes('fruit/kiwi: green')")
    outside.put("fruit/kiwi", "brown")
    outside.put("fruit/plum", "blue")
    page.wait_for_function("document.querySelectorAll('li').length === 2")
    page.wait_for_function("document.body.innerText.includes('fruit/kiwi: brown')")
    outside.delete("fruit/kiwi")
    page.wait_for_function("document.querySelectorAll('li').length === 1")


def test_the_page_at_the_beginning_shows_nothing_twice_after_a_second_reset(
    open_page: Open, example: AppServer, outside: Outside
) -> None:
    """While the watch cannot connect, what it would go on from is compacted."""
    outside.put("fruit/fig", "green")
    page = open_page(example, "/bare")
    page.route("**/v3/watch", lambda route: route.abort())
    page.goto(example.url)
    page.wait_for_function("document.body.innerText.includes('fruit/fig: green')")
    outside.put("fruit/fig", "brown")
    outside.put("fruit/fig", "blue")
    outside.compact(outside.put("fruit/grape", "white"))
    page.unroute("**/v3/watch")
    page.wait_for_function("document.body.innerText.includes('fruit/fig: blue')")
    texts = page.locator("li").all_inner_texts()
    assert len(texts) == len(set(texts))
    assert "fruit/fig: green" not in texts
