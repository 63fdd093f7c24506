"""The ids of a watch's events, and where it is taken up again."""

from typing import Any

import pytest

from etcd_asgi.calls.watch.position import Told, WatchTrack
from etcd_asgi.errors import UpstreamError
from etcd_asgi.etcd import proto
from etcd_asgi.status import Code

REQUEST = proto.message_class(proto.message_type("etcdserverpb.WatchRequest"))
ANSWER = proto.message_class(proto.message_type("etcdserverpb.WatchResponse"))


def create(start: int = 0) -> Any:
    return REQUEST(create_request={"key": b"k", "start_revision": start})


def answer(revision: int = 0, **fields: Any) -> Any:
    return ANSWER(header={"revision": revision}, **fields)


def changes(*revisions: int, **fields: Any) -> Any:
    return answer(events=[{"kv": {"mod_revision": one}} for one in revisions], **fields)


def track(start: int = 0) -> WatchTrack:
    one = WatchTrack()
    one.request(create(start))
    return one


def start_again(one: WatchTrack) -> int:
    revision: int = one.again().create_request.start_revision
    return revision


def test_a_watch_without_a_start_begins_right_after_the_header() -> None:
    one = track()
    assert not one.resumable
    assert one.answer(answer(7, created=True)) == Told(b"created", b"7")
    assert one.resumable
    assert start_again(one) == 8


def test_a_watch_with_a_start_has_the_id_before_it_wherever_the_header_is() -> None:
    one = track(5)
    assert one.answer(answer(70, created=True)) == Told(b"created", b"4")
    assert start_again(one) == 5
    later = track(99)
    assert later.answer(answer(70, created=True)) == Told(b"created", b"98")


def test_changes_move_the_id_to_the_last_of_them_and_not_to_the_header() -> None:
    one = track(1)
    one.answer(answer(5000, created=True))
    assert one.answer(changes(2, 3, 1001, revision=5000)) == Told(b"change", b"1001")
    assert start_again(one) == 1002


def test_a_notice_of_progress_moves_the_id_and_never_back() -> None:
    one = track()
    one.answer(answer(7, created=True))
    assert one.answer(answer(9)) == Told(b"progress", b"9")
    assert one.answer(answer(8)) == Told(b"progress", b"9")


def test_the_answer_to_a_progress_request_moves_nothing() -> None:
    """etcd before 3.5.8 may give it while events are still to come."""
    one = track()
    one.answer(answer(7, created=True))
    assert one.answer(answer(9, watch_id=-1)) == Told(b"progress", b"")
    assert start_again(one) == 8


def test_fragments_move_the_id_once_they_are_whole() -> None:
    one = track(1)
    one.answer(answer(9, created=True))
    assert one.answer(changes(3, fragment=True)) == Told(b"change", b"")
    assert not one.resumable
    assert one.answer(changes(3, 4)) == Told(b"change", b"4")
    assert one.resumable
    assert start_again(one) == 5


def test_a_watch_that_was_taken_up_again_does_not_begin_twice() -> None:
    one = track()
    one.answer(answer(7, created=True))
    one.again()
    assert one.answer(answer(8, created=True)) is None
    assert one.answer(changes(8)) == Told(b"change", b"8")


def test_several_watches_have_no_ids_and_are_not_taken_up_again() -> None:
    one = track()
    one.request(create())
    assert one.answer(answer(7, created=True)) == Told(b"created", b"")
    assert one.answer(answer(7, created=True, watch_id=1)) == Told(b"created", b"")
    assert one.answer(changes(8)) == Told(b"change", b"")
    assert not one.resumable


def test_a_client_that_knows_a_revision_begins_after_it() -> None:
    one, request = WatchTrack(after=41), create(7)
    one.asks(request)
    one.request(request)
    assert request.create_request.start_revision == 42
    second = create(7)
    one.asks(second)
    assert second.create_request.start_revision == 7


def test_compaction_is_told_with_the_revision_from_which_to_go_on() -> None:
    one, gone = track(2), answer(canceled=True, compact_revision=6)
    one.answer(answer(11, created=True))
    assert one.answer(gone) == Told(b"compacted", b"11")
    assert gone.header.revision == 11


def test_compaction_beyond_all_that_was_seen_moves_the_id_there() -> None:
    one = track()
    one.answer(answer(11, created=True))
    assert one.answer(answer(canceled=True, compact_revision=50)) == Told(b"compacted", b"50")


@pytest.mark.parametrize(
    ("reason", "code", "text"),
    [
        pytest.param(
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
            Code.PERMISSION_DENIED,
            "etcdserver: permission denied",
            id="with-a-code",
        ),
        pytest.param(
            "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
            Code.UNAUTHENTICATED,
            "etcdserver: invalid auth token",
            id="token",
        ),
        pytest.param(
            "etcdserver: mvcc: required revision has been compacted",
            Code.OUT_OF_RANGE,
            "etcdserver: mvcc: required revision has been compacted",
            id="known-text",
        ),
        pytest.param("what else", Code.UNKNOWN, "what else", id="unknown-text"),
        pytest.param("rpc error: code = Odd desc = x", Code.UNKNOWN, "x", id="unknown-code"),
    ],
)
def test_a_watch_that_etcd_refuses_is_an_error(reason: str, code: Code, text: str) -> None:
    one = track()
    with pytest.raises(UpstreamError) as refused:
        one.answer(answer(7, created=True, canceled=True, cancel_reason=reason))
    assert (refused.value.code, refused.value.message) == (code, text)


def test_a_watch_that_the_client_cancels_is_told_as_such() -> None:
    one = track()
    one.answer(answer(7, created=True))
    assert one.answer(answer(7, canceled=True)) == Told(b"canceled", b"")
