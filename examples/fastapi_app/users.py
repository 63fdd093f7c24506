"""The users of the example: two teams, and one user who may only read."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

_SALT_BYTES = 16
_MAX_PASSWORD = 200
"""Characters: what is longer is wrong, and not worth the work of hashing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may log in."""

    name: str
    team: str
    read_only: bool = False
    password_hash: bytes = field(repr=False)


Users = Mapping[str, User]
"""By name."""


def demo_users(passwords: Mapping[str, str]) -> Users:
    """Three users with these passwords, which are kept as hashes."""
    kinds = {
        "red-writer": ("red", False),
        "red-reader": ("red", True),
        "blue-writer": ("blue", False),
    }
    return {
        name: User(name=name, team=team, read_only=read_only, password_hash=hashed(passwords[name]))
        for name, (team, read_only) in kinds.items()
    }


def user_lines(passwords: Mapping[str, str]) -> str:
    """What a demo prints of its users."""
    return "\n".join(f"  {user:<12} password {password}" for user, password in passwords.items())


def demo_passwords() -> dict[str, str]:
    """New passwords, by user."""
    names = ("red-writer", "red-reader", "blue-writer")
    return {name: secrets.token_urlsafe(9) for name in names}


def check(users: Users, name: str, password: str) -> User | None:
    """The user of that name and password. It takes as long when there is none of that name."""
    user = users.get(name)
    known = user.password_hash if user else _NOBODY
    if len(password) > _MAX_PASSWORD:
        return None
    return user if hmac.compare_digest(hashed(password, known[:_SALT_BYTES]), known) else None


def hashed(password: str, salt: bytes = b"") -> bytes:
    """Salt and hash of a password; it takes some 50 ms, on purpose."""
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    return salt + hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


_NOBODY = hashed(secrets.token_urlsafe())
