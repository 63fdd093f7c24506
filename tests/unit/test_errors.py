"""Errors: a copy is raised where the error itself would keep the frames of a call."""

from copy import copy

import pytest

from etcd_asgi.errors import CLOSING, GatewayClosing, UpstreamError
from etcd_asgi.status import Code


class Own(UpstreamError):
    """An error of a host's own upstream, made in its own way."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.ABORTED, f"aborted: {reason}", local=True)
        self.reason = reason


@pytest.mark.parametrize(
    "error",
    [UpstreamError(5, "no such key", local=True), GatewayClosing(local=True), Own("moved")],
)
def test_a_copy_is_the_same_error_without_its_traceback(error: UpstreamError) -> None:
    with pytest.raises(UpstreamError) as caught:
        raise error
    assert caught.value.__traceback__ is not None
    same = copy(caught.value)
    assert type(same) is type(error)
    assert (same.code, same.message, same.local) == (error.code, error.message, True)
    assert same.__traceback__ is None


def test_the_end_of_the_gateway_has_one_code_and_text() -> None:
    error = GatewayClosing()
    assert (error.code, error.message, error.local) == (Code.UNAVAILABLE, CLOSING, False)
