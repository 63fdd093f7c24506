"""The project's own pages; what is under /etcd never comes here."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

FILES = {"app.js": "text/javascript", "style.css": "text/css"}


def with_policy(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let pages load their own files alone, and stand in nobody's frame."""

    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = view(request, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response

    return wrapped


def index(request: HttpRequest) -> HttpResponse:
    """The keys of the user's team."""
    return render(request, "index.html")


def page_file(_request: HttpRequest, name: str) -> HttpResponse:
    """The page's script or style; a web server in front does this better."""
    if name not in FILES:
        raise Http404
    return HttpResponse((settings.PAGE / name).read_bytes(), content_type=FILES[name])


urlpatterns = [
    path("", with_policy(login_required(index))),
    path("login", with_policy(LoginView.as_view(template_name="login.html"))),
    path("logout", LogoutView.as_view()),
    path("page/<name>", page_file),
]
