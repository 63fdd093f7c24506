"""The exact reader against all that was recorded of the stock gateways."""

from __future__ import annotations

import pytest
from google.protobuf import json_format

from etcd_asgi.codec.decode.go.decoder import decode
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.errors import DecodeError
from tests.unit.codec.forms import REQUESTS, Form, body_of, forms


@pytest.mark.parametrize("dialect", Dialect, ids=lambda dialect: dialect.value)
@pytest.mark.parametrize("form", forms(), ids=lambda form: form["case"])
def test_a_form_is_read_as_the_stock_gateway_reads_it(form: Form, dialect: Dialect) -> None:
    """etcd's behaviour."""
    expected = form[dialect.value]
    descriptor = REQUESTS[form["path"]]
    try:
        message = decode(descriptor, body_of(form), dialect, max_depth=200)
    except DecodeError as error:
        outcome: Form = {"error": str(error)}
    else:
        outcome = {"message": json_format.MessageToDict(message, preserving_proto_field_name=True)}
    assert outcome == expected


def test_the_table_has_every_form_once() -> None:
    names = [form["case"] for form in forms()]
    assert len(names) == len(set(names))
    assert len(names) > 300
