"""Values that somebody gives by mistake, tried on every parameter of a public name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any

SECRET = "hunter2"


class Mistaken:
    """A class, where an object is meant."""


async def _async_function() -> None: ...


MISTAKES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "number": lambda: 7,
    "negative": lambda: -1,
    "zero": lambda: 0,
    "flag": lambda: True,
    "fraction": lambda: 0.5,
    "nan": lambda: nan,
    "infinite": lambda: inf,
    "text": lambda: SECRET,
    "empty-text": lambda: "",
    "bytes": SECRET.encode,
    "empty-bytes": lambda: b"",
    "bytearray": lambda: bytearray(b"x"),
    "list": lambda: [SECRET],
    "empty-list": list,
    "mapping": lambda: {SECRET: 1},
    "empty-mapping": dict,
    "object": object,
    "class": lambda: Mistaken,
    "coroutine": _async_function,
    "generator": lambda: (letter for letter in SECRET),
}
"""What an unset variable, a forgotten call, a forgotten list and the like give."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A public name with parameters."""

    call: Callable[..., Any]
    takes: Mapping[str, Collection[str]]
    """For each parameter those of ``MISTAKES`` that are none there."""

    given: Mapping[str, Any] = field(default_factory=dict)
    """The other parameters of a call that is right."""

    signature_of: Callable[..., Any] | None = None
    """Where the parameters are read, if not of ``call``."""

    @property
    def parameters(self) -> list[str]:
        return list(inspect.signature(self.signature_of or self.call).parameters)


def parameters(subjects: Mapping[str, Subject]) -> list[tuple[str, str]]:
    """Each parameter of each subject, also those that its table lacks."""
    return [(name, one) for name, subject in subjects.items() for one in subject.parameters]


def judge(subject: Subject, parameter: str, mistake: str) -> None:
    """Call *subject* with one mistake: it is taken where the table says so, and refused elsewhere.

    A refusal names the parameter, and the type that was given if that is wrong.
    """
    with _made(mistake) as value:
        assert parameter in subject.takes, f"{parameter}: say in the table what it takes"
        given = {**subject.given, parameter: value}
        if mistake in subject.takes[parameter]:
            subject.call(**given)
            return
        told = _refusal(subject, given)
        assert told is not None, f"{parameter}={value!r} was taken: {mistake}"
        assert parameter in str(told)
        names = (type(value).__name__, _member_of(value))
        assert isinstance(told, TypeError) <= any(name in str(told) for name in names), told


def _refusal(subject: Subject, given: Mapping[str, Any]) -> Exception | None:
    try:
        subject.call(**given)
    except (TypeError, ValueError) as error:
        return error
    return None


def _member_of(value: Any) -> str:
    """The type of what is in a list or a mapping, which may be what is wrong."""
    if isinstance(value, dict):
        return type(next(iter(value.values()), None)).__name__
    return "str" if isinstance(value, list) or inspect.isgenerator(value) else "\0"


@contextmanager
def _made(mistake: str) -> Iterator[Any]:
    value = MISTAKES[mistake]()
    try:
        yield value
    finally:
        if inspect.iscoroutine(value):
            value.close()
