"""A gateway that lets the page of one app in."""

import os

from etcd_asgi import Gateway

app = Gateway(os.environ["ETCD_URL"], allowed_origins=["capacitor://localhost"])
