"""What lets a browser install the chat as a program: its manifest, its service worker and the page without a network.

Public, and the same for everybody: nothing of it is read from the database.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

BACKGROUND, THEME = "#ffffff", "#3757d6"


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    icons = [("192", "192x192", "any"), ("512", "512x512", "any"), ("maskable-512", "512x512", "maskable")]
    content = {
        "id": "/",
        "name": _("DeepSeek team chat"),
        "short_name": _("Team chat"),
        "lang": get_language(),
        "start_url": reverse("index"),
        "scope": "/",
        "display": "standalone",
        "background_color": BACKGROUND,
        "theme_color": THEME,
        "icons": [
            {"src": static(f"icons/{name}.png"), "type": "image/png", "sizes": sizes, "purpose": purpose}
            for name, sizes, purpose in icons
        ],
    }
    return JsonResponse(content, content_type="application/manifest+json")


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """From the root, because it may look after nothing above its own place."""
    source = (settings.BASE_DIR / "static" / "js" / "offline.js").read_bytes()
    response = HttpResponse(source, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    return render(request, "offline.html")


urlpatterns = [
    path("manifest.webmanifest", manifest, name="manifest"),
    path("offline.js", service_worker, name="service_worker"),
    path("offline/", offline, name="offline"),
]
