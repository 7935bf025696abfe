"""What is lent out: a list for everybody, and each member's things on their page."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator

from loyalty.admin.orders import by_member_or_number, member_link
from loyalty.counter import loan_words
from loyalty.models import Loan
from loyalty.services import loans
from members import clock
from members.admin.base import ReadOnlyAdmin, may_do, person_of
from members.admin.views import SavedViewsMixin
from members.errors import Refusal
from members.models import Member
from members.registry import Shown
from members.services.staff import staff_shops

Status = Loan.Status
ENDED_SHOWN = 5


class State(DropdownFilter):
    """What is out, unless somebody asks for more."""

    title = lazy("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("overdue", _("overdue")),
            ("over", _("no longer out")),
            ("all", _("all of them")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Loan]) -> QuerySet[Loan]:
        match self.value():
            case "overdue":
                today = clock.local_date(clock.now())
                return queryset.filter(status=Status.OPEN, due_on__lt=today)
            case "over":
                return queryset.exclude(status=Status.OPEN)
            case "all":
                return queryset
        return queryset.filter(status=Status.OPEN)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            form = choice.get("form")
            if form is not None:
                field = form.fields[self.parameter_name]
                field.choices = [("", _("out")), *list(field.choices)[1:]]
            yield choice


@admin.register(Loan)
class LoanAdmin(SavedViewsMixin, ReadOnlyAdmin):
    """Loans of one's own shops, the soonest due first."""

    see = "redeem"
    shop_lookup = "shop"
    list_display = ("what", "who", "due", "lent", "shop", "benefit", "by")
    list_display_links = None
    list_filter = (
        State,
        ("shop", RelatedDropdownFilter),
        ("benefit", RelatedDropdownFilter),
    )
    list_select_related = ("benefit", "member", "shop", "staff")
    paginator = InfinitePaginator
    ordering = ("due_on", "pk")
    search_fields = ("thing",)
    search_help_text = lazy("What was lent, or the member")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Loan], search_term: str
    ) -> tuple[QuerySet[Loan], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        by_thing = Q(thing__icontains=words)
        return by_member_or_number(queryset, words, numbers=by_thing), False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:loan_id>/back/", wrap(self.back_view), name="loyalty_loan_back"),
            path("<int:loan_id>/write-off/", wrap(self.off_view), name="loyalty_loan_write_off"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description=lazy("thing"), ordering="thing")
    def what(self, loan: Loan) -> str:
        return loan.thing or "–"

    @admin.display(description=lazy("member"))
    def who(self, loan: Loan) -> SafeString | str:
        return member_link(loan.member)

    @admin.display(description=lazy("due back"), ordering="due_on")
    def due(self, loan: Loan) -> SafeString:
        return _state(loan, clock.local_date(clock.now()))

    @admin.display(description=lazy("lent"), ordering="lent_at")
    def lent(self, loan: Loan) -> dt.date:
        return loan.lent_on

    @admin.display(description=lazy("by"))
    def by(self, loan: Loan) -> str:
        return str(loan.staff or "–")

    def back_view(self, request: HttpRequest, loan_id: int) -> HttpResponse:
        """It lies here again."""
        loan = self._loan(request, loan_id)
        try:
            loans.bring_back(
                key=_key(request),
                loan_id=loan.pk,
                member_id=loan.member_id,
                shop=loan.shop,
                actor=person_of(request),
                at=clock.now(),
            )
        except Refusal as refusal:
            return _refused(request, refusal, loan)
        messages.success(request, _("Brought back: %(thing)s. Thank you.") % {"thing": loan})
        return _to_member(loan)

    def off_view(self, request: HttpRequest, loan_id: int) -> HttpResponse:
        """It is waited for no longer."""
        loan = self._loan(request, loan_id)
        try:
            loans.write_off(
                loan_id=loan.pk,
                member_id=loan.member_id,
                reason=request.POST.get("reason", ""),
                actor=person_of(request),
                at=clock.now(),
            )
        except Refusal as refusal:
            return _refused(request, refusal, loan)
        messages.success(request, _("Written off: %(thing)s.") % {"thing": loan})
        return _to_member(loan)

    def _loan(self, request: HttpRequest, loan_id: int) -> Loan:
        """A loan of one's own shops; of another shop's there is none."""
        if request.method != "POST":
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("benefit", "shop")
        found: Loan | None = rows.filter(pk=loan_id).first()
        if found is None:
            raise Http404
        return found


def _state(loan: Loan, today: dt.date) -> SafeString:
    """Until when, in colour while it is out."""
    if loan.status != Status.OPEN:
        return format_html('<span class="ht-soft">{}</span>', loan.get_status_display())
    words, tone = loan_words.due_words(loan.due_on, today)
    if tone == "ok":
        return format_html("{}", words)
    return format_html('<span class="ht-chip is-{}">{}</span>', tone, words)


def _key(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid.uuid4()


def _refused(request: HttpRequest, refusal: Refusal, loan: Loan) -> HttpResponse:
    if refusal.status == 403:
        raise PermissionDenied
    messages.error(request, str(refusal.message))
    return _to_member(loan)


def _to_member(loan: Loan) -> HttpResponse:
    return redirect(reverse("admin:members_member_change", args=[loan.member_id]))


def on_member_page(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """What they have out, what came back lately, and what may be done about it."""
    rows = member.loans.select_related("benefit", "shop")
    out = list(rows.filter(status=Status.OPEN).order_by("due_on", "pk"))
    ended = list(rows.exclude(status=Status.OPEN).order_by("-ended_at", "-pk")[:ENDED_SHOWN])
    if not out and not ended:
        return None
    today = clock.local_date(at)
    mine = set(staff_shops(person_of(request)).values_list("pk", flat=True))
    return Shown(
        "admin/loans_panel.html",
        {
            "loans": [
                {
                    "loan": loan,
                    "state": _state(loan, today),
                    "key": uuid.uuid4(),
                    "may_take_back": loan.shop_id in mine and may_do(request, "redeem"),
                    "may_write_off": loan.shop_id in mine and may_do(request, "adjust"),
                }
                for loan in out
            ],
            "ended": ended,
        },
    )
