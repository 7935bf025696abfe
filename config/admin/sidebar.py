"""What stands at the left, by role: what one may not do is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from members.models import Staff
from members.services.staff import may


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its name, its address, its icon, and what one must be allowed to see it."""

    title: Promise
    url: str
    icon: str
    needs: str


GROUPS: tuple[tuple[Promise | None, tuple[Page, ...]], ...] = (
    (None, (Page(lazy("Today"), "admin:index", "home", "find"),)),
    (
        lazy("Members"),
        (Page(lazy("Members"), "admin:members_member_changelist", "group", "find"),),
    ),
    (
        lazy("Coupons"),
        (
            Page(
                lazy("Coupon kinds"),
                "admin:loyalty_coupontemplate_changelist",
                "local_activity",
                "report",
            ),
            Page(
                lazy("Coupons given"),
                "admin:loyalty_coupon_changelist",
                "confirmation_number",
                "redeem",
            ),
        ),
    ),
    (
        lazy("Purchases"),
        (
            Page(lazy("Purchases"), "admin:loyalty_order_changelist", "receipt_long", "sell"),
            Page(lazy("Refunds"), "admin:loyalty_refund_changelist", "undo", "refund"),
            Page(lazy("Top-ups"), "admin:loyalty_topup_changelist", "savings", "top_up"),
        ),
    ),
    (
        lazy("Reports"),
        (
            Page(lazy("Ledger"), "admin:loyalty_entry_changelist", "menu_book", "report"),
            Page(
                lazy("Versions of the rules"), "admin:loyalty_ruleset_changelist", "rule", "report"
            ),
            Page(lazy("Audit trail"), "admin:members_event_changelist", "policy", "report"),
        ),
    ),
)


def title(request: HttpRequest) -> str:
    """What the product is called."""
    return _("Huitou")


def subtitle(request: HttpRequest) -> str:
    return _("Back office")


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Below the person's name."""
    return [{"title": _("Counter"), "link": reverse("counter:home")}]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of pages for whoever is signed in; a group without a page is left out."""
    person = request.user
    if not isinstance(person, Staff):
        return []
    groups = []
    for name, pages in GROUPS:
        items = [
            {"title": page.title, "icon": page.icon, "link": reverse(page.url)}
            for page in pages
            if may(person, page.needs)
        ]
        if items:
            groups.append({"title": name, "items": items, "separator": False})
    return groups
