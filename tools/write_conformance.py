"""Write ``docs/conformance.md`` from the conformance corpus and the list of differences.

``--check`` writes nothing and fails when the page is not what these give.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.conformance import corpus, differences  # noqa: E402
from tests.conformance.comparison import HEADERS  # noqa: E402
from tests.conformance.corpus import Case  # noqa: E402
from tests.conformance.differences import Difference  # noqa: E402
from tests.etcds.releases import RELEASES  # noqa: E402

WIDTH = 110
PAGE = ROOT / "docs" / "conformance.md"

INTRODUCTION = """\
This gateway responds as etcd's own JSON gateway of the same release does. The corpus in
`tests/conformance/cases/` holds {cases} cases with {requests} requests, one case per line. Each is
sent to the stock gateway of {releases}, and to ours with that release's flavour, in front of a
second etcd of that release that was started alike and has received the same calls.

The HTTP status, the body and the headers {headers} must be equal; revisions, cluster IDs and member
IDs included. A step may be a conversation with a stream or over a WebSocket: a script of chunks to
send and messages to wait for. Its messages are compared one by one, and how they end. Where the
stock gateway ends a WebSocket it sends no close frame; ours closes with the code that the case
names, and that alone is not counted as a difference.

Set aside is only what a step of a case names: values that an etcd invents (tokens,
lease IDs), what a clock or a disk decides (a remaining TTL, a database size), and the order of
lists that etcd keeps in a Go map.

`make conformance` runs all of it, `pytest tests/conformance -k kv/put-twice` one case. With
`--against stock` the stock gateway is compared with itself, which proves the comparison. A new case
is a new line; `tests/conformance/corpus.py` says what may stand in it. The tables below are written
by `tools/write_conformance.py`."""

SERVICES = """
## What is compared

| service | cases | requests | what it is about |
| --- | ---: | ---: | --- |
"""

DIFFERENCES = """
## Differences on purpose

In these cases ours responds otherwise. The list is `tests/conformance/differences.toml`; an entry
that no longer differs, or differs in another way than it says, fails the test.

| cases | releases | our response | why |
| --- | --- | --- | --- |
"""

ABOUT = {
    "auth-expiry": "tokens that are not used, with a token TTL of one second",
    "auth-off": "users, roles and permissions while auth is off",
    "auth-on": "tokens in every header, permissions, stale tokens, what needs which user",
    "auth-switch": "auth switched on and off",
    "cluster": "members and learners",
    "election": "campaign, proclaim, leader, resign",
    "errors": "one of every gRPC status that an etcd at rest gives",
    "headers": "content types, metadata, binary metadata, timeouts, tokens with auth off",
    "json-input": "every malformed or unusual form of a request body",
    "json-output": "every form of a response body",
    "kv": "put, range, delete, compaction",
    "lease": "grant, revoke, time to live, expiry",
    "limits": "large messages, bodies and responses",
    "lock": "lock and unlock",
    "maintenance": "status, alarms, hashes, downgrade, leadership",
    "no-quorum": "an etcd that has lost its quorum",
    "routing": "every route, methods, prefixes, odd paths, the neighbours of the API",
    "txn": "compares, branches, nesting, errors",
    "keepalive": "keeping leases alive: several in a body, bodies that stay open, malformed values",
    "observe": "observing an election",
    "snapshot": "snapshots: parts, digest, malformed requests",
    "streams-auth": "streams with auth on: no token, bad tokens, permissions",
    "streams-no-quorum": "streams of an etcd that has lost its quorum",
    "watch": "creates, cancels, progress, split and joined values, past and compacted revisions, "
    "malformed and empty requests, deadlines",
    "websocket": "every RPC over a WebSocket: messages, frames, paths, closing, the handshake",
    "websocket-auth": "tokens of a WebSocket: subprotocol, cookie, header",
}


def service_rows(cases: Sequence[Case]) -> Iterator[str]:
    """One row for each file of the corpus, and their sum."""
    for service, group in groupby(cases, lambda case: case.service):
        members = list(group)
        yield f"| {service} | {len(members)} | {requests(members)} | {ABOUT[service]} |"
    yield f"| together | {len(cases)} | {requests(cases)} | |"


def difference_rows(listed: Iterable[Difference]) -> Iterator[str]:
    """One row for each reason; entries with the same reason and response share it."""
    for (reason, ours), group in groupby(listed, lambda entry: (entry.reason, response(entry))):
        entries = list(group)
        ids = ", ".join(dict.fromkeys(f"`{entry.id}`" for entry in entries))
        families = ", ".join(dict.fromkeys(f for entry in entries for f in families_of(entry)))
        yield f"| {ids} | {families} | {ours} | {escape(reason)} |"


def families_of(entry: Difference) -> list[str]:
    """The releases of an entry in words."""
    words = ["all" if family == "3" else family for family in entry.releases]
    return [", ".join(words).replace(", not", " but")]


def response(entry: Difference) -> str:
    """Our response, as the entry promises it."""
    parts = [str(entry.ours["status"])] if "status" in entry.ours else ["the response of etcd"]
    if "message" in entry.ours:
        parts.append(f"`{escape(str(entry.ours['message']).rstrip())}`")
    for named in ("headers", "body"):
        parts += [f"`{value}`" for value in dict(entry.ours.get(named, {})).values()]
    return " ".join(parts)


def requests(cases: Iterable[Case]) -> int:
    """How many requests cases send, repetitions of `until` not counted."""
    return sum(len(case.steps) for case in cases)


def escape(text: str) -> str:
    """Keep a text from ending a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")


BESIDE = ROOT / "tests" / "conformance" / "beside.md"
"""What no case can hold."""


def introduction(cases: Sequence[Case]) -> str:
    """The paragraphs above the tables."""
    text = INTRODUCTION.format(
        cases=len(cases),
        requests=requests(cases),
        releases=f"{', '.join(RELEASES[:-1])} and {RELEASES[-1]}",
        headers=", ".join(f"`{name}`" for name in HEADERS),
    )
    paragraphs = (fill(part, WIDTH, break_on_hyphens=False) for part in text.split("\n\n"))
    return "\n\n".join(["# Conformance", *paragraphs]) + "\n"


def page() -> str:
    """The whole page."""
    cases = corpus.load()
    services = "\n".join(service_rows(cases))
    listed = "\n".join(difference_rows(differences.load()))
    beside = BESIDE.read_text(encoding="utf-8")
    return f"{introduction(cases)}{SERVICES}{services}\n{DIFFERENCES}{listed}\n\n{beside}"


def main() -> None:
    """Write the page, or with ``--check`` compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        raise SystemExit(
            f"docs/{PAGE.name} is not what the corpus gives: run python tools/write_conformance.py"
        )


if __name__ == "__main__":
    main()
