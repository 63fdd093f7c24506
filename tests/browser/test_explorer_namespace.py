"""The explorer of somebody who has a namespace."""

from base64 import b64encode

from playwright.sync_api import expect

from etcd_asgi.testing import EtcdServer
from tests.browser.conftest import Open, Serve
from tests.browser.explorer import open_explorer
from tests.browser.outside import Outside

NAMESPACE = "/teams/red/"
TEAM = {"app": "tests.browser.team_app:app", "NAMESPACE": NAMESPACE}


def test_a_namespace_is_all_there_is(
    open_page: Open, serve: Serve, etcd: EtcdServer, outside: Outside, key: str
) -> None:
    site = serve(etcd, **TEAM)
    outside.put(NAMESPACE + key + "a", "ours")
    outside.put(key + "b", "not ours")
    explorer = open_explorer(open_page, site, key)
    expect(explorer.row("a")).to_be_visible()
    assert explorer.names() == ["a"]
    outside.put(NAMESPACE + key + "c", "new")
    expect(explorer.row("c")).to_be_visible()
    outside.put(key + "d", "not ours")
    explorer.edit(key + "a", "changed")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("changed")
    assert outside.get(NAMESPACE + key + "a") == b"changed"
    assert explorer.names() == ["a", "c"]


def test_leases_of_a_namespace_are_listed_alone(
    open_page: Open, serve: Serve, etcd: EtcdServer, outside: Outside, key: str
) -> None:
    site = serve(etcd, **TEAM)
    foreign = outside.call("lease/grant", TTL=600)["ID"]
    outside.put(key + "b", "not ours", lease=foreign)
    explorer = open_explorer(open_page, site, key)
    explorer.button("New key").first.click()
    explorer.page.get_by_label("Key", exact=True).fill(key + "short")
    explorer.page.get_by_label("Expires after").fill("600")
    explorer.button("Create").click()
    expect(explorer.page.locator(".ttl")).to_contain_text("left")
    explorer.button("Leases").click()
    leases = explorer.page.locator(".lease")
    expect(leases).to_have_count(1)
    expect(leases).to_contain_text(key + "short")
    leases.get_by_role("button", name="Revoke").click()
    explorer.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(leases).to_have_count(0)
    expect(explorer.row("short")).to_have_count(0)
    assert outside.get(NAMESPACE + key + "short") is None


def test_a_lease_of_elsewhere_is_never_called_expired_while_its_key_is_there(
    open_page: Open, serve: Serve, etcd: EtcdServer, outside: Outside, key: str
) -> None:
    """A service outside of the gateway has put the key, with an hour to live."""
    site = serve(etcd, **TEAM)
    lease = outside.call("lease/grant", TTL=3600)["ID"]
    outside.put(NAMESPACE + key + "a", "first", lease=lease)
    explorer = open_explorer(open_page, site, key)
    explorer.show(key + "a")
    clock = explorer.page.locator(".ttl")
    expect(clock).to_have_text("lease of another namespace")
    expect(clock).not_to_have_class("soon")
    expect(explorer.page.get_by_text("expired")).to_have_count(0)

    explorer.button("Edit").click()
    explorer.editor.fill("second")
    explorer.button("Save").click()
    expect(explorer.value).to_have_text("second")
    name = b64encode((NAMESPACE + key + "a").encode()).decode()
    assert outside.call("kv/range", key=name)["kvs"][0]["lease"] == lease, "it keeps its lease"

    explorer.page.locator(".facts .button").click()
    expect(explorer.page.locator(".lease.wanted")).to_contain_text("belongs to another namespace")
    expect(explorer.page.get_by_text("expired")).to_have_count(0)
