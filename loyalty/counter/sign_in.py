"""Log in, choose the shop, hand over to a colleague, log out."""

from __future__ import annotations

from django import forms
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from loyalty.counter.access import BY_PIN, SHOP_KEY, current_shop, current_staff
from members.errors import Refusal
from members.models import Staff
from members.services.staff import check_pin, colleagues, staff_shops


class LoginForm(forms.Form):
    username = forms.CharField(max_length=150)
    password = forms.CharField(max_length=128, strip=False)


def _next_page(request: HttpRequest) -> str:
    """Where to go afterwards: only ever a page of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return wanted
    return reverse("counter:home")


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    next_page = _next_page(request)
    if request.method == "GET":
        if current_staff(request) is not None:
            return redirect(next_page)
        return render(request, "counter/login.html", {"next": next_page})
    form = LoginForm(request.POST)
    person = authenticate(request, **form.cleaned_data) if form.is_valid() else None
    if person is None:
        error = Refusal(
            "login_failed",
            _("This name and password do not fit together. Check both and try again."),
            field="password",
        )
        context = {"next": next_page, "error": error, "username": request.POST.get("username", "")}
        return render(request, "counter/login.html", context, status=401)
    login(request, person)
    return redirect(next_page)


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("counter:login")


@never_cache
@require_http_methods(["GET", "POST"])
def choose_shop(request: HttpRequest) -> HttpResponse:
    """The shops this person serves; with one, the choice is made by itself."""
    staff = current_staff(request)
    if staff is None:
        return redirect("counter:login")
    error = None
    if request.method == "POST":
        wanted = request.POST.get("shop", "")
        chosen = next((shop for shop in staff_shops(staff) if str(shop.pk) == wanted), None)
        if chosen is not None:
            request.session[SHOP_KEY] = chosen.pk
            return redirect("counter:home")
        error = Refusal("shop_unknown", _("Choose one of these shops."), field="shop", status=403)
    return _shop_page(request, staff, error=error)


def _shop_page(
    request: HttpRequest,
    staff: Staff,
    *,
    error: Refusal | None = None,
    pin_error: Refusal | None = None,
) -> HttpResponse:
    shop = current_shop(request, staff)
    context = {
        "shops": list(staff_shops(staff)),
        "shop": shop,
        "others": list(colleagues(shop=shop, staff=staff)) if shop else [],
        "other": request.POST.get("person", ""),
        "error": error,
        "pin_error": pin_error,
    }
    refusal = error or pin_error
    return render(request, "counter/shop.html", context, status=refusal.status if refusal else 200)


@never_cache
@sensitive_post_parameters("pin")
@require_POST
def take_over(request: HttpRequest) -> HttpResponse:
    """A colleague goes on at a counter that is open, by PIN: a session of their own."""
    staff = current_staff(request)
    if staff is None:
        return redirect("counter:login")
    shop = current_shop(request, staff)
    if shop is None:
        return redirect("counter:shop")
    wanted = request.POST.get("person", "")
    person = next((x for x in colleagues(shop=shop, staff=staff) if str(x.pk) == wanted), None)
    try:
        if person is None:
            raise Refusal("person_unknown", _("Choose who takes over."), field="person", status=400)
        check_pin(staff=person, pin=request.POST.get("pin", ""))
    except Refusal as refusal:
        return _shop_page(request, staff, pin_error=refusal)
    login(request, person, backend="members.backends.StaffBackend")
    request.session[SHOP_KEY] = shop.pk
    request.session[BY_PIN] = True
    return redirect("counter:home")


def locked_out(request: HttpRequest, *_more: object) -> HttpResponse:
    """After too many wrong passwords; named in the settings for every login of the site."""
    return render(request, "429.html", status=429)
