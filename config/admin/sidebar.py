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


def _table(title: Promise, table: str, icon: str, needs: str) -> Page:
    return Page(title, f"admin:{table}_changelist", icon, needs)


GROUPS: tuple[tuple[Promise | None, tuple[Page, ...]], ...] = (
    (None, (Page(lazy("Today"), "admin:index", "home", "find"),)),
    (
        lazy("Members"),
        (
            _table(lazy("Members"), "members_member", "group", "find"),
            _table(lazy("Tags"), "members_tag", "sell", "edit_member"),
            _table(lazy("Lent things"), "loyalty_loan", "book_2", "redeem"),
        ),
    ),
    (
        lazy("Member card"),
        (
            _table(lazy("Card faces"), "members_cardface", "credit_card", "report"),
            _table(lazy("Tiers"), "loyalty_tier", "military_tech", "report"),
            _table(lazy("Points"), "loyalty_policy", "toll", "report"),
            _table(lazy("Stored value"), "loyalty_topupplan", "savings", "report"),
            _table(lazy("Benefits"), "loyalty_benefit", "redeem", "report"),
        ),
    ),
    (
        lazy("Coupons"),
        (
            _table(lazy("Coupon kinds"), "loyalty_coupontemplate", "local_activity", "report"),
            _table(lazy("Gift packs"), "loyalty_giftpack", "featured_seasonal_and_gifts", "report"),
            _table(lazy("Given to many"), "loyalty_bulkissue", "stacks", "give_coupons"),
            _table(lazy("Coupons given"), "loyalty_coupon", "confirmation_number", "redeem"),
        ),
    ),
    (
        lazy("Purchases"),
        (
            _table(lazy("Purchases"), "loyalty_order", "receipt_long", "sell"),
            _table(lazy("Refunds"), "loyalty_refund", "undo", "refund"),
            _table(lazy("Top-ups"), "loyalty_topup", "add_card", "top_up"),
            _table(lazy("Approvals"), "loyalty_approval", "approval_delegation", "approve"),
        ),
    ),
    (
        lazy("Reports"),
        (
            _table(lazy("Ledger"), "loyalty_entry", "menu_book", "report"),
            _table(lazy("Audit trail"), "members_event", "policy", "report"),
            _table(lazy("What runs by itself"), "loyalty_nightlyrun", "bedtime", "report"),
        ),
    ),
    (
        lazy("Settings"),
        (
            _table(lazy("Shops"), "members_shop", "store", "shops"),
            _table(lazy("Staff"), "members_staff", "badge", "staff"),
            _table(lazy("Articles"), "loyalty_product", "coffee", "report"),
            _table(lazy("Categories"), "loyalty_category", "category", "report"),
            _table(lazy("Rule versions"), "loyalty_ruleset", "rule", "report"),
        ),
    ),
)


def place_of(url: str) -> tuple[Promise | None, Promise] | None:
    """The names of the group and of the page at this address, by its route."""
    for name, pages in GROUPS:
        for page in pages:
            if page.url == url:
                return name, page.title
    return None


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
