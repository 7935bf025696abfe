"""Who stands at the counter, in which shop: the gate of every page and endpoint here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.errors import Refusal
from members.models import Shop, Staff
from members.selectors.staff import shop_of
from members.services.staff import staff_shops

SHOP_KEY = "shop_id"
# In the session of somebody who came in by PIN: for the counter, not for the back office.
BY_PIN = "by_pin"
REFUSED_HEADER = "X-Refused"
# The camera's reader is WebAssembly; nowhere else may a page run any.
CAMERA_SCRIPTS = {"script-src": ["'wasm-unsafe-eval'"]}


@dataclass(frozen=True, slots=True)
class Till:
    """The person and the shop that a request speaks for; ``counter`` is the browser's session."""

    staff: Staff
    shop: Shop
    counter: str = ""


@receiver(user_logged_in)
def password_was_given(request: HttpRequest, **_kwargs: Any) -> None:
    request.session.pop(BY_PIN, None)


def current_staff(request: HttpRequest) -> Staff | None:
    """The signed-in person; one statement, on first use."""
    user = request.user
    return user if user.is_authenticated else None


def current_shop(request: HttpRequest, staff: Staff) -> Shop | None:
    """The shop chosen for this session, if the person still serves it.

    Asked anew each time (one statement): rights taken away count at once. Somebody who serves
    one shop is never asked; the choice is made here.
    """
    chosen = request.session.get(SHOP_KEY)
    if chosen is not None:
        return shop_of(staff, chosen)
    only = list(staff_shops(staff)[:2])
    if len(only) != 1:
        return None
    request.session[SHOP_KEY] = only[0].pk
    return only[0]


def till_of(request: HttpRequest) -> Till:
    """Person and shop, or the refusal that says which is missing."""
    staff = current_staff(request)
    if staff is None:
        raise Refusal("login_needed", _("Log in at the counter first."), status=401)
    shop = current_shop(request, staff)
    if shop is None:
        raise Refusal("shop_needed", _("Choose the shop you work in first."), status=403)
    return Till(staff, shop, request.session.session_key or "")


PageView = Callable[..., HttpResponse]


def counter_page(view: PageView) -> Callable[..., HttpResponse]:
    """A page for staff at the counter: calls ``view(request, till, …)``.

    Without a login it leads to the login page and back, without a shop to the choice of one.
    """

    @functools.wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        staff = current_staff(request)
        if staff is None:
            return redirect_to_login(request.get_full_path(), reverse("counter:login"))
        shop = current_shop(request, staff)
        if shop is None:
            return redirect("counter:shop")
        till = Till(staff, shop, request.session.session_key or "")
        response = view(request, till, *args, **kwargs)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Our own words, not a server or a proxy that broke down: nothing to send again.
            response.headers[REFUSED_HEADER] = "1"
        response._csp_update = CAMERA_SCRIPTS  # type: ignore[attr-defined]
        # A page with a member's balances is nothing for a shared machine's back button.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return gate
