"""A gateway mounted beside Django, with as little of a project as there can be."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from etcd_asgi import Gateway
from etcd_asgi.contrib.django import mount


def index(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"path": request.path})


urlpatterns = [path("", index)]
settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
)
application = mount(get_asgi_application(), "/etcd", Gateway(os.environ["ETCD_URL"]))
