"""The project's own pages; what is under /etcd never comes here."""

from django.http import HttpRequest, JsonResponse
from django.urls import path


def index(request: HttpRequest) -> JsonResponse:
    """Say what is where: an ordinary view beside the mount."""
    return JsonResponse({"path": request.path, "etcd": "/etcd/v3/kv/range"})


urlpatterns = [path("", index)]
