"""Who calls: the visitor behind our proxy, and nobody's own word for it."""

from __future__ import annotations

import pytest
from axes.helpers import get_client_ip_address
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.middleware import CallerMiddleware
from loyalty.card.access import address_of


def called(rf: RequestFactory, forwarded: str | None) -> HttpRequest:
    """A request as the pages get it, from the proxy on this machine."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = rf.get("/", headers=headers, REMOTE_ADDR="127.0.0.1")
    CallerMiddleware(lambda _request: HttpResponse())(request)
    return request


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (" 2001:DB8::0001 ", "2001:db8::1"),
        (None, "127.0.0.1"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.7:5511", "127.0.0.1"),
        ("203.0.113.7, <script>", "127.0.0.1"),
    ],
)
def test_behind_our_proxy(
    rf: RequestFactory, settings: object, forwarded: str | None, address: str
) -> None:
    settings.TRUST_PROXY = True  # type: ignore[attr-defined]
    request = called(rf, forwarded)
    assert (address_of(request), get_client_ip_address(request)) == (address, address)


def test_without_a_proxy_nobody_is_believed(rf: RequestFactory, settings: object) -> None:
    settings.TRUST_PROXY = False  # type: ignore[attr-defined]
    assert address_of(called(rf, "203.0.113.7")) == "127.0.0.1"
