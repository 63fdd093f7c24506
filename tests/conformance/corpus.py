"""The corpus: requests kept as data, one case per line of `cases/*.jsonl`.

A case is `{"id": "kv/put", "steps": [STEP, ...]}`; a case of one step may write the step's members
beside the id. `"releases": ["3.5", "not 3.5.1"]` restricts it to families of releases, `note` is
for readers. Members of a step (all optional but `path`):

    method     default POST
    path       request target as sent, query included
    headers    {"Name": "value"} or {"Name": ["one", "two"]}
    json       request body as a JSON value
    text       request body as text, sent as UTF-8
    base64     request body as bytes
    pieces     request body as a list of text and [times, text]
    chunked    true: sent with Transfer-Encoding: chunked
    status     what the stock gateway must say: 200, or {"3.5": 405, "3": 501} by release
    message    its error message (or text body), alike; blanks after "proto:" are plain ones
    save       {"name": "path.in.answer"}: a value that later steps use, equal on both sides
    generated  the same for a value that each etcd invents (lease IDs, tokens): may differ
    varies     ["path.in.answer"]: present on both sides, but the value may differ
    unordered  ["path.in.answer"]: a list whose order etcd does not fix (a Go map)
    until      {"status": 401} or {"count": "1"}: the step is repeated until its answer is so
    pause      seconds between two tries of `until`; without it they grow from very short ones

A step with `talk` is a conversation. A `status` of 0 stands for no answer at all; a `message` is
that of the last of the messages. `json`, `text` ... are its whole body; without one the body is
sent in chunks. The members that only such a step has:

    talk       [[verb, what], ...]: the script, whose verbs are:
               send VALUE     a chunk or a text message: a text as it is, else JSON
               finish true    the body ends
               read N         wait for N more messages; "end": for all up to the end
               rest true      wait for the end, or until nothing comes while other streams pass
               call STEP      make a request meanwhile; it must succeed
               binary VALUE, base64 TEXT, frames [VALUE, ...], ping TEXT, close CODE
                              what only a WebSocket can
    socket     true: over a WebSocket
    close      the code that ours closes the socket with, where the stock gateway sends no close
               frame at all
    ends       families of releases in which ours ends what `rest` reads, whatever etcd's does
    digest     true: the messages are a snapshot, whose parts and digest must fit

`${name}` in path, headers and body stands for a saved value, `${b64:text}` for base64 of text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
BODIES = ("json", "text", "base64", "pieces")
VERBS = frozenset(
    ("send", "finish", "read", "rest", "call", "binary", "base64", "frames", "ping", "close")
)


class CorpusError(ValueError):
    """A line of the corpus is not a case; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request, and how its two answers are to be compared."""

    path: str
    method: str = "POST"
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: tuple[str, Any] | None = None
    chunked: bool = False
    status: Any = None
    message: Any = None
    save: Mapping[str, str] = field(default_factory=dict)
    generated: Mapping[str, str] = field(default_factory=dict)
    varies: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    until: Mapping[str, Any] = field(default_factory=dict)
    pause: float | None = None
    talk: tuple[tuple[str, Any], ...] = ()
    socket: bool = False
    close: Any = None
    ends: tuple[str, ...] = ()
    digest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Steps in order, sent alike to both gateways."""

    id: str
    steps: tuple[Step, ...]
    releases: tuple[str, ...] = ("3",)
    note: str = ""

    @property
    def service(self) -> str:
        """The file the case stands in, which is the first part of its id."""
        return self.id.partition("/")[0]

    def runs_on(self, release: str) -> bool:
        """Say whether the case has a meaning for this release."""
        return among(release, self.releases)


def among(release: str, families: tuple[str, ...]) -> bool:
    """Say whether `families` ("3.5", "not 3.5.1") let a release in."""
    out = [family.removeprefix("not ") for family in families if family.startswith("not ")]
    inside = any(within(release, family) for family in families)
    return inside and not any(within(release, family) for family in out)


def within(release: str, family: str) -> bool:
    """Say whether `release` ("3.5.33") belongs to `family` ("3", "3.5" or "3.5.33")."""
    return f"{release}.".startswith(f"{family}.")


def expected(wanted: Any, release: str) -> Any:
    """Read `status` or `message` for a release: the longest family that fits wins."""
    if not isinstance(wanted, dict):
        return wanted
    fitting = [family for family in wanted if within(release, family)]
    return wanted[max(fitting, key=len)] if fitting else None


def load(folder: Path = CASES) -> tuple[Case, ...]:
    """Read the whole corpus in the order of the files' names."""
    return tuple(case for file in sorted(folder.glob("*.jsonl")) for case in read(file))


def read(file: Path) -> Iterator[Case]:
    """Read one file; blank lines are allowed, anything else must be a case."""
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                yield _case(json.loads(line), file.stem)
            except (ValueError, TypeError, KeyError) as error:
                raise CorpusError(f"{file.name}:{number}: {error!r}") from error


def _case(line: dict[str, Any], stem: str) -> Case:
    head = {name: line.pop(name) for name in ("id", "releases", "note") if name in line}
    if head["id"].partition("/")[0] != stem.replace("_", "-"):
        raise ValueError(f"the id {head['id']!r} does not begin with the name of its file")
    steps = line.pop("steps", None) or [line]
    if line and steps != [line]:
        raise ValueError(f"members beside 'steps': {sorted(line)}")
    head["releases"] = tuple(head.get("releases", ("3",)))
    return Case(steps=tuple(_step(step) for step in steps), **head)


def _step(members: Mapping[str, Any]) -> Step:
    bodies = [(name, members[name]) for name in BODIES if name in members]
    if len(bodies) > 1:
        raise ValueError(f"more than one body: {[name for name, _ in bodies]}")
    rest = {name: value for name, value in members.items() if name not in BODIES}
    unknown = set(rest) - {known.name for known in fields(Step)} | set(rest) & {"body"}
    if unknown:
        raise ValueError(f"unknown members of a step: {sorted(unknown)}")
    for listing in ("varies", "unordered", "ends"):
        rest[listing] = tuple(rest.get(listing, ()))
    rest["talk"] = tuple(_action(verb, what) for verb, what in rest.get("talk", ()))
    return Step(body=bodies[0] if bodies else None, **rest)


def _action(verb: str, what: Any) -> tuple[str, Any]:
    if verb not in VERBS:
        raise ValueError(f"unknown verb of a conversation: {verb!r}")
    return verb, _step(what) if verb == "call" else what
