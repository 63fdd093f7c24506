"""Watches counted for each user."""

import pytest
from google.protobuf.message import Message

from etcd_asgi import Denied
from etcd_asgi.calls.watch.state import WatchState
from etcd_asgi.etcd import proto
from etcd_asgi.policy.watch_quota import StreamQuota, WatchQuotas

_Request = proto.message_class(proto.message_type("etcdserverpb.WatchRequest"))
_Answer = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))

CREATE = _Request(create_request={"key": b"k"})


class Watching:
    """A stream whose messages pass its state and its quota, as those of a call do."""

    def __init__(self, quotas: WatchQuotas, user: str, most: int) -> None:
        self.state = WatchState()
        self.quota = StreamQuota(quotas, user, most, self.state)

    def request(self, message: Message) -> None:
        self.quota.take(message)
        self.state.request(message)

    def reply(self, message: Message) -> None:
        self.state.reply(message)
        self.quota.settle()


def test_a_watch_that_ends_makes_room_once() -> None:
    """etcd tells twice of a watch that was compacted and then cancelled."""
    watching = Watching(WatchQuotas(), "red", 2)
    for watch_id in (0, 100):
        watching.request(CREATE)
        watching.reply(_Answer(created=True, watch_id=watch_id))
    for _ in range(2):
        watching.reply(_Answer(canceled=True, watch_id=100))
    watching.request(CREATE)
    with pytest.raises(Denied, match="2 are granted"):
        watching.request(CREATE)


def test_a_watch_that_never_began_makes_room() -> None:
    watching = Watching(WatchQuotas(), "red", 1)
    for _ in range(3):
        watching.request(CREATE)
        watching.reply(_Answer(created=True, canceled=True, watch_id=-1))


def test_a_stream_gives_back_what_it_held() -> None:
    quotas = WatchQuotas()
    first = Watching(quotas, "red", 1)
    first.request(CREATE)
    first.reply(_Answer(created=True))
    with pytest.raises(Denied):
        Watching(quotas, "red", 1).request(CREATE)
    first.quota.close()
    Watching(quotas, "red", 1).request(CREATE)
