"""Gift packs and top-up plans."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from unfold.contrib.filters.admin import BooleanRadioFilter

from loyalty.admin.fields import YuanField
from loyalty.admin.planning import RuleAdmin, RuleForm
from loyalty.counter.gift_words import gift_words
from loyalty.models import CouponTemplate, GiftPack, GiftPackCoupon, TopUpPlan
from loyalty.money import format_yuan, yuan_text
from loyalty.services import rule_changes, rule_checks, rules
from members.admin.base import OfficeInline
from members.models import Staff

READ = re.compile("[0-9]{1,9}")


def pack_words(pack: GiftPack, items: list[tuple[str, int]], *, bonus: bool = True) -> str:
    """What a pack gives, in one line. ``items`` are the coupons' names with how many.

    Without ``bonus``: besides the bonus, which stands elsewhere; empty if that is all.
    """
    words = gift_words(
        points=pack.points,
        bonus_fen=pack.bonus_fen if bonus else 0,
        coupons=items,
        tier=pack.tier.name if pack.tier else "",
        tier_days=pack.tier_days or 0,
    )
    return words or ("–" if bonus else "")


def items_of(pack: GiftPack) -> list[tuple[str, int]]:
    return [(item.template.name, item.count) for item in pack.items.all()]


class PackForm(RuleForm):
    bonus_fen = YuanField(label=lazy("bonus"), required=False, empty_is_zero=True)

    class Meta:
        model = GiftPack
        fields = ("name", "points", "bonus_fen", "tier", "tier_days")

    def more_state(self) -> dict[str, Any]:
        return {"coupons": sorted(self.instance.items.values_list("template_id", "count"))}

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        data["points"] = data.get("points") or 0
        return data


class ItemInline(OfficeInline):
    model = GiftPackCoupon
    fields = ("template", "count")
    verbose_name = lazy("coupon")
    verbose_name_plural = lazy("Coupons in it")


@admin.register(GiftPack)
class GiftPackAdmin(RuleAdmin):
    change = "rules"
    form = PackForm
    preview_template = "admin/pack_preview.html"
    fields = ("name", "points", "bonus_fen", "tier", "tier_days")
    inlines = (ItemInline,)
    list_display = ("name", "gives")
    list_select_related = ("tier",)
    search_fields = ("name",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GiftPack]:
        rows: QuerySet[GiftPack] = super().get_queryset(request).prefetch_related("items__template")
        return rows

    @admin.display(description=lazy("what it gives"))
    def gives(self, row: GiftPack) -> str:
        return pack_words(row, items_of(row))

    def keep(self, row: GiftPack, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        coupons = [(line["template"], line["count"]) for line in form.parts]
        rule_changes.save_pack(pack=row, coupons=coupons, actor=actor, at=at)

    def drop(self, row: GiftPack, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        if form.errors:
            return {"gives": ""}
        return {"gives": pack_words(form.instance, _typed_items(form.data))}


def _typed_items(data: Any) -> list[tuple[str, int]]:
    """The coupons in the lines of a page that may be half filled in, or filled in with anything."""
    total = data.get("items-TOTAL_FORMS", "")
    typed = [
        (data.get(f"items-{line}-template", ""), data.get(f"items-{line}-count", ""))
        for line in range(min(int(total), 100) if READ.fullmatch(total) else 0)
        if not data.get(f"items-{line}-DELETE")
    ]
    wanted = [
        (int(pk), int(count)) for pk, count in typed if READ.fullmatch(pk) and READ.fullmatch(count)
    ]
    rows = CouponTemplate.objects.filter(pk__in=[pk for pk, _count in wanted])
    names = dict(rows.values_list("pk", "name"))
    return [(names[pk], count) for pk, count in wanted if pk in names]


class PlanForm(RuleForm):
    pay_fen = YuanField(label=lazy("the member pays"))
    bonus = YuanField(
        label=lazy("and gets on top"),
        required=False,
        help_text=lazy("A bonus that can be spent at once. For points or coupons choose a gift."),
    )

    class Meta:
        model = TopUpPlan
        fields = ("name", "pay_fen", "pack", "tiers", "rank", "is_active")

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["name"].required = False
        if "rank" in self.fields:
            self.fields["rank"].required = False

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("bonus") and data.get("pack"):
            self.add_error("bonus", _("Choose a gift or enter a bonus, not both."))
        data["rank"] = data.get("rank") or 0
        pay = data.get("pay_fen")
        if pay and not data.get("name"):
            data["name"] = plan_name(pay, data.get("bonus") or 0)
        return data

    def check(self) -> None:
        limit = rules.policy().top_up_max_balance_fen
        bonus = self.cleaned_data.get("bonus") or 0
        plan = self.instance
        if bonus:
            plan = TopUpPlan(name=plan.name, pay_fen=plan.pay_fen, pack=GiftPack(bonus_fen=bonus))
        rule_checks.check_plan(plan, limit_fen=limit)


def plan_name(pay_fen: int, bonus_fen: int) -> str:
    pay, bonus = (yuan_text(fen).removesuffix(".00") for fen in (pay_fen, bonus_fen))
    if bonus_fen:
        return _("Pay %(pay)s, get %(bonus)s on top") % {"pay": pay, "bonus": bonus}
    return _("Top up %(pay)s") % {"pay": pay}


@admin.register(TopUpPlan)
class TopUpPlanAdmin(RuleAdmin):
    change = "rules"
    form = PlanForm
    preview_template = "admin/plan_preview.html"
    archive_words = lazy("It is no longer offered; what was paid in stays.")
    list_display = ("name", "pays", "gift", "for_whom", "is_active")
    list_filter = (("is_active", BooleanRadioFilter),)
    search_fields = ("name",)
    ordering = ("-is_active", "rank", "pay_fen")
    fieldsets = (
        (None, {"fields": ("pay_fen", "bonus", "pack", "name")}),
        (lazy("More"), {"classes": ["collapse"], "fields": ("tiers", "rank", "is_active")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[TopUpPlan]:
        rows: QuerySet[TopUpPlan] = (
            super()
            .get_queryset(request)
            .select_related("pack__tier")
            .prefetch_related("pack__items__template", "tiers")
        )
        return rows

    @admin.display(description=lazy("pays"), ordering="pay_fen")
    def pays(self, row: TopUpPlan) -> str:
        return format_yuan(row.pay_fen)

    @admin.display(description=lazy("gets on top"))
    def gift(self, row: TopUpPlan) -> str:
        return pack_words(row.pack, items_of(row.pack)) if row.pack else "–"

    @admin.display(description=lazy("for whom"))
    def for_whom(self, row: TopUpPlan) -> str:
        return "、".join(tier.name for tier in row.tiers.all()) or _("all members")

    def prepare(self, row: TopUpPlan, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        """The bonus is given by a gift pack of its own; it means nothing before the plan does."""
        bonus = form.cleaned_data.get("bonus") or 0
        if bonus:
            row.pack = GiftPack(name=row.name, bonus_fen=bonus)
            rule_changes.save_pack(pack=row.pack, coupons=[], actor=actor, at=at)

    def keep(self, row: TopUpPlan, form: Any, *, actor: Staff, at: dt.datetime) -> None:
        tiers = form.cleaned_data.get("tiers", [])
        rule_changes.save_plan(plan=row, tiers=tiers, actor=actor, at=at)

    def drop(self, row: TopUpPlan, *, actor: Staff, at: dt.datetime) -> bool:
        return rule_changes.retire(row=row, actor=actor, at=at)

    def preview(self, form: Any, *, at: dt.datetime) -> dict[str, Any]:
        row, bonus = form.instance, form.cleaned_data.get("bonus") or 0
        pack_bonus = row.pack.bonus_fen if row.pack else 0
        total = (row.pay_fen or 0) + bonus + pack_bonus
        policy = rules.policy()
        return {
            "is_ready": not form.errors and bool(row.pay_fen),
            "refusal": next(iter(form.errors.get("pay_fen", [])), "") if row.pay_fen else "",
            "name": form.cleaned_data.get("name") or row.name,
            "bonus_fen": bonus + pack_bonus,
            "total_fen": total,
            "pack": pack_words(row.pack, items_of(row.pack), bonus=False) if row.pack else "",
            "limit_fen": policy.most_fen(is_phone_proved=True),
            "unproved_fen": policy.most_fen(is_phone_proved=False),
        }
