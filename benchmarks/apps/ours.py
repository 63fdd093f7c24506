"""The gateway with its defaults."""

import os

from etcd_asgi import Gateway

app = Gateway(os.environ["BENCH_ETCD"])
