"""Checks of the arguments that a host gives to public constructors and functions.

A wrong setting is refused where it is given, with its name, its type and the expected one. Values
are left out of these messages: they may be secrets.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import ParseResult, SplitResult


class WrongTypeError(TypeError, ValueError):
    """An argument of a type that its parameter does not take.

    It is a ``ValueError`` too, so that a host which catches the errors of a setting needs one
    ``except`` for a wrong type and for a wrong value.
    """


def kind_of(value: object) -> str:
    """Describe the type of *value*: ``int``, ``True (bool)``, ``type (the class TLS itself)``."""
    name = type(value).__name__
    if isinstance(value, type):
        return f"{name} (the class {value.__name__} itself)"
    if isinstance(value, bool):
        return f"{value} ({name})"
    if inspect.iscoroutine(value):
        return f"{name} (an async function was called: give the function itself)"
    return name


def wrong_type(expected: str, value: object) -> WrongTypeError:
    """Make the error for a *value* of another type than *expected* says."""
    return WrongTypeError(f"{expected}, not {kind_of(value)}")


def check_bool(label: str, value: object) -> None:
    """Refuse all but True and False: a text such as "false" would count as true.

    Raises:
        WrongTypeError: *value* is something else.
    """
    if not isinstance(value, bool):
        raise wrong_type(f"{label} takes True or False", value)


def members_of(label: str, value: object, example: str) -> list[Any]:
    """Return the members of a list, or of any other iterable.

    Raises:
        WrongTypeError: *value* is one string, a mapping, or no iterable.
    """
    is_one = isinstance(value, str | bytes | bytearray | Mapping | type)
    if is_one or not isinstance(value, Iterable):
        raise wrong_type(f"{label} takes a list: {example}", value)
    return list(value)


def is_url(value: object) -> bool:
    """Return True if *value* is a URL, as a string or as an object of a library for URLs."""
    return isinstance(value, str | SplitResult | ParseResult) or (
        not isinstance(value, type) and isinstance(getattr(value, "scheme", None), str)
    )


def url_text(url: object) -> str:
    """Return the text of a URL, of any type that :func:`is_url` knows."""
    if isinstance(url, SplitResult | ParseResult):
        return url.geturl()
    return str.__str__(url) if isinstance(url, str) else str(url)  # of an Enum str() is its name


def check_function(label: str, function: object, *parameters: str) -> None:
    """Refuse an object that cannot be called with *parameters*, or that then returns nothing.

    Functions, methods, partials and objects with ``__call__`` pass, async ones too. A callable
    without a signature passes as well, and a class of awaitables, such as Starlette's
    ``HTTPEndpoint`` is.

    Raises:
        WrongTypeError: *function* is no function, a class, a generator function, or takes other
            arguments.
    """
    expected = f"{label} takes a function of ({', '.join(parameters)})"
    is_class = isinstance(function, type) and not hasattr(function, "__await__")
    if is_class or not callable(function):
        raise wrong_type(expected, function)
    body = _called(function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise WrongTypeError(f"{expected} that returns; {_name_of(function)} has a yield in it")
    misfit = _misfit(function, parameters)
    if misfit:
        raise WrongTypeError(f"{expected}, and {_name_of(function)} takes others: {misfit}")


def is_async(function: object) -> bool:
    """Return True if a call of *function* gives a coroutine."""
    return inspect.iscoroutinefunction(_called(function))


def _called(function: object) -> object:
    """Find the function that runs in a call: of an object its class's ``__call__``."""
    while isinstance(function, partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__


def _misfit(function: Any, parameters: tuple[str, ...]) -> str:
    """Return the reason why *function* cannot be called with *parameters*; empty if it can.

    A decorator's own signature counts, and not that of the function in it.
    """
    if hasattr(function, "__signature__"):  # claimed, and need not be how it is called
        return ""
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return ""
    try:
        signature.bind(*parameters)
    except TypeError as error:
        return str(error)
    return ""


def _name_of(function: object) -> str:
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name
