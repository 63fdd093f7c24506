"""The path below the mount, as hosts give it."""

from typing import Any

import pytest

from etcd_asgi.asgi.mount import local_path, without_added_slash


@pytest.mark.parametrize(
    ("path", "root", "more", "local"),
    [
        pytest.param("/v3/kv/put", "", {}, "/v3/kv/put", id="alone"),
        pytest.param("/etcd/v3/kv/put", "/etcd", {}, "/v3/kv/put", id="whole path"),
        pytest.param("/v3/kv/put", "/etcd", {}, "/v3/kv/put", id="stripped path"),
        pytest.param("/etcd", "/etcd", {}, "", id="the mount itself"),
        pytest.param("/etcd/v3", "/etcd/", {}, "/v3", id="a root with a slash"),
        pytest.param("/etcdx/v3", "/etcd", {}, "/etcdx/v3", id="another name that begins alike"),
        pytest.param("/a/b/v3", "/a/b", {}, "/v3", id="nested"),
        pytest.param("/e/v3", "/p/e", {"app_root_path": "/p"}, "/v3", id="behind a proxy"),
        pytest.param("/p/e/v3", "/p/e", {"app_root_path": "/p"}, "/v3", id="proxy keeps the path"),
    ],
)
def test_the_mount_is_taken_off(path: str, root: str, more: dict[str, Any], local: str) -> None:
    assert local_path({"type": "http", "path": path, "root_path": root, **more}) == local


@pytest.mark.parametrize(
    ("raw", "kept"),
    [(b"/v3/kv/put", False), (b"/v3/kv/put/", True), (b"/v3/kv/put%2F", True), (None, True)],
)
def test_only_a_slash_of_the_hosts_own_is_taken_off(raw: bytes | None, kept: bool) -> None:
    path = without_added_slash("/v3/kv/put/", {"type": "http", "raw_path": raw})
    assert path == ("/v3/kv/put/" if kept else "/v3/kv/put")
