"""The one sheet of settings: what points are worth, rounding, the law's limits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from loyalty.admin.fields import PercentField, TimesField, YuanField
from loyalty.admin.gifts import items_of, pack_words
from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.counter.wording import TENDERS, points_words, times_words
from loyalty.models import GiftPack, Policy, StreakStep
from loyalty.money import format_yuan
from loyalty.services import rule_changes, rule_checks, rules
from loyalty.services.working import TENDERS as TENDERS_OUTSIDE
from members.admin.base import OfficeInline
from members.models import Staff

MAX_POINTS = 1_000_000_000
# 单用途商业预付卡管理办法: a registered card, and one that is not
LAWFUL_FEN = 500_000
LAWFUL_UNPROVED_FEN = 100_000


class PolicyForm(RuleForm):
    earn_per_yuan_pm = TimesField(label=lazy("points for each ¥1 paid"), unit=lazy("points"))
    step_value_fen = YuanField(label=lazy("take off"))
    points_cap_pm = PercentField(
        label=lazy("points pay at most, in percent of a purchase"),
        min_value=0,
        max_value=100,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    top_up_max_balance_fen = YuanField(label=lazy("most a card may hold"))
    top_up_max_unproved_fen = YuanField(
        label=lazy("most until its phone is confirmed"),
        help_text=lazy("A member confirms the phone by opening the card with a code by SMS."),
    )
    adjust_limit_fen = YuanField(
        label=lazy("correction of stored value alone up to"),
        required=False,
        help_text=lazy("Empty: nobody is asked. Corrections of a member in a day count together."),
    )
    adjust_limit_points = forms.IntegerField(
        label=lazy("correction of points alone up to"),
        required=False,
        min_value=0,
        max_value=MAX_POINTS,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=lazy("Empty: nobody is asked."),
    )
    refund_limit_fen = YuanField(
        label=lazy("refund alone up to"),
        required=False,
        help_text=lazy(
            "Empty: nobody is asked. Refunds of a purchase count together. Undoing one’s own sale"
            " within a minute needs nobody."
        ),
    )

    class Meta:
        model = Policy
        exclude = ("id", "ruleset")

    def more_state(self) -> dict[str, Any]:
        return {"streaks": rules.streaks(self.instance)}

    def check(self) -> None:
        rule_checks.check_policy(self.instance)


class StreakForm(forms.ModelForm):  # type: ignore[type-arg]
    days = forms.IntegerField(
        label=lazy("days running"),
        min_value=2,
        max_value=365,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    class Meta:
        model = StreakStep
        fields = ("days", "pack", "repeats")


class StreakInline(OfficeInline):
    model = StreakStep
    form = StreakForm
    verbose_name = lazy("gift for days running")
    verbose_name_plural = lazy("Gifts for checking in days running")


@admin.register(Policy)
class PolicyAdmin(RuleAdmin):
    change = "rules"
    addable = False
    form = PolicyForm
    inlines = (StreakInline,)
    preview_template = "admin/policy_preview.html"
    fieldsets = (
        (
            lazy("Points"),
            {
                "fields": (
                    "earn_per_yuan_pm",
                    "step_points",
                    "step_value_fen",
                    "points_cap_pm",
                    "points_minimum",
                    "points_months",
                    "checkin_points",
                )
            },
        ),
        (lazy("Welcome"), {"fields": ("welcome_pack",)}),
        (
            lazy("Approvals"),
            {"fields": ("refund_limit_fen", "adjust_limit_fen", "adjust_limit_points")},
        ),
        (
            lazy("Till"),
            {
                "fields": (
                    "rounding",
                    "default_tender",
                    "top_up_max_balance_fen",
                    "top_up_max_unproved_fen",
                )
            },
        ),
        (
            lazy("More"),
            {
                "classes": ["collapse"],
                "fields": (
                    "progress",
                    "clawback",
                    "earn_on_bonus",
                    "earn_on_points",
                    "points_grace_days",
                    "coupon_grace_days",
                ),
            },
        ),
    )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "default_tender":
            from_counter = [
                (kind, str(name)) for kind, name in TENDERS.items() if kind in TENDERS_OUTSIDE
            ]
            kwargs["widget"] = UnfoldAdminSelectWidget(choices=from_counter)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """There is one sheet: go there."""
        return redirect(reverse("admin:loyalty_policy_change", args=[rules.policy().pk]))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        super().response_change(request, obj)
        return redirect(reverse("admin:loyalty_policy_change", args=[obj.pk]))

    def keep(self, row: Policy, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        streaks = [(line["days"], line["pack"], line["repeats"]) for line in form.parts]
        rule_changes.save_policy(policy=row, streaks=streaks, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row: Policy = form.instance
        if form.errors:
            return {"sentences": []}
        return {"sentences": [*_sentences(row), *_streak_sentences(_typed_streaks(form.data))]}


def _sentences(row: Policy) -> list[str]:
    """What the sheet comes to, in words."""
    earned = 100 * row.earn_per_yuan_pm // 1000
    back_fen = earned * row.step_value_fen // row.step_points
    found = [
        ngettext(
            "¥1 = %(points)s point; %(step)s take %(value)s off.",
            "¥1 = %(points)s points; %(step)s take %(value)s off.",
            1 if row.earn_per_yuan_pm == 1000 else 2,
        )
        % {
            "points": times_words(row.earn_per_yuan_pm),
            "step": points_words(row.step_points),
            "value": format_yuan(row.step_value_fen),
        },
        _("Who pays ¥100 gets back %(back)s in points: %(percent)s%% of what they paid.")
        % {"back": format_yuan(back_fen), "percent": f"{back_fen // 100}.{back_fen % 100:02d}"},
        _("Points end %(months)s months after they were earned.") % {"months": row.points_months},
    ]
    found.append(
        _(
            "A card holds %(most)s at most with its bonus;"
            " %(unproved)s until its phone is confirmed."
        )
        % {
            "most": format_yuan(row.most_fen(is_phone_proved=True)),
            "unproved": format_yuan(row.most_fen(is_phone_proved=False)),
        }
    )
    if row.top_up_max_balance_fen > LAWFUL_FEN:
        found.append(
            _(
                "In mainland China a card in a member’s name may hold %(amount)s at most."
                " Ask a lawyer before you allow more."
            )
            % {"amount": format_yuan(LAWFUL_FEN)}
        )
    if row.top_up_max_unproved_fen > LAWFUL_UNPROVED_FEN:
        found.append(
            _(
                "In mainland China a card that is in nobody’s name may hold %(amount)s at most."
                " Ask a lawyer before you allow more."
            )
            % {"amount": format_yuan(LAWFUL_UNPROVED_FEN)}
        )
    if row.welcome_pack is not None:
        found.append(
            _("Who joins gets %(gift)s.")
            % {"gift": pack_words(row.welcome_pack, items_of(row.welcome_pack))}
        )
    return [*found, *_second_sentences(row)]


def _second_sentences(row: Policy) -> list[str]:
    """From where on a second person is needed."""
    found = []
    if row.refund_limit_fen is not None:
        found.append(
            _("To give back more than %(limit)s a manager or the owner approves with their PIN.")
            % {"limit": format_yuan(row.refund_limit_fen)}
        )
    limits = []
    if row.adjust_limit_fen is not None:
        limits.append(format_yuan(row.adjust_limit_fen))
    if row.adjust_limit_points is not None:
        limits.append(points_words(row.adjust_limit_points))
    if limits:
        words = _("%(one)s or %(other)s") % {"one": limits[0], "other": limits[-1]}
        found.append(
            _("Above %(limit)s a manager’s correction waits for another manager or the owner.")
            % {"limit": words if len(limits) > 1 else limits[0]}
        )
    return found or [_("Nobody needs a second person, whatever is given back or corrected.")]


READ = re.compile("[0-9]{1,9}")


def _typed_streaks(data: Any) -> list[tuple[int, GiftPack, bool]]:
    """The gifts for days running in lines that may be half filled in, or with anything."""
    total = data.get("streak_steps-TOTAL_FORMS", "")
    typed = [
        [data.get(f"streak_steps-{line}-{name}", "") for name in ("days", "pack", "repeats")]
        for line in range(min(int(total), 100) if READ.fullmatch(total) else 0)
        if not data.get(f"streak_steps-{line}-DELETE")
    ]
    wanted = [
        (int(days), int(pack), bool(repeats))
        for days, pack, repeats in typed
        if READ.fullmatch(days) and READ.fullmatch(pack)
    ]
    packs = GiftPack.objects.prefetch_related("items__template").select_related("tier")
    known = packs.in_bulk([pack for _days, pack, _repeats in wanted])
    return sorted(
        (
            (days, known[pack], repeats)
            for days, pack, repeats in wanted
            if pack in known and 2 <= days <= 365
        ),
        key=lambda one: one[0],
    )


def _streak_sentences(streaks: Iterable[tuple[int, GiftPack, bool]]) -> list[str]:
    """When which gift comes, and what ends a streak."""
    found = []
    for days, pack, repeats in streaks:
        facts = {"days": days, "gift": pack_words(pack, items_of(pack)), "twice": 2 * days}
        if repeats:
            found.append(
                _(
                    "Who checks in %(days)s days running gets %(gift)s; again on day %(twice)s"
                    " and so on, while no day is missed."
                )
                % facts
            )
        else:
            found.append(
                _("Who checks in %(days)s days running gets %(gift)s, once until a day is missed.")
                % facts
            )
    if found:
        found.append(_("A day without a check-in starts the count again at 1."))
    return found
