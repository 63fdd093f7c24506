"""The files for browsers under every mount."""

import pytest

from etcd_asgi.asgi.endpoints import static_files
from tests.hosts.target import Target


@pytest.mark.parametrize("path", sorted(static_files.CLIENT))
def test_the_client_module_is_served_beside_the_api(target: Target, path: str) -> None:
    answer = target.send("GET", path)
    assert (answer.status, len(answer.body)) == (200, int(answer.headers["content-length"]))
    again = target.send("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    head = target.send("HEAD", path)
    assert (head.status, head.headers["etag"]) == (200, answer.headers["etag"])
