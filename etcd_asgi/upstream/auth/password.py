"""The etcd user and password that calls are made with."""

from __future__ import annotations

from dataclasses import dataclass, field

from etcd_asgi.arguments import WrongTypeError, kind_of


@dataclass(frozen=True, slots=True)
class Password:
    """Etcd user that calls are made as, and its password.

    ``Gateway(credentials=Password("svc-web", os.environ["ETCD_PASSWORD"]), access=...)`` makes all
    calls as that user; ``Grant(credentials=Password(...))`` those of one user of the host. The
    client's own etcd token stays behind then.

    Equal credentials share a login. The same user with another password is somebody else, so a
    changed password never lives on in a token that was fetched with the old one.

    Raises:
        ValueError: the user or the password is empty, or not text that UTF-8 can hold.
        TypeError: they are not strings; it is a ``ValueError`` as well.
    """

    user: str
    """As etcd knows it: ``etcdctl user add``."""

    password: str = field(repr=False)

    def __post_init__(self) -> None:
        for name, hint in _HINTS.items():
            value = getattr(self, name)
            if not isinstance(value, str):
                kind = kind_of(value)
                raise WrongTypeError(f"Password({name}=...) must be a string, not {kind}: {hint}")
            if not value:
                raise ValueError(f"Password({name}=...) is empty: {hint}")
            if not _is_unicode(value):  # bytes of the environment that no decoder could read
                raise ValueError(f"Password({name}=...) is not valid Unicode: {hint}")


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in value)


_HINTS = {
    "user": "give the name of an etcd user, as in `etcdctl user add svc-web`",
    "password": "give that user's password, for example from an environment variable that is set",
}
