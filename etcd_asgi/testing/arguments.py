"""Checks of the arguments of :class:`~etcd_asgi.testing.EtcdServer` and its neighbours."""

import os
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

Place = str | PathLike[str]


def path_of(name: str, place: object) -> Path | None:
    """Make the path that *place* names; ``None`` stays.

    One with a separator is made absolute, so that ``./etcd`` is not looked up on ``$PATH``.

    Raises:
        TypeError: *place* is neither a string nor a path.
        ValueError: It is empty.
    """
    if place is None:
        return None
    text = os.fspath(place) if isinstance(place, PathLike) else place
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a string or a Path, not {_kind_of(place)}")
    if not text:
        raise ValueError(f"{name} is empty: leave it out, or name a path")
    return Path(text).absolute() if os.sep in text else Path(text)


def flags_of(args: object) -> tuple[str, ...]:
    """Take the flags of etcd.

    Raises:
        TypeError: They are not a list of strings.
    """
    expected = "args must be a list of etcd's flags, such as ['--log-level=debug']"
    is_one = isinstance(args, str | bytes | bytearray | Mapping | type)
    if is_one or not isinstance(args, Iterable):
        raise TypeError(f"{expected}, not {_kind_of(args)}")
    flags = tuple(args)
    for flag in flags:
        if not isinstance(flag, str):
            raise TypeError(f"{expected}; one of them is {_kind_of(flag)}: use a string")
    return flags


def seconds_of(name: str, seconds: object) -> float:
    """Take a time in seconds.

    Raises:
        TypeError: *seconds* is not a number.
        ValueError: It is not positive, or too long for a wait.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {_kind_of(seconds)}")
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{name} must be above 0 and at most {_LONGEST} seconds, not {seconds!r}")
    return float(seconds)


_LONGEST = 1_000_000


def release_of(release: object) -> str | None:
    """Take the release of etcd that is asked for; ``None`` stays.

    Raises:
        TypeError: It is not a string: as a number 3.10 would be 3.1.
        ValueError: It is not like ``3.6`` or ``3.6.14``.
    """
    expected = "release must be a string such as '3.6' or '3.6.14'"
    if release is None:
        return None
    if not isinstance(release, str):
        raise TypeError(f"{expected}, not {_kind_of(release)}")
    if not release[:1].isdecimal() or release.endswith("."):
        raise ValueError(f"{expected}, not {release!r}")
    return release


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return f"{name} (the class {value.__name__} itself)" if isinstance(value, type) else name
