"""Style sheets and scripts travel compressed."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressedStatic(GZipMiddleware):
    """Only what is the same for everybody: on a page, what others can make a member type stands beside secrets, and how
    well the two compress together would tell of them."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not request.path.startswith(settings.STATIC_URL):
            return response
        return super().process_response(request, response)
