"""Whose card a request opens: the gate of every page under /m/."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from members import clock
from members.models import Member
from members.services import member_sessions
from members.services.member_sessions import Session

COOKIE = "huitou_member"
PATH = "/m/"
# Of the join page: nobody is sent on to WeChat. A form of ours may not lead off the site.
FORM_ONLY = {"wechat": "no"}


@dataclass(frozen=True, slots=True)
class Visit:
    """The member a request speaks for, and the one moment it happens at."""

    session: Session
    at: dt.datetime

    @property
    def member(self) -> Member:
        return self.session.member


def visit_of(request: HttpRequest) -> Visit | None:
    """Who is logged in here; one statement."""
    at = clock.now()
    session = member_sessions.read(token=request.COOKIES.get(COOKIE, ""), at=at)
    return Visit(session, at) if session else None


def open_card(
    response: HttpResponse, member: Member, *, proved_at: dt.datetime, at: dt.datetime
) -> None:
    """Keep this browser logged in. The cookie is apart from the staff's session."""
    response.set_cookie(
        COOKIE,
        member_sessions.token(member=member, proved_at=proved_at, at=at),
        max_age=member_sessions.LIFE,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def close_card(response: HttpResponse) -> None:
    """Log this browser out."""
    response.delete_cookie(COOKIE, path=PATH, samesite="Lax")


def address_of(request: HttpRequest) -> str:
    """Where a request came from (``config.middleware.CallerMiddleware``)."""
    return str(request.META.get("REMOTE_ADDR", ""))


def next_page(request: HttpRequest) -> str:
    """Where to go after logging in: a page of the card only."""
    return own_page(request.POST.get("next") or request.GET.get("next") or "")


def own_page(wanted: str) -> str:
    """This address if it is a page of the card, else the card itself."""
    is_ours = wanted.startswith(PATH) and "\\" not in wanted and "//" not in wanted
    return wanted if is_ours else reverse("card:home")


def member_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page for one member: calls ``view(request, visit, …)``; anybody else is led to join."""

    @functools.wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        visit = visit_of(request)
        if visit is None:
            query = {"next": request.path} if request.path != reverse("card:home") else {}
            if request.method == "POST":
                query |= FORM_ONLY
            away = redirect(f"{reverse('card:join')}?{urlencode(query)}".rstrip("?"))
            if COOKIE in request.COOKIES:
                close_card(away)
            return away
        response = view(request, visit, *args, **kwargs)
        if visit.session.is_due(visit.at) and COOKIE not in response.cookies:
            open_card(response, visit.member, proved_at=visit.session.proved_at, at=visit.at)
        # Balances are nothing for a browser's store; a page gone back to is asked for anew.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return gate
