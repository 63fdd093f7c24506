"""Server-sent events of the examples: the own team's keys, for who is logged in."""

import httpx
import pytest

from tests.examples.conftest import SECRET, Teams
from tests.examples.visiting import Example, call, text

EVENTS = {"accept": "text/event-stream"}
FROM_THE_START = {"prefix": "", "text": "1", "start_revision": "1", "prev_kv": "true"}
PATH = "/etcd/v3/watch"


def until_seen(stream: httpx.Response, key: str) -> str:
    """All that comes until *key* does."""
    seen = ""
    for line in stream.iter_lines():
        seen += line
        if line.startswith("data:") and key in line:
            return seen
    raise AssertionError(f"it ended: {seen}")


def test_an_event_source_sees_the_own_keys_alone(teams: Teams) -> None:
    body = {"key": text("seen-by-events"), "value": text("red")}
    assert call(teams.red, "kv/put", body).status_code == 200
    for client in (teams.red, teams.reader):
        with client.stream("GET", PATH, params=FROM_THE_START, headers=EVENTS) as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert SECRET not in until_seen(stream, "seen-by-events")


def test_events_over_post_are_of_the_own_keys_alone(teams: Teams) -> None:
    body = {"key": text("seen-by-events"), "value": text("red")}
    assert call(teams.red, "kv/put", body).status_code == 200
    everything = {"key": text("\0"), "range_end": text("\0"), "start_revision": "1"}
    request = {"create_request": everything}
    with teams.red.stream("POST", PATH, json=request, headers=EVENTS) as stream:
        assert stream.status_code == 200
        assert text(SECRET)[:12] not in until_seen(stream, text("seen-by-events"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_gets_events(example: Example, method: str) -> None:
    answer = httpx.request(
        method, example.url + PATH, params=FROM_THE_START, headers=EVENTS, json={}
    )
    assert answer.status_code == 401


def test_a_page_of_another_site_gets_no_events(teams: Teams) -> None:
    headers = {**EVENTS, "sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    answer = teams.red.get(PATH, params=FROM_THE_START, headers=headers)
    assert answer.status_code == 403
