"""A gateway that grants everything, under a server of its own."""

import os
from typing import Any

from etcd_asgi import Gateway, Grant


def access(conn: Any) -> Grant:
    """Grant everything to somebody."""
    return Grant(user="somebody")


app = Gateway(os.environ["ETCD_URL"], access=access)
