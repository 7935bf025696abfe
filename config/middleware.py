"""Small rules that hold for every page."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from ipaddress import ip_address

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

Handler = Callable[[HttpRequest], HttpResponse]
SPOKEN = frozenset(code for code, _name in settings.LANGUAGES)


class CallerMiddleware:
    """``REMOTE_ADDR`` is the visitor, also behind a proxy of ours: wrong passwords and codes are
    counted by it, and all visitors at one address would lock each other out.

    What a request says of its own way is believed only behind that proxy, and of it only the last
    address, which the proxy itself saw; the ones before were written by whoever sent it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.TRUST_PROXY:
            last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
            with suppress(ValueError):
                request.META["REMOTE_ADDR"] = str(ip_address(last))
        return self.get_response(request)


class ChosenLanguageMiddleware:
    """Chinese unless somebody switched: a browser's preference says little about a till."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        language = chosen if chosen in SPOKEN else settings.LANGUAGE_CODE
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
        patch_vary_headers(response, ("Cookie",))
        response.headers.setdefault("Content-Language", language)
        return response


class PolicyMiddleware(CSPMiddleware):
    """What a browser may do. django-csp puts the text together anew for every response; nearly
    all of them have the same."""

    OWN = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt", "_csp_exempt_ro")

    @cached_property
    def _usual(self) -> str:
        return build_policy(**asdict(self.get_policy_parts(HttpRequest(), HttpResponse())))

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_own = any(hasattr(response, name) for name in self.OWN)
        if is_own or hasattr(request, "_csp_nonce") or settings.DEBUG:
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._usual)
        return response


class AdminScriptsMiddleware:
    """The back office's Alpine evaluates expressions; no other page may."""

    EXTRA = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/") and not hasattr(response, "_csp_update"):
            response._csp_update = self.EXTRA  # type: ignore[attr-defined]
        return response
