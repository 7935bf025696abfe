"""The list of members: found, filtered, tagged, taken out as a spreadsheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext, pgettext
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

from loyalty.admin import bulk, member_forms, member_merge, member_page, sheets
from loyalty.models import Account
from loyalty.money import format_yuan
from members import clock
from members.admin.base import OfficeAdmin, may_do, person_of
from members.admin.views import SavedViewsMixin
from members.errors import Refusal
from members.models import Member, Tag
from members.selectors import find
from members.services import looking, tags
from members.text import row_number

FOUND = 200  # members a search lists at most
VISITS = {
    "30": (0, 30, lazy("in the last 30 days")),
    "90": (30, 90, lazy("31 to 90 days ago")),
    "180": (90, 180, lazy("91 to 180 days ago")),
    "more": (180, None, lazy("longer ago")),
}


class LastVisit(DropdownFilter):
    """By how long ago the last purchase was."""

    title = lazy("last purchase")
    parameter_name = "visit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = [(key, str(name)) for key, (_from, _to, name) in VISITS.items()]
        return [*names, ("never", _("never bought"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        value = self.value()
        if value == "never":
            return queryset.filter(stats__last_order_at__isnull=True)
        if value not in VISITS:
            return queryset
        newest, oldest, _name = VISITS[value]
        today = clock.start_of_day(clock.local_date(clock.now()))
        rows = queryset.filter(stats__last_order_at__lt=today - dt.timedelta(days=newest - 1))
        if oldest is None:
            return rows
        return rows.filter(stats__last_order_at__gte=today - dt.timedelta(days=oldest - 1))


class Holds(DropdownFilter):
    """By what they have."""

    title = lazy("holds")
    parameter_name = "holds"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("value", _("stored value")),
            ("points", _("points")),
            ("coupons", _("usable coupons")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Member]) -> QuerySet[Member]:
        with_balance = Account.objects.filter(balance__gt=0).values("member")
        match self.value():
            case "value":
                return queryset.filter(pk__in=with_balance.filter(kind__in=("principal", "bonus")))
            case "points":
                return queryset.filter(pk__in=with_balance.filter(kind="points"))
            case "coupons":
                return queryset.filter(
                    Q(coupons__status="active", coupons__expires_at__gt=clock.now())
                ).distinct()
        return queryset


def balance_of(kind: str) -> Subquery:
    """A member's balance of one kind, as a column."""
    rows = Account.objects.filter(member=OuterRef("pk"), kind=kind)
    return Subquery(rows.values("balance")[:1])


@admin.register(Member)
class MemberAdmin(SavedViewsMixin, OfficeAdmin):
    see = "find"
    change = "edit_member"
    actions = ["give_coupon", "put_tag_on", "take_tag_off"]
    list_display = (
        "who",
        "tier",
        "points",
        "value",
        "last_order",
        "orders",
        "tag_names",
        "status_words",
    )
    list_filter = (
        ("stats__tier", RelatedDropdownFilter),
        LastVisit,
        Holds,
        ("tags", RelatedDropdownFilter),
        ("joined_shop", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
    )
    search_fields = ("pinyin",)  # the search itself is the counter's own, below
    search_help_text = lazy("Last four digits, whole phone or card number, name or its initials")
    ordering = ("-pk",)
    list_before_template = "admin/members_before.html"

    # --- the list --------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        rows: QuerySet[Member] = (
            super()
            .get_queryset(request)
            .select_related("stats__tier")
            .prefetch_related(Prefetch("tags", to_attr="known_tags"))
            .annotate(
                points_balance=balance_of("points"),
                principal_balance=balance_of("principal"),
                bonus_balance=balance_of("bonus"),
            )
        )
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        if not search_term.strip():
            return queryset, False
        found = find.search(search_term, limit=FOUND)
        return queryset.filter(pk__in=[member.pk for member in found]), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Who may not see phones in full sees names as a bystander does."""
        changelist = super().get_changelist_instance(request)
        is_known = may_do(request, "see_phone")
        for member in changelist.result_list:
            member.called = member.name if is_known else member.masked_name
        return changelist

    @admin.display(description=lazy("member"))
    def who(self, member: Any) -> str:
        return format_html(
            '<span class="ht-strong">{}</span><br><span class="ht-soft">{}</span>',
            member.called or _("no name"),
            member.masked_phone or member.external_no or "",
        )

    @admin.display(description=lazy("tier"), ordering="stats__tier__rank")
    def tier(self, member: Member) -> str:
        tier = member.stats.tier if hasattr(member, "stats") else None
        return tier.name if tier else "–"

    @admin.display(description=lazy("points"), ordering="points_balance")
    def points(self, member: Any) -> str:
        return f"{member.points_balance or 0:,}"

    @admin.display(description=lazy("stored value"), ordering="principal_balance")
    def value(self, member: Any) -> str:
        return format_yuan((member.principal_balance or 0) + (member.bonus_balance or 0))

    @admin.display(description=lazy("last purchase"), ordering="stats__last_order_at")
    def last_order(self, member: Member) -> dt.date | str:
        at = member.stats.last_order_at if hasattr(member, "stats") else None
        return clock.local_date(at) if at else "–"

    @admin.display(description=lazy("purchases"), ordering="stats__orders_count")
    def orders(self, member: Member) -> int:
        return member.stats.orders_count if hasattr(member, "stats") else 0

    @admin.display(description=lazy("tags"))
    def tag_names(self, member: Any) -> str:
        return "、".join(tag.name for tag in member.known_tags) or "–"

    @admin.display(description=lazy("status"), ordering="status")
    def status_words(self, member: Member) -> str:
        return str(Member.Status(member.status).label)

    # --- many at once ----------------------------------------------------------------------------
    def has_give_permission(self, request: HttpRequest) -> bool:
        return may_do(request, "give_coupons")

    @admin.action(description=lazy("Give a coupon"), permissions=["give"])
    def give_coupon(self, request: HttpRequest, queryset: QuerySet[Member]) -> HttpResponse:
        return bulk.give(request, queryset, model_admin=self)

    def has_tag_permission(self, request: HttpRequest) -> bool:
        return may_do(request, "edit_member")

    @admin.action(description=lazy("Put a tag on"), permissions=["tag"])
    def put_tag_on(self, request: HttpRequest, queryset: QuerySet[Member]) -> HttpResponse | None:
        return self._tag(request, queryset, on=True)

    @admin.action(description=lazy("Take a tag off"), permissions=["tag"])
    def take_tag_off(self, request: HttpRequest, queryset: QuerySet[Member]) -> HttpResponse | None:
        return self._tag(request, queryset, on=False)

    def _tag(
        self, request: HttpRequest, queryset: QuerySet[Member], *, on: bool
    ) -> HttpResponse | None:
        """Ask which tag, then do it; how many were touched is said."""
        tag_id = row_number(request.POST.get("tag", ""))
        ids = list(queryset.order_by().values_list("pk", flat=True))
        if not tag_id:
            context = {
                **self.admin_site.each_context(request),
                "title": _("Put a tag on") if on else _("Take a tag off"),
                "tags": Tag.objects.all(),
                "count": len(ids),
                "action": "put_tag_on" if on else "take_tag_off",
                "selected": request.POST.getlist("_selected_action"),
                "across": request.POST.get("select_across", "0"),
            }
            return TemplateResponse(request, "admin/choose_tag.html", context)
        service = tags.put_on if on else tags.take_off
        try:
            count = service(tag_id=tag_id, member_ids=ids, actor=person_of(request), at=clock.now())
        except Refusal as refusal:
            messages.error(request, str(refusal.message))
            return None
        messages.success(
            request,
            ngettext("%(count)s member changed.", "%(count)s members changed.", count)
            % {"count": f"{count:,}"},
        )
        return None

    # --- out of the house ------------------------------------------------------------------------
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        extra = {
            "may_export": may_do(request, "export"),
            "export_url": f"{reverse('admin:members_member_export')}?{request.GET.urlencode()}",
        }
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    def export(self, request: HttpRequest) -> HttpResponse:
        """What the list shows with its filters, as a spreadsheet; who took it is written down."""
        changelist = self.get_changelist_instance(request)
        rows = changelist.get_queryset(request).order_by("pk")
        try:
            looking.note_export(
                what="members",
                rows=rows.count(),
                filters=request.GET.dict(),
                actor=person_of(request),
                at=clock.now(),
            )
        except Refusal as refusal:
            raise PermissionDenied from refusal
        head = [
            pgettext("of a person", "name"),
            _("phone"),
            _("tier"),
            _("points"),
            _("principal"),
            _("bonus"),
            _("purchases"),
            _("net spend"),
            _("last purchase"),
            _("joined"),
            _("tags"),
            _("status"),
        ]
        return sheets.xlsx("members", head, _cells(rows))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [path("export/", wrap(self.export), name="members_member_export")]
        own += [
            path(
                f"<int:member_id>/{address}",
                wrap(view),
                {"model_admin": self},
                name=f"members_member_{name}",
            )
            for address, name, view in (
                *member_page.ROUTES,
                *member_forms.ROUTES,
                *member_merge.ROUTES,
            )
        ]
        urls: list[URLPattern] = own + super().get_urls()
        return urls

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return member_page.show(request, object_id, model_admin=self)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        return member_forms.join(request, model_admin=self)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_do(request, "join")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _yuan(fen: int | None) -> Decimal:
    """A number, which a spreadsheet can add up."""
    return Decimal(fen or 0) / 100


def _cells(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    for member in rows.iterator(chunk_size=2000):
        stats = getattr(member, "stats", None)
        last = stats.last_order_at if stats else None
        yield [
            member.name,
            (member.phone or "").removeprefix("+86"),
            stats.tier.name if stats and stats.tier else "",
            member.points_balance or 0,
            _yuan(member.principal_balance),
            _yuan(member.bonus_balance),
            stats.orders_count if stats else 0,
            _yuan(stats.net_fen if stats else 0),
            clock.local_date(last) if last else "",
            clock.local_date(member.joined_at),
            "、".join(tag.name for tag in member.known_tags),
            member.get_status_display(),
        ]
