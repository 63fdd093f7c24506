"""The watches of one call: counted, the ids of their events, and where they are resumed."""

from typing import Any

import pytest

from etcd_asgi.calls.watch.state import ReplyKind, SseEvent, WatchState, gets_a_reply, is_empty
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


def track(start: int = 0) -> WatchState:
    one = WatchState()
    one.request(create(start))
    one.input_over = True
    return one


def event_of(one: WatchState, message: Any) -> SseEvent | None:
    """The event that a reply is."""
    one.reply(message)
    return one.sse_event


def start_again(one: WatchState) -> int:
    revision: int = one.resumed().create_request.start_revision
    return revision


def test_a_watch_without_a_start_begins_right_after_the_header() -> None:
    one = track()
    assert not one.is_resumable
    assert event_of(one, answer(7, created=True)) == SseEvent(ReplyKind.CREATED, b"7")
    assert one.is_resumable
    assert start_again(one) == 8


def test_a_watch_with_a_start_has_the_id_before_it_wherever_the_header_is() -> None:
    one = track(5)
    assert event_of(one, answer(70, created=True)) == SseEvent(ReplyKind.CREATED, b"4")
    assert start_again(one) == 5
    later = track(99)
    assert event_of(later, answer(70, created=True)) == SseEvent(ReplyKind.CREATED, b"98")


def test_changes_move_the_id_to_the_last_of_them_and_not_to_the_header() -> None:
    one = track(1)
    one.reply(answer(5000, created=True))
    assert event_of(one, changes(2, 3, 1001, revision=5000)) == SseEvent(ReplyKind.CHANGE, b"1001")
    assert start_again(one) == 1002


def test_a_notice_of_progress_moves_the_id_and_never_back() -> None:
    one = track()
    one.reply(answer(7, created=True))
    assert event_of(one, answer(9)) == SseEvent(ReplyKind.PROGRESS, b"9")
    assert event_of(one, answer(8)) == SseEvent(ReplyKind.PROGRESS, b"9")


def test_the_answer_to_a_progress_request_moves_nothing() -> None:
    """etcd before 3.5.8 may give it while events are still to come."""
    one = track()
    one.reply(answer(7, created=True))
    assert event_of(one, answer(9, watch_id=-1)) == SseEvent(ReplyKind.PROGRESS)
    assert start_again(one) == 8


def test_fragments_move_the_id_once_they_are_whole() -> None:
    one = track(1)
    one.reply(answer(9, created=True))
    assert event_of(one, changes(3, fragment=True)) == SseEvent(ReplyKind.CHANGE)
    assert not one.is_resumable
    assert event_of(one, changes(3, 4)) == SseEvent(ReplyKind.CHANGE, b"4")
    assert one.is_resumable
    assert start_again(one) == 5


def test_a_watch_that_was_taken_up_again_does_not_begin_twice() -> None:
    one = track()
    one.reply(answer(7, created=True))
    one.resumed()
    assert event_of(one, answer(8, created=True)) is None
    assert event_of(one, changes(8)) == SseEvent(ReplyKind.CHANGE, b"8")


def test_several_watches_have_no_ids_and_are_not_taken_up_again() -> None:
    one = track()
    one.request(create())
    assert event_of(one, answer(7, created=True)) == SseEvent(ReplyKind.CREATED)
    assert event_of(one, answer(7, created=True, watch_id=1)) == SseEvent(ReplyKind.CREATED)
    assert event_of(one, changes(8)) == SseEvent(ReplyKind.CHANGE)
    assert not one.is_resumable


def test_a_client_that_knows_a_revision_begins_after_it() -> None:
    one, request = WatchState(), create(7)
    one.after = 41
    one.begin(request)
    one.request(request)
    assert request.create_request.start_revision == 42
    second = create(7)
    one.begin(second)
    assert second.create_request.start_revision == 7


def test_compaction_is_told_with_the_revision_from_which_to_go_on() -> None:
    one, gone = track(2), answer(canceled=True, compact_revision=6)
    one.reply(answer(11, created=True))
    assert event_of(one, gone) == SseEvent(ReplyKind.COMPACTED, b"11")
    assert one.present == 11


def test_compaction_beyond_all_that_was_seen_moves_the_id_there() -> None:
    one = track()
    one.reply(answer(11, created=True))
    assert event_of(one, answer(canceled=True, compact_revision=50)) == SseEvent(
        ReplyKind.COMPACTED, b"50"
    )


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
    one.reply(answer(7, created=True, canceled=True, cancel_reason=reason))
    assert one.error is not None
    assert (one.error.code, one.error.message) == (code, text)


def test_a_watch_that_the_client_cancels_is_told_as_such() -> None:
    one = track()
    one.reply(answer(7, created=True))
    assert event_of(one, answer(7, canceled=True)) == SseEvent(ReplyKind.CANCELED)


def test_a_watch_is_there_from_its_request_to_its_end() -> None:
    watches = WatchState()
    watches.input_over = True
    assert watches.is_over
    watches.request(REQUEST(create_request={"key": b"a"}))
    assert not watches.is_over
    watches.reply(answer(created=True, watch_id=7))
    watches.reply(answer(watch_id=7, events=[{}]))
    assert not watches.is_over
    watches.reply(answer(canceled=True, watch_id=7, compact_revision=3))
    assert watches.is_over


def test_a_watch_that_is_refused_never_was() -> None:
    watches = WatchState()
    watches.input_over = True
    watches.request(REQUEST(create_request={"key": b"a"}))
    watches.reply(answer(created=True, canceled=True, watch_id=-1))
    assert watches.is_over


def test_each_watch_counts_for_itself() -> None:
    watches = WatchState()
    watches.input_over = True
    for number in range(3):
        watches.request(REQUEST(create_request={"key": b"a"}))
        watches.reply(answer(created=True, watch_id=number))
    watches.request(REQUEST(cancel_request={"watch_id": 1}))
    watches.reply(answer(canceled=True, watch_id=1))
    watches.reply(answer(canceled=True, watch_id=0))
    assert not watches.is_over
    watches.reply(answer(canceled=True, watch_id=2))
    assert watches.is_over


def test_what_etcd_would_not_answer_is_known() -> None:
    assert is_empty(REQUEST())
    assert not gets_a_reply(REQUEST())
    assert not gets_a_reply(REQUEST(cancel_request={"watch_id": 1}))
    assert gets_a_reply(REQUEST(create_request={}))
    assert gets_a_reply(REQUEST(progress_request={}))
