"""Sample data that lives: services whose instances come, stay alive for a while, and go.

It is a client as any other: it logs in and talks JSON. Each instance holds a lease; one that is no
longer kept alive vanishes from etcd by itself.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

SAMPLES = {"greeting": "hello", "fruit/apple": "green", "fruit/banana": "yellow"}
SERVICES = ("checkout", "mail", "search")
TTL = 6
"""Seconds that an instance is known for after it was last heard of."""

PAUSE = 1.5
"""Seconds between what happens."""

MOST = 6
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Instance:
    """A running instance of a service."""

    lease: str
    key: str


class Registry:
    """The services of one team, in a thread of its own while it is entered.

    Args:
        url: of the application.
        login: what its form for a login is filled in with.
    """

    def __init__(self, url: str, login: Mapping[str, str]) -> None:
        self._url = url
        self._login = login
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self._instances: list[Instance] = []
        self._samples = list(SAMPLES.items())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Registry:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        is_logged_in = False
        while not self._stop.is_set():
            try:
                if not is_logged_in:
                    self._log_in()
                self._put_samples()
                self._step()
                is_logged_in = True
            except (OSError, HTTPException, ValueError):  # etcd or the application is away
                self._instances.clear()
                is_logged_in = False
            self._stop.wait(PAUSE)

    def _log_in(self) -> None:
        """Get the form first, as a browser does: Django's has a token that must come back."""
        self._opener.open(f"{self._url}/login", timeout=TIMEOUT).close()
        tokens = [one.value or "" for one in self._cookies if one.name == "csrftoken"]
        form = [*self._login.items(), *(("csrfmiddlewaretoken", token) for token in tokens)]
        self._send("login", urlencode(form).encode())

    def _put_samples(self) -> None:
        """Once, and only those that are not there: what visitors make of them stays."""
        while self._samples:
            key, value = (_text(text) for text in self._samples[-1])
            absent = {"key": key, "target": "CREATE", "create_revision": 0}
            put = {"request_put": {"key": key, "value": value}}
            self._call("kv/txn", compare=[absent], success=[put])
            self._samples.pop()

    def _step(self) -> None:
        """All are heard of once more; then one comes or goes."""
        for instance in self._instances:
            self._call("lease/keepalive", ID=instance.lease)
        if len(self._instances) < random.randint(1, MOST):
            self._instances.append(self._start())
        else:
            self._instances.pop(random.randrange(len(self._instances)))

    def _start(self) -> Instance:
        lease = self._call("lease/grant", TTL=TTL)["ID"]
        name, number = random.choice(SERVICES), random.randint(1, 99)
        key = f"services/{name}/{number:02}"
        value = json.dumps({"address": f"10.0.0.{number}:8080"})
        self._call("kv/put", key=_text(key), value=_text(value), lease=lease)
        return Instance(lease, key)

    def _call(self, path: str, **body: Any) -> Any:
        answer = self._send(f"etcd/v3/{path}", json.dumps(body).encode())
        return json.loads(answer)

    def _send(self, path: str, body: bytes) -> bytes:
        kind = "application/json" if path != "login" else "application/x-www-form-urlencoded"
        request = urllib.request.Request(f"{self._url}/{path}", body, {"content-type": kind})
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            content: bytes = answer.read()
        return content


def _text(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
