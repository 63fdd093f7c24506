"""The public names are a decision."""

import etcd_asgi


def test_all_public_names_are_listed_in_order() -> None:
    public = [name for name in vars(etcd_asgi) if not name.startswith("_") and not _is_module(name)]
    assert sorted(public) == sorted(etcd_asgi.__all__)


def _is_module(name: str) -> bool:
    return type(getattr(etcd_asgi, name)).__name__ == "module"
