"""The fast reader may refuse what it likes; what it takes, both dialects must take alike."""

from __future__ import annotations

import pytest

from etcd_asgi.codec.decode.go import decoder
from etcd_asgi.codec.decode.scalars import Irregular
from etcd_asgi.codec.dialect import Dialect
from tests.conformance.fuzz_bodies import bodies
from tests.unit.codec.forms import REQUESTS, Form, body_of, forms
from tests.unit.codec.messages import read_fast

MAX_DEPTH = 100


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
@pytest.mark.parametrize("form", forms(), ids=lambda form: form["case"])
def test_the_fast_reader_reads_a_form_like_the_exact_one_or_not_at_all(
    form: Form, dialect: Dialect
) -> None:
    """Ours, over everything recorded of the stock gateways."""
    descriptor, body = REQUESTS[form["path"]], body_of(form)
    try:
        message = read_fast(descriptor, body, MAX_DEPTH)
    except Irregular:
        return
    assert message == decoder.decode(descriptor, body, dialect, max_depth=MAX_DEPTH)


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
@pytest.mark.parametrize("seed", range(4))
def test_what_the_fast_reader_takes_the_exact_one_takes_alike(seed: int, dialect: Dialect) -> None:
    """Ours: which of the two has read a request must not be visible."""
    regular = 0
    for path, body in bodies(seed, 2_000):
        try:
            message = read_fast(REQUESTS[path], body, MAX_DEPTH)
        except Irregular:
            continue
        regular += 1
        assert message == decoder.decode(REQUESTS[path], body, dialect, max_depth=MAX_DEPTH), body
    assert regular > 100
