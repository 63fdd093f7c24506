"""No host: the gateway is the server's application."""

import os

from etcd_asgi import Gateway

app = Gateway(os.environ["ETCD_URL"])
