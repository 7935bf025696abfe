"""What is changed about a member by hand: data, balances; and a new card."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from loyalty.admin.fields import YuanField
from loyalty.models import Account, Coupon
from loyalty.money import format_yuan
from loyalty.services import adjusting, approvals, joining, requests
from members import clock
from members.admin.base import may_do, person_of
from members.errors import Refusal
from members.models import Member, Shop, Staff
from members.services import members as member_service
from members.services.staff import staff_shops


def _page(
    request: HttpRequest, model_admin: Any, form: forms.BaseForm, title: str, **more: Any
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "form": form,
        "back": reverse("admin:members_member_changelist"),
        **more,
    }
    status = 400 if form.is_bound and form.errors else 200
    return TemplateResponse(request, "admin/plain_form.html", context, status=status)


def take_refusal(form: forms.BaseForm, refusal: Refusal) -> None:
    """A service's refusal, beside the field it is about."""
    field = refusal.field if refusal.field in form.fields else None
    form.add_error(field, str(refusal.message))


def _member(member_id: int) -> Member:
    member = Member.objects.filter(pk=member_id).first()
    if member is None:
        raise Http404
    return member


class DataForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Member
        fields = (
            "name",
            "gender",
            "birth_year",
            "birth_month",
            "birth_day",
            "region",
            "assigned_staff",
            "is_test",
        )
        widgets = {
            "name": UnfoldAdminTextInputWidget(),
            "gender": UnfoldAdminSelectWidget(),
            "birth_year": UnfoldAdminIntegerFieldWidget(),
            "birth_month": UnfoldAdminIntegerFieldWidget(),
            "birth_day": UnfoldAdminIntegerFieldWidget(),
            "region": UnfoldAdminTextInputWidget(),
            "assigned_staff": UnfoldAdminSelectWidget(),
            "is_test": UnfoldBooleanSwitchWidget(),
        }

    def _post_clean(self) -> None:
        """The service checks and stores; the form only reads."""


def edit(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Correct a member's data."""
    if not may_do(request, "edit_member"):
        raise PermissionDenied
    member = _member(member_id)
    here = reverse("admin:members_member_change", args=[member_id])
    form = DataForm(request.POST or None, instance=member)
    if request.method == "POST" and form.is_valid():
        try:
            member_service.update(
                member_id=member_id,
                changes=form.cleaned_data,
                actor=person_of(request),
                at=clock.now(),
            )
        except Refusal as refusal:
            take_refusal(form, refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect(here)
    return _page(request, model_admin, form, _("Correct data"), subtitle=str(member), back=here)


class AdjustForm(forms.Form):
    kind = forms.ChoiceField(
        label=lazy("account"),
        choices=Account.Kind.choices,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    points = forms.IntegerField(
        label=lazy("points to add, or with a minus to take"),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    amount = YuanField(
        label=lazy("yuan to add, or with a minus to take"), required=False, negative=True
    )
    reason = forms.CharField(
        label=lazy("why"),
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
        help_text=lazy("Kept with the change for ever; the member sees the correction."),
    )
    key = forms.UUIDField(widget=forms.HiddenInput())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        name = "points" if data.get("kind") == "points" else "amount"
        if data.get("kind") and name not in self.errors and not data.get(name):
            self.add_error(name, _("Enter how much to add or to take."))
        data["delta"] = data.get(name) or 0
        data["field"] = name
        return data


def adjust(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """Correct a balance: first what it would come to, then done, with the reason."""
    if not may_do(request, "adjust"):
        raise PermissionDenied
    member = _member(member_id)
    here = reverse("admin:members_member_change", args=[member_id])
    balances = dict(Account.objects.filter(member=member).values_list("kind", "balance"))
    form = AdjustForm(request.POST or None, initial={"kind": "points", "key": uuid.uuid4()})
    preview = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        at = clock.now()
        passed = approvals.limit_passed(
            person_of(request),
            member_id=member_id,
            account=data["kind"],
            delta=data["delta"],
            at=at,
        )
        preview = _preview(balances, data["kind"], data["delta"], limit=passed)
        if request.POST.get("seen") == preview["mark"]:
            try:
                done = _correct(request, member_id, data, waits=passed is not None, at=at)
            except Refusal as refusal:
                preview = None
                refusal.field = data["field"] if refusal.field == "delta" else refusal.field
                take_refusal(form, refusal)
            else:
                messages.success(request, done)
                return redirect(here)
    words = _("Ask a second person") if preview and preview["second"] else _("Correct it")
    return _page(
        request,
        model_admin,
        form,
        _("Correct a balance"),
        subtitle=str(member),
        back=here,
        preview=preview,
        submit=words if preview else _("What would it come to?"),
    )


def _correct(
    request: HttpRequest, member_id: int, data: dict[str, Any], *, waits: bool, at: dt.datetime
) -> str:
    """Correct it, or above one's own limit ask a second person; what was done, in words."""
    what: dict[str, Any] = {name: data[name] for name in ("key", "delta", "reason")}
    what |= {"member_id": member_id, "actor": person_of(request), "at": at}
    if waits:
        requests.ask_adjustment(account=data["kind"], **what)
        return _("It waits for a second person: another manager or the owner.")
    adjusting.adjust(kind=data["kind"], shop=None, **what)
    return _("The balance is corrected.")


def _preview(
    balances: dict[str, int], kind: str, delta: int, *, limit: int | None
) -> dict[str, str]:
    """``limit`` is one's own, where the correction passes it."""
    before = balances.get(kind, 0)

    def words(value: int) -> str:
        return f"{value:,}" if kind == "points" else format_yuan(value)

    return {
        "account": str(Account.Kind(kind).label),
        "before": words(before),
        "after": words(before + delta),
        "second": ""
        if limit is None
        else str(approvals.needed_words(approvals.kind_of(kind), limit)),
        "mark": f"{kind}:{before}:{delta}:{limit is None}",
    }


class JoinForm(forms.Form):
    phone = forms.CharField(
        label=lazy("phone"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget({"inputmode": "tel", "autocomplete": "off"}),
    )
    name = forms.CharField(
        label=pgettext_lazy("of a person", "name"),
        max_length=40,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    shop = forms.ModelChoiceField(
        label=lazy("shop"), queryset=Shop.objects.none(), widget=UnfoldAdminSelectWidget()
    )

    def __init__(self, *args: Any, person: Staff, **more: Any) -> None:
        super().__init__(*args, **more)
        shops = staff_shops(person)
        field = self.fields["shop"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = shops
        field.empty_label = None


def join(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Open a card by phone, as at the counter."""
    if not may_do(request, "join"):
        raise PermissionDenied
    person = person_of(request)
    form = JoinForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            member = joining.join(
                phone=data["phone"],
                name=data["name"],
                shop=data["shop"],
                actor=person,
                at=clock.now(),
                channel="office",
            )
        except Refusal as refusal:
            take_refusal(form, refusal)
        else:
            messages.success(request, _("The card is open."))
            return redirect("admin:members_member_change", member.pk)
    return _page(request, model_admin, form, _("Open a card"))


def close(request: HttpRequest, member_id: int, model_admin: Any) -> HttpResponse:
    """End a membership: first what lapses and what stands in the way, then done for good."""
    if not may_do(request, "close_member"):
        raise PermissionDenied
    member = _member(member_id)
    here = reverse("admin:members_member_change", args=[member_id])
    refusal_text = ""
    if request.method == "POST":
        try:
            member_service.close(member_id=member_id, actor=person_of(request), at=clock.now())
        except Refusal as refusal:
            refusal_text = str(refusal.message)
        else:
            messages.success(request, _("The membership has ended. Who it was is forgotten."))
            return redirect(here)
    balances = dict(Account.objects.filter(member=member).values_list("kind", "balance"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("End the membership"),
        "opts": model_admin.opts,
        "member": member,
        "balances": balances,
        "coupons": Coupon.objects.filter(member=member, status=Coupon.Status.ACTIVE).count(),
        "refusal": refusal_text,
        "adjust": reverse("admin:members_member_adjust", args=[member_id]),
        "back": here,
    }
    status = 409 if refusal_text else 200
    return TemplateResponse(request, "admin/member_close.html", context, status=status)


ROUTES = (
    ("edit/", "edit", edit),
    ("adjust/", "adjust", adjust),
    ("close/", "close", close),
)
