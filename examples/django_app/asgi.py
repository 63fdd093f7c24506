"""Django's ASGI application with etcd's JSON API under /etcd."""

import os

from django.core.asgi import get_asgi_application

from etcd_asgi import Gateway
from etcd_asgi.contrib.django import access_for, mount
from examples.django_app.access import grant_for

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_app.settings")

gateway = Gateway(
    os.environ.get("ETCD_URL", "http://127.0.0.1:2379"),
    access=access_for(grant_for),
    explorer=True,
)
application = mount(get_asgi_application(), "/etcd", gateway)
