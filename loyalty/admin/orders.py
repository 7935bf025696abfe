"""Sales, refunds and top-ups as they were written: nobody changes them by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateFilter,
    RelatedDropdownFilter,
)

from loyalty.counter import presenters, wording
from loyalty.models import Approval, Order, Refund, TopUp
from loyalty.money import format_yuan
from loyalty.selectors import sales, sold
from loyalty.selectors.approvals import seen_by
from loyalty.services.again import Again, settle_again
from members.admin.base import ReadOnlyAdmin, may_do, person_of
from members.admin.views import SavedViewsMixin
from members.models import Member
from members.selectors import find
from members.text import row_number

FOUND = 50


def member_link(member: Member | None) -> SafeString | str:
    """A member's masked name, leading to their page."""
    if member is None:
        return "–"
    address = reverse("admin:members_member_change", args=[member.pk])
    return format_html(
        '<a class="ht-link" href="{}">{}</a>',
        address,
        member.masked_name or member.masked_phone or f"#{member.pk}",
    )


def order_link(order_id: int | None) -> SafeString | str:
    if order_id is None:
        return "–"
    address = reverse("admin:loyalty_order_change", args=[order_id])
    return format_html('<a class="ht-link" href="{}">#{}</a>', address, order_id)


def by_member_or_number(
    queryset: QuerySet[Any], words: str, *, numbers: Q, member: str = "member"
) -> QuerySet[Any]:
    """Rows with this number, or of the members found by these words."""
    found = [person.pk for person in find.search(words, limit=FOUND)]
    return queryset.filter(numbers | Q(**{f"{member}__in": found}))


@admin.register(Order)
class OrderAdmin(SavedViewsMixin, ReadOnlyAdmin):
    see = "sell"
    shop_lookup = "shop"
    list_display = (
        "number",
        "at",
        "shop",
        "who",
        "gross",
        "net",
        "stored",
        "points_words",
        "staff",
        "state",
    )
    list_filter = (
        ("local_date", RangeDateFilter),
        ("shop", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("tier", RelatedDropdownFilter),
    )
    list_select_related = ("shop", "member", "staff")
    search_fields = ("external_no",)
    search_help_text = lazy("Number of the purchase or receipt, or the member")
    ordering = ("-local_date", "-pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        words = search_term.strip().removeprefix("#")
        if not words:
            return queryset, False
        numbers = Q(external_no=words)
        if words.isascii() and words.isdigit() and len(words) < 16:
            numbers |= Q(pk=int(words))
        return by_member_or_number(queryset, words, numbers=numbers), False

    @admin.display(description=lazy("purchase"), ordering="pk")
    def number(self, order: Order) -> str:
        return f"#{order.pk}"

    @admin.display(description=lazy("member"))
    def who(self, order: Order) -> SafeString | str:
        return member_link(order.member)

    @admin.display(description=lazy("before discounts"), ordering="gross_fen")
    def gross(self, order: Order) -> str:
        return format_yuan(order.gross_fen)

    @admin.display(description=lazy("sales"))
    def net(self, order: Order) -> str:
        return format_yuan(order.net_fen)

    @admin.display(description=lazy("stored value"))
    def stored(self, order: Order) -> str:
        fen = order.principal_fen + order.bonus_fen
        return format_yuan(fen) if fen else "–"

    @admin.display(description=lazy("points"))
    def points_words(self, order: Order) -> str:
        earned = f"+{order.points_earned:,}" if order.points_earned else ""
        used = f"−{order.points_used:,}" if order.points_used else ""
        return " ".join(filter(None, (earned, used))) or "–"

    @admin.display(description=lazy("status"), ordering="status")
    def state(self, order: Order) -> str:
        return wording.state_words(order.status)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The sale with every step in words, and whether it comes out the same once more."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = (
            self.get_queryset(request)
            .select_related("tier", "ruleset")
            .prefetch_related("steps", "tenders", "refunds__staff", "refunds__approved_by")
            .filter(pk=row_number(object_id))
            .first()
        )
        if order is None:
            raise Http404
        again = settle_again(order)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Purchase %(number)s") % {"number": f"#{order.pk}"},
            "opts": self.opts,
            "order": order,
            "state": self.state(order),
            "member_link": member_link(order.member),
            "rows": sales.rows(order, sold.load(order)),
            "steps": [presenters.step_view(step) for step in order.steps.all()],
            "tenders": [
                (wording.tender_words(tender.kind), tender.amount_fen)
                for tender in order.tenders.all()
            ],
            "refunds": order.refunds.all(),
            "asked": self._asked(request, order),
            "again": again,
            "not_used": _not_used(again),
            "may_refund": may_do(request, "refund")
            and order.status in (Order.Status.SETTLED, Order.Status.PART_REFUNDED),
            "may_see_rules": may_do(request, "report"),
        }
        return TemplateResponse(request, "admin/order.html", context)

    def _asked(self, request: HttpRequest, order: Order) -> Approval | None:
        """What of this purchase waits for a second person."""
        if not may_do(request, "approve"):
            return None
        rows = seen_by(person_of(request)).filter(order=order, status=Approval.Status.WAITING)
        return rows.select_related("asked_by").first()


def _not_used(again: Again | None) -> list[dict[str, str]]:
    if again is None:
        return []
    return [
        {"name": wording.not_applied_title(other), "text": wording.reason_text(other)}
        for other in again.not_applied
    ]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    see = "refund"
    shop_lookup = "shop"
    list_display = (
        "order_number",
        "at",
        "shop",
        "who",
        "amount",
        "outside",
        "kind",
        "said",
        "staff",
        "approved_by",
    )
    list_display_links = None
    list_filter = (
        ("local_date", RangeDateFilter),
        ("shop", RelatedDropdownFilter),
    )
    list_select_related = ("shop", "staff", "approved_by", "order__member")
    ordering = ("-at", "-pk")
    search_fields = ("reason",)
    search_help_text = lazy("Number of the purchase, the member, or the reason")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        words = search_term.strip().removeprefix("#")
        if not words:
            return queryset, False
        numbers = Q(reason__icontains=words)
        if words.isascii() and words.isdigit() and len(words) < 16:
            numbers |= Q(order_id=int(words))
        return by_member_or_number(queryset, words, numbers=numbers, member="order__member"), False

    @admin.display(description=lazy("purchase"))
    def order_number(self, refund: Refund) -> SafeString | str:
        return order_link(refund.order_id)

    @admin.display(description=lazy("member"))
    def who(self, refund: Refund) -> SafeString | str:
        return member_link(refund.order.member)

    @admin.display(description=lazy("given back"), ordering="base_fen")
    def amount(self, refund: Refund) -> str:
        return format_yuan(refund.base_fen)

    @admin.display(description=lazy("of it paid out"))
    def outside(self, refund: Refund) -> str:
        if not refund.other_fen:
            return "–"
        return f"{format_yuan(refund.other_fen)} {wording.tender_words(refund.tender)}"

    @admin.display(description=lazy("reason"))
    def said(self, refund: Refund) -> str:
        return wording.why(refund.reason) or "–"

    @admin.display(description=lazy("kind"))
    def kind(self, refund: Refund) -> str:
        return _("undone the same day") if refund.is_void else _("refund")


@admin.register(TopUp)
class TopUpAdmin(SavedViewsMixin, ReadOnlyAdmin):
    see = "top_up"
    shop_lookup = "shop"
    list_display = ("at", "shop", "who", "paid", "bonus", "plan", "how", "staff", "state")
    list_display_links = None
    list_filter = (
        ("local_date", RangeDateFilter),
        ("shop", RelatedDropdownFilter),
        ("plan", RelatedDropdownFilter),
        ("tender", ChoicesDropdownFilter),
    )
    list_select_related = ("shop", "member", "plan", "staff")
    ordering = ("-at", "-pk")
    search_fields = ("tender",)
    search_help_text = lazy("The member")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TopUp], search_term: str
    ) -> tuple[QuerySet[TopUp], bool]:
        if not search_term.strip():
            return queryset, False
        return by_member_or_number(queryset, search_term, numbers=Q(pk__in=())), False

    @admin.display(description=lazy("member"))
    def who(self, top_up: TopUp) -> SafeString | str:
        return member_link(top_up.member)

    @admin.display(description=lazy("paid"), ordering="paid_fen")
    def paid(self, top_up: TopUp) -> str:
        return format_yuan(top_up.paid_fen)

    @admin.display(description=lazy("bonus"), ordering="bonus_fen")
    def bonus(self, top_up: TopUp) -> str:
        return format_yuan(top_up.bonus_fen) if top_up.bonus_fen else "–"

    @admin.display(description=lazy("tender"))
    def how(self, top_up: TopUp) -> str:
        return wording.tender_words(top_up.tender)

    @admin.display(description=lazy("status"))
    def state(self, top_up: TopUp) -> str:
        return _("undone") if top_up.undone_at else _("paid in")
