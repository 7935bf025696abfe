"""Who did what, when: every event in a sentence, never changed, never deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from loyalty.admin import events_words
from loyalty.admin.filters import DaysFilter, days_of
from loyalty.admin.orders import by_member_or_number, member_link, order_link
from loyalty.selectors import trail
from members import clock
from members.admin.base import ReadOnlyAdmin, person_of
from members.admin.views import SavedViewsMixin
from members.models import Event, Shop, Staff
from members.services.staff import staff_shops
from members.text import row_number

# What the audit trail can be narrowed down to.
KINDS: dict[str, Promise] = {
    "settled": lazy("purchases"),
    "refunded": lazy("refunds"),
    "voided": lazy("purchases undone"),
    "topped_up": lazy("top-ups"),
    "balance_adjusted": lazy("corrections of balances"),
    "approval_asked": lazy("requests for a second person"),
    "approval_declined": lazy("requests declined"),
    "approval_withdrawn": lazy("requests withdrawn"),
    "tier_changed": lazy("changes of tier"),
    "tier_bought": lazy("upgrades for points"),
    "tier_purchase_undone": lazy("upgrades undone"),
    "benefit_redeemed": lazy("special benefits used and things lent"),
    "loan_returned": lazy("things brought back"),
    "loan_written_off": lazy("things written off"),
    "joined": lazy("new members"),
    "member_updated": lazy("corrections of data"),
    "phone_changed": lazy("changes of phone"),
    "phone_seen": lazy("phones looked at"),
    "frozen": lazy("cards frozen"),
    "unfrozen": lazy("cards unfrozen"),
    "closed": lazy("memberships ended"),
    "tagged": lazy("tags put on"),
    "merged": lazy("merged cards"),
    "note_added": lazy("notes written"),
    "coupon_given": lazy("coupons given to many, each"),
    "bulk_issue_started": lazy("coupons given to many"),
    "rules_published": lazy("changes of rules"),
    "rule_planned": lazy("planned changes of rules"),
    "rule_plan_failed": lazy("changes of rules that could not be applied"),
    "row_changed": lazy("changes of settings"),
    "row_added": lazy("additions to settings"),
    "row_removed": lazy("deletions from settings"),
    "exported": lazy("lists taken out"),
    "pin_set": lazy("PINs set"),
}


class What(DropdownFilter):
    title = lazy("what")
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, str(name)) for kind, name in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ByWhom(RelatedDropdownFilter):
    """Whoever did it, or approved it as the second person."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        chosen = row_number(str(self.value() or ""))
        if not chosen:
            return queryset
        return queryset.filter(Q(staff=chosen) | Q(data__approver=chosen))


def _shops_seen(person: Staff) -> list[int]:
    """The shops whose events somebody sees: an owner's, the closed ones too."""
    shops = Shop.objects.all() if person.role == Staff.Role.OWNER else staff_shops(person)
    return list(shops.values_list("pk", flat=True))


@admin.register(Event)
class EventAdmin(SavedViewsMixin, ReadOnlyAdmin):
    list_display = ("at", "what", "who", "purchase", "by", "shop")
    list_display_links = None
    list_filter = (
        What,
        ("at", DaysFilter),
        ("staff", ByWhom),
        ("shop", RelatedDropdownFilter),
    )
    list_select_related = ("member", "staff", "shop")
    paginator = InfinitePaginator
    ordering = ("-pk",)
    search_fields = ("kind",)
    search_help_text = lazy("The member, or a purchase: #123, its receipt’s number, or ¥38.50")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """A manager sees what happened in their shops, and to members outside of any shop."""
        rows = super().get_queryset(request)
        person = person_of(request)
        if person.role == Staff.Role.OWNER:
            return rows
        return rows.filter(
            Q(shop__in=staff_shops(person)) | Q(shop__isnull=True, member__isnull=False)
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        first, last = days_of(request.GET, "at")
        ids = trail.events_of(
            words,
            shop_ids=_shops_seen(person_of(request)),
            first=first,
            last=last,
            today=clock.local_date(clock.now()),
        )
        return by_member_or_number(queryset, words, numbers=Q(pk__in=ids)), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's events are put into words together: their names are read once."""
        changelist = super().get_changelist_instance(request)
        names = events_words.names_in(changelist.result_list)
        for event in changelist.result_list:
            event.told = events_words.tell(event, names)
        return changelist

    @admin.display(description=lazy("what"))
    def what(self, event: Any) -> SafeString:
        return format_html('{} <span class="ht-soft">{}</span>', event.told.text, event.told.note)

    @admin.display(description=lazy("member"))
    def who(self, event: Event) -> SafeString | str:
        return member_link(event.member)

    @admin.display(description=lazy("purchase"))
    def purchase(self, event: Any) -> SafeString | str:
        return order_link(event.told.order_id)

    @admin.display(description=lazy("by"))
    def by(self, event: Any) -> str:
        return event.told.by or "–"
