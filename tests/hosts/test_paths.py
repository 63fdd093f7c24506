"""Which paths and methods are answered, through every host."""

import pytest

from tests.hosts.target import Target, text

NOT_FOUND = {"code": 5, "message": "Not Found"}


@pytest.mark.parametrize(
    "path",
    [
        "/v3/kv/range/",
        "/v3/kv/range%2F",
        "/v3/kv/range/more",
        "/v3/kv/Range",
        "/v3/kv",
        "/v3/",
        "/v3",
        "/v3/kv/r%C3%A4nge",
        "/v3/kv/range%20",
    ],
)
def test_an_unknown_path_under_a_version_is_a_json_404(target: Target, path: str) -> None:
    answer = target.send("POST", path, b"{}")
    assert (answer.status, answer.json) == (404, NOT_FOUND)
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/nothing", "/v4/kv/range", "/version/", "/etcd"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_outside_of_the_versions_is_not_redirected(
    target: Target, method: str, path: str
) -> None:
    if path == "/" and not target.host.mount:
        path = "/nothing/"
    answer = target.send(method, path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert "location" not in answer.headers


def test_the_mount_without_a_slash_is_redirected_by_the_host_alone(target: Target) -> None:
    answer = target.send("POST", "" if target.host.mount else "/", b"{}")
    if target.host.redirects_bare_mount:
        assert (answer.status, answer.body) == (307, b"")
        assert answer.headers["location"].endswith(f"{target.host.mount}/")
    else:
        assert (answer.status, answer.body) == (404, b"404 page not found\n")


@pytest.mark.parametrize("path", ["/v3/kv/%72ange", "/v3/kv%2Frange", "/%76%33/kv/range"])
def test_a_percent_encoded_path_is_decoded_before_it_is_matched(
    target: Target, path: str, key: str
) -> None:
    answer = target.send("POST", path, b'{"key": "%s"}' % text(key).encode())
    assert answer.status == 200
    assert set(answer.json) == {"header"}


def test_a_query_string_changes_nothing(target: Target, key: str) -> None:
    answer = target.send("POST", "/v3/kv/range?key=YQ==", b'{"key": "%s"}' % text(key).encode())
    assert (answer.status, set(answer.json)) == (200, {"header"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_answered_in_json(target: Target, method: str) -> None:
    answer = target.send(method, "/v3/kv/range")
    assert (answer.status, answer.json) == (501, {"code": 12, "message": "Method Not Allowed"})


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v3/kv/range", 501), ("/v3/nothing", 404), ("/nothing", 404), ("/version", 405)],
)
def test_head_is_answered_without_a_body(target: Target, path: str, status: int) -> None:
    answer = target.send("HEAD", path)
    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize("path", ["/v3/kv/range", "/v3/nothing", "/version"])
def test_options_is_answered_with_200_and_nothing(target: Target, path: str) -> None:
    answer = target.send("OPTIONS", path)
    assert (answer.status, answer.body) == (200, b"")
