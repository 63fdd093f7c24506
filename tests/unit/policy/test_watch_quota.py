"""Watches counted for each user."""

import pytest

from etcd_asgi import Denied
from etcd_asgi.etcd import proto
from etcd_asgi.policy.watch_quota import StreamQuota, WatchQuotas

_Request = proto.message_class(proto.message_type("etcdserverpb.WatchRequest"))
_Answer = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))

CREATE = _Request(create_request={"key": b"k"})


def test_a_watch_that_ends_makes_room_once() -> None:
    """etcd tells twice of a watch that was compacted and then cancelled."""
    watching = StreamQuota(WatchQuotas(), "red", 2)
    for watch_id in (0, 100):
        watching.request(CREATE)
        watching.answer(_Answer(created=True, watch_id=watch_id))
    for _ in range(2):
        watching.answer(_Answer(canceled=True, watch_id=100))
    watching.request(CREATE)
    with pytest.raises(Denied, match="2 are granted"):
        watching.request(CREATE)


def test_a_watch_that_never_began_makes_room() -> None:
    watching = StreamQuota(WatchQuotas(), "red", 1)
    for _ in range(3):
        watching.request(CREATE)
        watching.answer(_Answer(created=True, canceled=True, watch_id=-1))


def test_a_stream_gives_back_what_it_held() -> None:
    quotas = WatchQuotas()
    first = StreamQuota(quotas, "red", 1)
    first.request(CREATE)
    first.answer(_Answer(created=True))
    with pytest.raises(Denied):
        StreamQuota(quotas, "red", 1).request(CREATE)
    first.close()
    StreamQuota(quotas, "red", 1).request(CREATE)
