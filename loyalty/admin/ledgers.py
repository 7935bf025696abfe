"""The ledgers and the coupons in members' hands: facts, to look at."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)
from unfold.paginator import InfinitePaginator

from loyalty.admin.filters import DaysFilter
from loyalty.admin.orders import by_member_or_number, member_link, order_link
from loyalty.card import bills
from loyalty.models import Coupon, CouponUse, Entry
from loyalty.money import format_yuan
from members import clock
from members.admin.base import ReadOnlyAdmin
from members.admin.views import SavedViewsMixin


@admin.register(Entry)
class EntryAdmin(SavedViewsMixin, ReadOnlyAdmin):
    """Every movement of points, principal and bonus, the newest first."""

    list_display = (
        "at",
        "who",
        "account_kind",
        "movement",
        "after",
        "side_words",
        "purchase",
        "note",
    )
    list_display_links = None
    list_filter = (
        ("account__kind", ChoicesDropdownFilter),
        ("side", ChoicesDropdownFilter),
        ("at", DaysFilter),
    )
    list_select_related = ("account__member", "refund")
    paginator = InfinitePaginator  # millions of rows: counting them would be the slowest part
    ordering = ("-pk",)
    search_fields = ("reason",)
    search_help_text = lazy("The member")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        if not search_term.strip():
            return queryset, False
        found = by_member_or_number(
            queryset, search_term, numbers=Q(pk__in=()), member="account__member"
        )
        return found, False

    @admin.display(description=lazy("member"))
    def who(self, entry: Entry) -> SafeString | str:
        return member_link(entry.account.member)

    @admin.display(description=lazy("account"))
    def account_kind(self, entry: Entry) -> str:
        return entry.account.get_kind_display()

    @admin.display(description=lazy("change"))
    def movement(self, entry: Entry) -> str:
        sign = "+" if entry.delta > 0 else "−"
        return sign + _amount(entry, abs(entry.delta))

    @admin.display(description=lazy("balance after"))
    def after(self, entry: Entry) -> str:
        return _amount(entry, entry.balance_after)

    @admin.display(description=lazy("why"))
    def side_words(self, entry: Entry) -> str:
        return entry.get_side_display()

    @admin.display(description=lazy("purchase"))
    def purchase(self, entry: Entry) -> SafeString | str:
        return order_link(entry.order_id or (entry.refund.order_id if entry.refund else None))

    @admin.display(description=lazy("comment"))
    def note(self, entry: Entry) -> str:
        return entry.reason or "–"


def _amount(entry: Entry, number: int) -> str:
    return f"{number:,}" if entry.account.kind == "points" else format_yuan(number)


@admin.register(Coupon)
class CouponAdmin(SavedViewsMixin, ReadOnlyAdmin):
    """The coupons that members hold or held."""

    see = "redeem"
    list_display = (
        "code",
        "template",
        "who",
        "state",
        "left",
        "issued",
        "last_day",
        "given_for",
        "used_in",
    )
    list_display_links = None
    list_filter = (
        ("template", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("issued_at", DaysFilter),
    )
    list_select_related = ("template", "member")
    paginator = InfinitePaginator
    ordering = ("-pk",)
    search_fields = ("code",)
    search_help_text = lazy("The coupon’s code, or the member")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Coupon], search_term: str
    ) -> tuple[QuerySet[Coupon], bool]:
        words = "".join(search_term.split())
        if not words:
            return queryset, False
        return by_member_or_number(queryset, search_term, numbers=Q(code=words)), False

    @admin.display(description=lazy("member"))
    def who(self, coupon: Coupon) -> SafeString | str:
        return member_link(coupon.member)

    @admin.display(description=lazy("status"))
    def state(self, coupon: Coupon) -> str:
        return coupon.get_status_display()

    @admin.display(description=lazy("uses left"))
    def left(self, coupon: Coupon) -> Any:
        return coupon.uses_left

    @admin.display(description=lazy("issued"), ordering="issued_at")
    def issued(self, coupon: Coupon) -> dt.date:
        return clock.local_date(coupon.issued_at)

    @admin.display(description=lazy("usable through"), ordering="expires_at")
    def last_day(self, coupon: Coupon) -> dt.date:
        return clock.local_date(coupon.expires_at - dt.timedelta(seconds=1))

    @admin.display(description=lazy("given for"))
    def given_for(self, coupon: Coupon) -> str:
        return str(bills.SOURCES.get(coupon.source, coupon.source))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """In which purchases the page's coupons were used, read for all of them at once."""
        changelist = super().get_changelist_instance(request)
        shown = {coupon.pk: coupon for coupon in changelist.result_list}
        uses = CouponUse.objects.filter(coupon__in=shown, returned=False).order_by("order_id")
        found: dict[int, list[int]] = {}
        for coupon_id, order_id in uses.values_list("coupon_id", "order_id"):
            found.setdefault(coupon_id, []).append(order_id)
        for coupon in changelist.result_list:
            coupon.orders = found.get(coupon.pk, [])
        return changelist

    @admin.display(description=lazy("used in"))
    def used_in(self, coupon: Any) -> SafeString | str:
        links = [(order_link(order_id),) for order_id in coupon.orders]
        return format_html_join(" ", "{}", links) or "–"
