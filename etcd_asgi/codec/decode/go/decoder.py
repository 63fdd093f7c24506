"""The exact decoder: takes any body at all, and takes or refuses it as the stock gateway does.

The fast decoder takes regular requests and leaves all others to this one, so here faithfulness
counts, to the letter of the error texts; speed counts in that no body may cost more than time in
proportion to its length. One difference is left: a name in brackets is an unknown member here,
while stock refuses the names of the protobuf extensions that are linked into its build.

**Source:** grpc-gateway runtime/marshal_jsonpb.go of both majors (decodeJSONPb: the first JSON
value of the body becomes the message, the rest is not read).
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from etcd_asgi.codec.decode.go import jsonpb, protojson
from etcd_asgi.codec.decode.go.fields import fields_of, text_fields_of
from etcd_asgi.codec.decode.go.json_syntax import first_value
from etcd_asgi.codec.decode.go.trampoline import run
from etcd_asgi.codec.dialect import Dialect
from etcd_asgi.etcd.proto import message_class

_READERS = {Dialect.JSONPB: jsonpb.read, Dialect.PROTOJSON: protojson.read}


def decode(
    descriptor: Descriptor,
    body: bytes,
    dialect: Dialect,
    *,
    max_depth: int,
    text: bool = False,
) -> Message:
    """Decode the first JSON value of *body* to a message.

    Args:
        descriptor: type of the message.
        body: an HTTP body or a part of one. Empty or blank, it is an empty message.
        dialect: whose rules apply.
        max_depth: how many messages deep messages may nest, the outermost one counted. JSON of
            unknown members may nest deeper, as deep as Go allows.
        text: whether bytes are text, as :mod:`etcd_asgi.codec.text_mode` has it, instead of base64.

    Raises:
        DecodeError: it is not such a message. The text is stock's, save for *max_depth*.
    """
    message = message_class(descriptor)()
    value = first_value(body.decode("utf-8", "surrogateescape"))
    if value is not None:
        fields = text_fields_of if text else fields_of
        run(_READERS[dialect](value, message, fields), max_depth)
    return message
