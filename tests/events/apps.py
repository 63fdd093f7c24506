"""The gateway that the tests here are about."""

import os

from etcd_asgi import Gateway

app = Gateway(os.environ["ETCD_URL"])
