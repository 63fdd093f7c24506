"""The files for browsers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import Message

from etcd_asgi import Gateway
from etcd_asgi.asgi.endpoints import static_files

BROWSER = Path(static_files.__file__).parents[2] / "browser"
NOBODY = "http://127.0.0.1:1"
pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(
    path: str, method: str = "GET", *, explorer: bool = False, **headers: str
) -> Response:
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Message) -> None:
        sent.append(event)

    await Gateway(NOBODY, explorer=explorer)(scope, receive, send)
    start, *rest = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    body = b"".join(event["body"] for event in rest)
    return Response(status=start["status"], headers=found, body=body)


@pytest.fixture
def explorer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small folder in place of ours."""
    (tmp_path / "explorer" / "parts").mkdir(parents=True)
    (tmp_path / "explorer" / "index.html").write_text("<!doctype html>")
    (tmp_path / "explorer" / "parts" / "look.css").write_text("body {}")
    (tmp_path / "explorer" / "notes.txt").write_text("no business of a browser's")
    (tmp_path / "secret.html").write_text("outside")
    monkeypatch.setattr(static_files, "_FOLDER", tmp_path)
    static_files._names.cache_clear()
    static_files._read.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    static_files._names.cache_clear()
    static_files._read.cache_clear()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("client.js", "text/javascript"), ("client.d.ts", "text/plain")],
)
async def test_the_client_module_and_its_types_are_served(name: str, kind: str) -> None:
    response = await ask(f"/{name}")
    assert response.status == 200
    assert response.body == (BROWSER / name).read_bytes()
    assert response.headers["content-length"] == str(len(response.body))
    assert response.headers["content-type"] == f"{kind}; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_file_that_the_browser_has_is_not_sent_again(form: str) -> None:
    etag = (await ask("/client.js")).headers["etag"]
    again = await ask("/client.js", if_none_match=form.format(etag))
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert "content-length" not in again.headers


async def test_a_file_that_has_changed_is_sent() -> None:
    response = await ask("/client.js", if_none_match='"of another release"')
    assert (response.status, bool(response.body)) == (200, True)


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    got, head = await ask("/client.js"), await ask("/client.js", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_files_are_for_reading(method: str) -> None:
    response = await ask("/client.js", method)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.usefixtures("explorer")
async def test_the_explorer_is_off_until_it_is_asked_for() -> None:
    assert (await ask("/explorer/")).status == 404
    assert (await ask("/explorer/", explorer=True)).status == 200


@pytest.mark.usefixtures("explorer")
async def test_a_page_may_load_nothing_from_elsewhere() -> None:
    page = await ask("/explorer/", explorer=True)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    part = await ask("/explorer/parts/look.css", explorer=True)
    assert (part.status, part.body) == (200, b"body {}")


@pytest.mark.usefixtures("explorer")
async def test_the_explorers_name_alone_leads_to_its_folder() -> None:
    response = await ask("/explorer", explorer=True)
    assert (response.status, response.headers["location"]) == (308, "explorer/")


@pytest.mark.usefixtures("explorer")
@pytest.mark.parametrize(
    "path",
    [
        "/explorer/none.js",
        "/explorer/parts/",
        "/explorer/../secret.html",
        "/explorer//secret.html",
        "/explorer/notes.txt",
        "/secret.html",
    ],
)
async def test_nothing_but_the_explorers_own_files_is_served(path: str) -> None:
    assert (await ask(path, explorer=True)).status == 404


def test_every_file_has_a_media_type() -> None:
    names = {one.suffix for one in BROWSER.rglob("*") if one.is_file()}
    assert names <= static_files._TYPES.keys()


def test_the_types_name_what_the_module_exports() -> None:
    exported = re.compile(r"^export (?:class|const) (\w+)", re.MULTILINE)
    module, types = ((BROWSER / name).read_text() for name in ("client.js", "client.d.ts"))
    assert sorted(exported.findall(module)) == sorted(exported.findall(types))
