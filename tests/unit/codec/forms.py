"""What stock gateways answered to unusual forms, one line of data per form.

``appendix_a.jsonl``: forms that clients and hosts were seen to send or might send.
``more_forms.jsonl``: the corners of the readers, recorded from etcd 3.5.1, 3.5.33, 3.6.14, 3.7.1.
A line has the body (as text, as base64, or as parts to repeat) and per dialect the error's text or
the message in canonical JSON. ``jsonpb`` is what 3.4.24 to 3.5 do, ``protojson`` 3.6 and 3.7.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from etcd_asgi.calls.bindings import bindings

Form = dict[str, Any]

REQUESTS = {binding.path: binding.request for binding in bindings()}
"""Request types by path."""


def forms() -> list[Form]:
    lines: list[str] = []
    for name in ("appendix_a.jsonl", "more_forms.jsonl"):
        lines += Path(__file__).with_name(name).read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]


def body_of(form: Form) -> bytes:
    if "parts" in form:
        return "".join(text * count for count, text in form["parts"]).encode()
    if "base64" in form:
        return base64.b64decode(form["base64"])
    return str(form["body"]).encode()
