"""Every field that could carry a key or a lease is known to be one, or known not to.

A field that is new in etcd's messages fails here until it has been classified, and a field that is
classified as a key or a lease fails here until it is changed on its way in and out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from etcd_asgi.codec.descriptors import is_repeated
from etcd_asgi.namespace import SCOPED, Namespace
from etcd_asgi.namespace.leases import Leases
from tests.unit.namespace.messages import BY_NAME, answer, request

KEYS = {
    "mvccpb.KeyValue.key",
    "etcdserverpb.RangeRequest.key",
    "etcdserverpb.PutRequest.key",
    "etcdserverpb.DeleteRangeRequest.key",
    "etcdserverpb.Compare.key",
    "etcdserverpb.WatchCreateRequest.key",
    "etcdserverpb.LeaseTimeToLiveResponse.keys",
    "v3lockpb.LockRequest.name",
    "v3lockpb.LockResponse.key",
    "v3lockpb.UnlockRequest.key",
    "v3electionpb.CampaignRequest.name",
    "v3electionpb.LeaderRequest.name",
    "v3electionpb.LeaderKey.name",
    "v3electionpb.LeaderKey.key",
}
ENDS = {
    "etcdserverpb.RangeRequest.range_end",
    "etcdserverpb.DeleteRangeRequest.range_end",
    "etcdserverpb.Compare.range_end",
    "etcdserverpb.WatchCreateRequest.range_end",
}
LEASES = {
    "mvccpb.KeyValue.lease",
    "etcdserverpb.PutRequest.lease",
    "etcdserverpb.Compare.lease",
    "etcdserverpb.LeaseGrantRequest.ID",
    "etcdserverpb.LeaseGrantResponse.ID",
    "etcdserverpb.LeaseRevokeRequest.ID",
    "etcdserverpb.LeaseKeepAliveRequest.ID",
    "etcdserverpb.LeaseKeepAliveResponse.ID",
    "etcdserverpb.LeaseTimeToLiveRequest.ID",
    "etcdserverpb.LeaseTimeToLiveResponse.ID",
    "etcdserverpb.LeaseStatus.ID",
    "v3lockpb.LockRequest.lease",
    "v3electionpb.CampaignRequest.lease",
    "v3electionpb.LeaderKey.lease",
}
VALUES = {
    "mvccpb.KeyValue.value",
    "etcdserverpb.PutRequest.value",
    "etcdserverpb.Compare.value",
    "v3electionpb.CampaignRequest.value",
    "v3electionpb.ProclaimRequest.value",
}
OF_ALL_OF_ETCD = {
    "etcdserverpb.ResponseHeader.cluster_id",
    "etcdserverpb.ResponseHeader.member_id",
    "etcdserverpb.ResponseHeader.revision",
    "etcdserverpb.ResponseHeader.raft_term",
    "etcdserverpb.WatchResponse.compact_revision",
}
"""What a namespace does not hide; docs/namespaces.md names it."""

OTHERS = {
    "mvccpb.KeyValue.create_revision",
    "mvccpb.KeyValue.mod_revision",
    "mvccpb.KeyValue.version",
    "etcdserverpb.RangeRequest.limit",
    "etcdserverpb.RangeRequest.revision",
    "etcdserverpb.RangeRequest.min_mod_revision",
    "etcdserverpb.RangeRequest.max_mod_revision",
    "etcdserverpb.RangeRequest.min_create_revision",
    "etcdserverpb.RangeRequest.max_create_revision",
    "etcdserverpb.RangeResponse.count",
    "etcdserverpb.DeleteRangeResponse.deleted",
    "etcdserverpb.Compare.version",
    "etcdserverpb.Compare.create_revision",
    "etcdserverpb.Compare.mod_revision",
    "etcdserverpb.WatchCreateRequest.start_revision",
    "etcdserverpb.WatchCreateRequest.watch_id",
    "etcdserverpb.WatchCancelRequest.watch_id",
    "etcdserverpb.WatchResponse.watch_id",
    "etcdserverpb.WatchResponse.cancel_reason",
    "etcdserverpb.LeaseGrantRequest.TTL",
    "etcdserverpb.LeaseGrantResponse.TTL",
    "etcdserverpb.LeaseGrantResponse.error",
    "etcdserverpb.LeaseKeepAliveResponse.TTL",
    "etcdserverpb.LeaseTimeToLiveResponse.TTL",
    "etcdserverpb.LeaseTimeToLiveResponse.grantedTTL",
    "v3electionpb.LeaderKey.rev",
}
CLASSES = [KEYS, ENDS, LEASES, VALUES, OF_ALL_OF_ETCD, OTHERS]

PREFIX = b"/red/"
RED = Namespace(PREFIX, b"s")
TAGGED = Leases(PREFIX, b"s").scope(7)
_DEPTH = 7
"""Levels of messages that are filled in: a transaction in a transaction, and what is in it."""


def _fields(descriptor: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.message_type is not None:
            yield from _fields(field.message_type, seen)
        elif field.type not in (FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM):
            yield field


def test_every_field_of_every_scoped_rpc_is_classified_once() -> None:
    seen: set[str] = set()
    found = {
        field.full_name
        for rpc in SCOPED
        for descriptor in (BY_NAME[rpc].request, BY_NAME[rpc].response)
        for field in _fields(descriptor, seen)
    }
    assert sum(len(one) for one in CLASSES) == len(set().union(*CLASSES))
    assert found == set().union(*CLASSES)


def _filled(message: Any, contents: dict[str, Any], choice: int, depth: int = _DEPTH) -> Any:
    """*message* with something in each field; of each oneof the choice-th member."""
    for field in message.DESCRIPTOR.fields:
        one = field.containing_oneof
        if one is not None and one.fields[choice % len(one.fields)] is not field:
            continue
        if field.message_type is None:
            _fill(message, field, contents.get(field.full_name))
        elif depth:
            inner = getattr(message, field.name)
            inner = inner.add() if is_repeated(field) else inner
            inner.SetInParent()
            _filled(inner, contents, choice, depth - 1)
    return message


def _fill(message: Any, field: FieldDescriptor, value: Any) -> None:
    if value is None:
        return
    if is_repeated(field):
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def _contents(key: bytes, end: bytes, lease: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(KEYS, key),
        **dict.fromkeys(ENDS, end),
        **dict.fromkeys(LEASES, lease),
        **dict.fromkeys(VALUES, b"/red/v"),
    }


OUTSIDE = _contents(PREFIX + b"k", PREFIX + b"z", TAGGED)
INSIDE = _contents(b"k", b"z", 7)


CHOICES = range(20)
"""Every pair of an operation, of four kinds, and a comparison, of five."""


@pytest.mark.parametrize("rpc", sorted(SCOPED))
def test_every_key_and_lease_of_a_request_goes_in(rpc: str) -> None:
    for choice in CHOICES:
        message = _filled(request(rpc), INSIDE, choice)
        RED.scope(rpc, message)
        assert message == _filled(request(rpc), OUTSIDE, choice)


@pytest.mark.parametrize("rpc", sorted(SCOPED))
def test_every_key_and_lease_of_an_answer_comes_out(rpc: str) -> None:
    for choice in CHOICES:
        message = _filled(answer(rpc), OUTSIDE, choice)
        RED.unscope(rpc, message)
        assert message == _filled(answer(rpc), INSIDE, choice)


@pytest.mark.parametrize("rpc", sorted(SCOPED))
def test_no_key_from_outside_is_left_in_an_answer(rpc: str) -> None:
    """In serialized form, so that no place is forgotten."""
    for choice in CHOICES:
        message = _filled(answer(rpc), _contents(b"/blue/k", b"", TAGGED), choice)
        RED.unscope(rpc, message)
        assert b"/blue" not in message.SerializeToString()
