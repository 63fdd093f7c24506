"""The watches of one call are counted."""

from typing import Any

from etcd_asgi.calls.watch.open_watches import Watches, asks_for_something, is_empty
from etcd_asgi.etcd import proto


def request(**fields: Any) -> Any:
    make: Any = proto.message_class(proto.message_type("etcdserverpb.WatchRequest"))
    return make(**fields)


def answer(**fields: Any) -> Any:
    make: Any = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))
    return make(**fields)


def test_a_watch_is_there_from_its_request_to_its_end() -> None:
    watches = Watches()
    assert watches.none_left
    watches.request(request(create_request={"key": b"a"}))
    assert not watches.none_left
    watches.answer(answer(created=True, watch_id=7))
    watches.answer(answer(watch_id=7, events=[{}]))
    assert not watches.none_left
    watches.answer(answer(canceled=True, watch_id=7, compact_revision=3))
    assert watches.none_left


def test_a_watch_that_is_refused_never_was() -> None:
    watches = Watches()
    watches.request(request(create_request={"key": b"a"}))
    watches.answer(answer(created=True, canceled=True, watch_id=-1))
    assert watches.none_left


def test_each_watch_counts_for_itself() -> None:
    watches = Watches()
    for number in range(3):
        watches.request(request(create_request={"key": b"a"}))
        watches.answer(answer(created=True, watch_id=number))
    watches.request(request(cancel_request={"watch_id": 1}))
    watches.answer(answer(canceled=True, watch_id=1))
    watches.answer(answer(canceled=True, watch_id=0))
    assert not watches.none_left
    watches.answer(answer(canceled=True, watch_id=2))
    assert watches.none_left


def test_what_etcd_would_not_answer_is_known() -> None:
    assert is_empty(request())
    assert not asks_for_something(request())
    assert not asks_for_something(request(cancel_request={"watch_id": 1}))
    assert asks_for_something(request(create_request={}))
    assert asks_for_something(request(progress_request={}))
