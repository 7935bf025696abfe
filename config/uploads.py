"""Uploads that are far too large are turned away before any of them is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from django.utils.translation import gettext as _

from members.errors import Refusal

Handler = Callable[[HttpRequest], HttpResponse]
PIECE = 64 * 1024  # bytes
PATIENCE = 64 * 1024 * 1024  # bytes


class UploadLimitMiddleware:
    """Answers 413 with a page that says what to do, where a request says it is too long.

    What was sent is read past in small pieces: a browser that is cut off while it still sends
    shows an error of its own instead of our sentence.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or ""
        size = int(length) if length.isascii() and length.isdigit() else 0
        if size <= settings.LONGEST_REQUEST_BYTES:
            return self.get_response(request)
        if size <= PATIENCE:
            with suppress(UnreadablePostError):  # whoever hangs up meanwhile needs no answer
                while request.read(PIECE):
                    pass
        if request.path.startswith("/counter/api/"):
            refusal = Refusal("upload_too_large", _("This request is too large."), status=413)
            return JsonResponse(refusal.as_dict(), status=refusal.status)
        return render(request, "413.html", status=413)
