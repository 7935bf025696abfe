"""What waits for a second person: a list, a page to decide on, and each member's on theirs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from loyalty.admin.approval_events import asked_words
from loyalty.admin.orders import by_member_or_number, member_link
from loyalty.models import Account, Approval, OrderLine
from loyalty.money import format_yuan
from loyalty.selectors.approvals import seen_by, waiting_for
from loyalty.services import approvals, requests
from members import clock
from members.admin.base import ReadOnlyAdmin, may_do, person_of
from members.errors import Refusal
from members.models import Member
from members.registry import Shown
from members.text import row_number

Status = Approval.Status
LIST = "admin:loyalty_approval_changelist"
ENDED_SHOWN = 3
OLD = dt.timedelta(days=3)  # from here on a waiting request is marked
TONES = {Status.APPROVED: "ok", Status.DECLINED: "bad", Status.WAITING: "warn"}


class State(DropdownFilter):
    """What waits, unless somebody asks for more."""

    title = lazy("status")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("mine", _("waits for me")),
            ("over", _("no longer waits")),
            ("all", _("all of them")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        match self.value():
            case "mine":
                return queryset.filter(pk__in=waiting_for(person_of(request)).values("pk"))
            case "over":
                return queryset.exclude(status=Status.WAITING)
            case "all":
                return queryset
        return queryset.filter(status=Status.WAITING)

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            form = choice.get("form")
            if form is not None:
                field = form.fields[self.parameter_name]
                field.choices = [("", _("waits")), *list(field.choices)[1:]]
            yield choice


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """The longest waiting first; each row opens the page where it is decided."""

    see = "approve"
    list_display = ("what", "who", "reason", "asked_by", "age", "state", "decided_by", "shop")
    list_display_links = ("what",)
    list_filter = (State, ("asked_by", RelatedDropdownFilter), ("shop", RelatedDropdownFilter))
    list_select_related = ("member", "asked_by", "decided_by", "shop")
    ordering = ("-pk",)
    search_fields = ("reason",)
    search_help_text = lazy("The reason, or the member")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        return seen_by(person_of(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Approval], search_term: str
    ) -> tuple[QuerySet[Approval], bool]:
        words = search_term.strip()
        if not words:
            return queryset, False
        by_reason = Q(reason__icontains=words)
        return by_member_or_number(queryset, words, numbers=by_reason), False

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                f"<int:approval_id>/{name}/",
                wrap(self._decides(service, words)),
                name=f"loyalty_approval_{name}",
            )
            for name, (service, words) in DECISIONS.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description=lazy("what"), ordering="kind")
    def what(self, row: Approval) -> str:
        return words_of(row)

    @admin.display(description=lazy("member"))
    def who(self, row: Approval) -> SafeString | str:
        return member_link(row.member)

    @admin.display(description=lazy("asked"), ordering="pk")
    def age(self, row: Approval) -> SafeString:
        return age_chip(row, clock.now())

    @admin.display(description=lazy("status"), ordering="status")
    def state(self, row: Approval) -> SafeString:
        return state_chip(row)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What was asked for, by whom, and what it would come to; decided here."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, self._row(request, row_number(object_id)))

    def _row(self, request: HttpRequest, approval_id: int) -> Approval:
        """A request of one's own shops; of another shop's there is none."""
        rows = self.get_queryset(request).select_related(
            "member", "order", "asked_by", "decided_by", "shop"
        )
        found = rows.filter(pk=approval_id).first()
        if found is None:
            raise Http404
        return found

    def _page(
        self, request: HttpRequest, row: Approval, refusal: Refusal | None = None
    ) -> HttpResponse:
        person = person_of(request)
        is_waiting = row.status == Status.WAITING
        context = {
            **self.admin_site.each_context(request),
            "title": words_of(row),
            "opts": self.opts,
            "row": row,
            "state": state_chip(row),
            "age": age_chip(row, clock.now()),
            "member_link": member_link(row.member),
            "balance": _balance(row) if is_waiting else None,
            "lines": _lines(row),
            "may_decide": is_waiting
            and approvals.may_second(person, asker=row.asked_by, shop=row.shop),
            "is_mine": is_waiting and row.asked_by_id == person.pk,
            "refusal": str(refusal.message) if refusal else "",
            "answer": request.POST.get("reason", ""),
            "back": reverse(LIST),
        }
        status = refusal.status if refusal else 200
        return TemplateResponse(request, "admin/approval.html", context, status=status)

    def _decides(
        self, service: Callable[..., object], words: Callable[[], str]
    ) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, approval_id: int) -> HttpResponse:
            if request.method != "POST" or not self.has_view_permission(request):
                raise PermissionDenied
            row = self._row(request, approval_id)
            what: dict[str, Any] = {"approval_id": row.pk, "actor": person_of(request)}
            if service is requests.decline:
                what["reason"] = request.POST.get("reason", "")
            try:
                service(**what, at=clock.now())
            except Refusal as refusal:
                if refusal.status == 403:
                    raise PermissionDenied from None
                return self._page(request, self._row(request, approval_id), refusal)
            messages.success(request, words())
            return redirect(LIST)

        return view


DECISIONS: dict[str, tuple[Callable[..., object], Callable[[], str]]] = {
    "approve": (requests.approve, lambda: _("Approved and done.")),
    "decline": (requests.decline, lambda: _("Declined. Whoever asked sees the reason.")),
    "withdraw": (requests.withdraw, lambda: _("Withdrawn.")),
}


def words_of(row: Approval) -> str:
    """What was asked for, in a few words."""
    return asked_words(
        {"what": row.kind, "amount": row.amount, "account": row.account, "order": row.order_id}
    )


def state_chip(row: Approval) -> SafeString:
    tone = TONES.get(Status(row.status), "")
    return format_html(
        '<span class="ht-chip{}">{}</span>', f" is-{tone}" if tone else "", row.get_status_display()
    )


def age_chip(row: Approval, at: dt.datetime) -> SafeString:
    """Since when it waits, marked when that is long."""
    days = (clock.local_date(at) - clock.local_date(row.asked_at)).days
    words = (
        ngettext("%(days)s day ago", "%(days)s days ago", days) % {"days": days}
        if days > 0
        else _("today")
    )
    if row.status == Status.WAITING and at - row.asked_at >= OLD:
        return format_html('<span class="ht-chip is-warn">{}</span>', words)
    return format_html("{}", words)


def _balance(row: Approval) -> dict[str, str] | None:
    """What a correction would come to now."""
    if row.kind != Approval.Kind.ADJUST:
        return None
    account = Account.objects.filter(member=row.member, kind=row.account).first()
    before = account.balance if account else 0

    def words(value: int) -> str:
        return f"{value:,}" if row.account == "points" else format_yuan(value)

    return {"before": words(before), "after": words(before + row.amount)}


def _lines(row: Approval) -> list[tuple[str, int]]:
    """(article, how many) of a refund by lines."""
    if not row.lines:
        return []
    names = dict(OrderLine.objects.filter(order=row.order_id).values_list("index", "name"))
    return [(names.get(index, "") or "–", count) for index, count in row.lines]


def on_member_page(member: Member, request: HttpRequest, at: dt.datetime) -> Shown | None:
    """What waits for a second person, and what was decided lately."""
    if not may_do(request, "approve"):
        return None
    rows = (
        seen_by(person_of(request)).filter(member=member).select_related("asked_by", "decided_by")
    )
    waiting = list(rows.filter(status=Status.WAITING).order_by("pk"))
    ended = list(rows.exclude(status=Status.WAITING).order_by("-decided_at", "-pk")[:ENDED_SHOWN])
    if not waiting and not ended:
        return None
    return Shown(
        "admin/approvals_panel.html",
        {
            "rows": [
                {
                    "row": row,
                    "words": words_of(row),
                    "state": state_chip(row),
                    "age": age_chip(row, at),
                }
                for row in (*waiting, *ended)
            ]
        },
    )
