"""How the explorer turns bytes into text and back: nothing is lost, no two look alike."""

import json
from random import Random
from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.hosts.serving import AppServer

EDGES = [
    0x20,
    0x00,
    0x0A,
    0x2F,
    0x5C,
    0x7F,
    0x80,
    0xBF,
    0xC0,
    0xC3,
    0xE2,
    0x80,
    0xAE,
    0xED,
    0xA0,
    0xF4,
    0xFF,
]

SHOWN = """async (keys) => {
  const { shown, typed } = await import("./bytes.js");
  return keys.map((key) => [shown(key), typed(shown(key))]);
}"""

EDITED = """async ([format, bytes]) => {
  const { FORMATS } = await import("./formats.js");
  const value = new Uint8Array(bytes);
  return [...FORMATS[format].parse(FORMATS[format].edit(value), value)];
}"""

FORMATS = """async (bytes) => {
  const { formatsOf } = await import("./formats.js");
  return formatsOf(new Uint8Array(bytes));
}"""

DIFF = """async ([before, after]) => {
  const { diff } = await import("./diff.js");
  return diff(before, after).map(({ kind, text }) => [kind, text]);
}"""


@pytest.fixture
def page(open_page: Open, site: AppServer) -> Page:
    """A page beside the explorer's modules."""
    return open_page(site, "/etcd/explorer/")


def clear(text: str) -> bool:
    """Whether each character of it can be seen."""
    unseen = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
    return text == text.strip() and not unseen & {category(one) for one in text.replace(" ", "")}


def test_every_key_is_typed_as_it_is_shown_and_no_two_look_alike(page: Page) -> None:
    random = Random(20)
    keys = {
        "".join(chr(random.choice(EDGES)) for _ in range(random.randrange(7))) for _ in range(4000)
    }
    found = page.evaluate(SHOWN, sorted(keys))
    assert [typed for _, typed in found] == sorted(keys)
    assert len({shown for shown, _ in found}) == len(keys)
    unclear = [shown for shown, _ in found if not clear(shown)]
    assert unclear == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"a":1,"a":2.50,"b":12345678901234567890}', id="one-line"),
        pytest.param(b'{"a": 1, "b": [1, 2, {"c": "d, e: f"}]}', id="one-line-with-spaces"),
        pytest.param(b'{\n    "a": 1\n}\n', id="other-layout"),
        pytest.param(b'[{"a":"\\u00e9\\n"}]\n', id="line-end"),
        pytest.param(b'{"a":1}\r\n', id="windows-line-end"),
    ],
)
def test_json_that_is_not_edited_does_not_change(page: Page, value: bytes) -> None:
    assert page.evaluate(FORMATS, list(value))[0] == "json"
    assert bytes(page.evaluate(EDITED, ["json", list(value)])) == value


@pytest.mark.parametrize(
    ("value", "formats"),
    [
        pytest.param(b"plain", ["text", "hex"], id="text"),
        pytest.param(b"a\r\nb\r\n", ["text", "hex"], id="windows-text"),
        pytest.param(b"a\rb", ["hex"], id="lone-carriage-return"),
        pytest.param(b"a\r\nb\n", ["hex"], id="both-line-ends"),
        pytest.param(b"\xff", ["hex"], id="no-text"),
        pytest.param(b"a\0b", ["hex"], id="zero-byte"),
        pytest.param(b"\xef\xbb\xbf{}", ["text", "hex"], id="byte-order-mark"),
        pytest.param(b"", ["text", "hex"], id="empty"),
        pytest.param(b"12345678901234567890", ["text", "hex"], id="number"),
    ],
)
def test_a_value_is_edited_only_in_what_gives_it_back(
    page: Page, value: bytes, formats: list[str]
) -> None:
    assert page.evaluate(FORMATS, list(value)) == formats
    for name in formats:
        assert bytes(page.evaluate(EDITED, [name, list(value)])) == value


LINES = st.lists(st.sampled_from("abcd"), max_size=12).map("\n".join)


@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=20))
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_a_comparison_holds_both_texts(page: Page, pairs: list[tuple[str, str]]) -> None:
    for before, after in pairs:
        found = page.evaluate(DIFF, [before, after])
        assert "\n".join(text for kind, text in found if kind != "added") == before
        assert "\n".join(text for kind, text in found if kind != "removed") == after
        if before == after:
            assert {kind for kind, _ in found} == {"same"}


def test_a_json_text_keeps_its_meaning_when_laid_out(page: Page) -> None:
    text = json.dumps({"a": [1, -2.5e10, True, None, {}, []], 'q"\\': ["[", "{,:}"], "é": ""})
    laid_out = page.evaluate("async (text) => (await import('./json.js')).pretty(text)", text)
    assert json.loads(laid_out) == json.loads(text)
