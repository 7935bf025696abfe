"""Rules that nobody could explain are refused with the reason, before the database refuses them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    Policy,
    Product,
    Tier,
    TopUpPlan,
)
from loyalty.money import format_yuan
from loyalty.selectors.coupons import budget_used
from members.errors import Refusal


def _refuse(code: str, sentence: str | Promise, field: str = "") -> None:
    raise Refusal(code, sentence, field=field)


def check_tiers(tiers: Iterable[Tier]) -> None:
    """Refuse ``thresholds_not_rising``, ``dual_track_incomplete``, ``dual_track_no_easier``,
    ``price_zero``, ``price_of_first_tier``, ``prices_not_rising``."""
    tiers = list(tiers)
    below: Tier | None = None
    for tier in sorted((t for t in tiers if t.is_active), key=lambda t: t.rank):
        if tier.threshold_fen < 0 or (below and tier.threshold_fen <= below.threshold_fen):
            _refuse(
                "thresholds_not_rising",
                _("Each tier must start at a higher amount than the one below it."),
                "threshold_fen",
            )
        if (tier.dual_threshold_fen is None) != (tier.dual_checkins is None):
            _refuse(
                "dual_track_incomplete",
                _("The second way up needs both an amount and a number of check-ins."),
                "dual_checkins",
            )
        if tier.dual_threshold_fen is not None and tier.dual_threshold_fen >= tier.threshold_fen:
            _refuse(
                "dual_track_no_easier",
                _("The second way up must ask for less spend than the first."),
                "dual_threshold_fen",
            )
        below = tier
    _check_prices(tiers)


def _check_prices(tiers: Iterable[Tier]) -> None:
    """Who pays more points must come higher. A price of a tier out of use waits: it must be one
    that can be meant, but nobody is asked for it."""
    cheaper = 0
    for tier in sorted(tiers, key=lambda t: t.rank):
        if tier.price_points is None:
            continue
        if tier.price_points < 1:
            _refuse(
                "price_zero",
                _("Enter at least 1 point, or leave it empty: then it cannot be bought."),
                "price_points",
            )
        if tier.threshold_fen == 0:
            _refuse(
                "price_of_first_tier",
                _("Everybody starts in this tier, so nobody would pay for it. Leave it empty."),
                "price_points",
            )
        if not tier.is_active:
            continue
        if tier.price_points <= cheaper:
            _refuse(
                "prices_not_rising",
                _("Each tier must cost more points than the ones below it."),
                "price_points",
            )
        cheaper = tier.price_points


def _check_rate(rate_pm: int) -> None:
    if not 1 <= rate_pm <= 999:
        _refuse(
            "percent_out_of_range",
            _("A discount must lie between 0.1 and 9.9折: at 0 nothing is paid, at 10 all of it."),
            "rate_pm",
        )


def _check_nth(nth_n: int, rate_pm: int) -> None:
    if not 2 <= nth_n <= 99:
        _refuse("nth_of_one", _("“Every nth unit” starts at the second unit."), "nth_n")
    if not 0 <= rate_pm <= 999:
        _refuse(
            "percent_out_of_range", _("The nth unit must cost less than the others."), "rate_pm"
        )


def _check_multiplier(multiplier_pm: int) -> None:
    if not 1001 <= multiplier_pm <= 100_000:
        _refuse(
            "multiplier_out_of_range",
            _("A multiplier must be more than 1 and at most 100."),
            "multiplier_pm",
        )


def _check_amount(amount_fen: int, threshold_fen: int) -> None:
    if amount_fen < 1:
        _refuse("amount_off_zero", _("Enter how much it takes off."), "amount_fen")
    if 0 < threshold_fen <= amount_fen:
        _refuse(
            "threshold_below_value",
            _("The threshold must be higher than what the coupon takes off."),
            "threshold_fen",
        )


def check_benefit(row: Benefit) -> None:
    """Refuse what nobody could explain at the counter; see the codes in the tests' table."""
    if not row.name.strip():
        _refuse("name_missing", _("Give it a name that the cashier will understand."), "name")
    match row.kind:
        case Benefit.Kind.PERCENT:
            _check_rate(row.rate_pm)
        case Benefit.Kind.NTH_UNIT:
            _check_nth(row.nth_n, row.rate_pm)
        case Benefit.Kind.MULTIPLIER:
            _check_multiplier(row.multiplier_pm)
        case Benefit.Kind.AMOUNT_OFF:
            _check_amount(row.amount_fen, row.threshold_fen)
        case Benefit.Kind.SPECIAL if not row.text.strip():
            _refuse("text_missing", _("Say in words what the member gets."), "text")
    if row.only_stored_value and (row.kind != Benefit.Kind.PERCENT or row.scope != "all"):
        _refuse(
            "stored_value_whole_order",
            _("A stored-value discount must be a percentage of the whole order."),
            "only_stored_value",
        )
    if row.when in (Benefit.When.MONTHDAYS, Benefit.When.WEEKDAYS):
        last = 31 if row.when == Benefit.When.MONTHDAYS else 7
        if not row.days or not all(1 <= day <= last for day in row.days):
            _refuse("days_missing", _("Choose the days on which it holds."), "days")
    if row.when == Benefit.When.DATES and (
        row.date_from is None or row.date_to is None or row.date_to < row.date_from
    ):
        _refuse("dates_reversed", _("The last day must not lie before the first."), "date_to")
    if row.return_days is not None and (
        row.kind != Benefit.Kind.SPECIAL or not 1 <= row.return_days <= 365
    ):
        _refuse("return_days_out_of_range", _("A thing is lent for 1 to 365 days."), "return_days")
    if (row.quota > 0) != bool(row.quota_period):
        _refuse("quota_incomplete", _("A limit needs a number and a period."), "quota")


def check_template(row: CouponTemplate) -> None:
    """Refuse a coupon nobody could explain; see the codes in the tests' table."""
    if not row.name.strip():
        _refuse("name_missing", _("Give it a name that the cashier will understand."), "name")
    match row.kind:
        case CouponTemplate.Kind.PERCENT:
            _check_rate(row.rate_pm)
        case CouponTemplate.Kind.NTH_UNIT:
            _check_nth(row.nth_n, row.rate_pm)
        case CouponTemplate.Kind.MULTIPLIER:
            _check_multiplier(row.multiplier_pm)
        case CouponTemplate.Kind.AMOUNT_OFF:
            _check_amount(row.amount_fen, row.threshold_fen)
    if row.threshold_on_list and row.threshold_fen < 1:
        _refuse(
            "list_price_without_threshold",
            _("Enter from which purchase it may be used, or do not count at list price."),
            "threshold_fen",
        )
    _check_limits(row)
    if row.kind != CouponTemplate.Kind.PASS and row.uses != 1:
        _refuse("only_pass_many_uses", _("Only a multi-use pass has more than one use."), "uses")
    if row.kind == CouponTemplate.Kind.PASS and row.uses < 1:
        _refuse("uses_zero", _("A pass needs at least one use."), "uses")
    fixed = row.valid_from is not None and row.valid_to is not None
    if (row.valid_days is not None) == fixed or row.valid_days == 0:
        _refuse(
            "validity_unclear",
            _("Say either for how many days it is valid, or from which day to which."),
            "valid_days",
        )
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        _refuse("dates_reversed", _("The last day must not lie before the first."), "valid_to")


def _check_limits(row: CouponTemplate) -> None:
    """Stock and budget: what can be counted, and not less than is given out already."""
    if row.stock is not None and row.stock < row.issued_count:
        _refuse(
            "stock_below_given",
            _("%(count)s are given out already. Enter at least that many, or leave it empty.")
            % {"count": f"{row.issued_count:,}"},
            "stock",
        )
    if row.budget_fen is None:
        return
    if row.kind == CouponTemplate.Kind.PERCENT and row.cap_fen is None:
        _refuse(
            "budget_needs_cap",
            _("For a budget, set first how much one coupon takes off at most."),
            "cap_fen",
        )
    each_fen = row.most_fen or 0
    if not each_fen:
        _refuse(
            "budget_not_countable",
            _(
                "Nobody can say beforehand how much such a coupon takes off. Leave the budget"
                " empty and limit the number instead."
            ),
            "budget_fen",
        )
    used_fen = budget_used(row)
    if row.budget_fen < max(used_fen, each_fen):
        _refuse(
            "budget_too_small",
            _(
                "The coupons given so far can come to %(used)s, one takes off up to %(each)s."
                " Enter at least %(least)s, or leave it empty."
            )
            % {
                "used": format_yuan(used_fen),
                "each": format_yuan(each_fen),
                "least": format_yuan(max(used_fen, each_fen)),
            },
            "budget_fen",
        )


def check_policy(row: Policy) -> None:
    """Refuse a policy sheet that makes no sense."""
    if row.step_points < 1 or row.step_value_fen < 1:
        _refuse("points_step_zero", _("A step of points must be worth something."), "step_points")
    if not 0 <= row.points_cap_pm <= 1000:
        _refuse("points_cap_out_of_range", _("Points can pay 0 to 100 %."), "points_cap_pm")
    if not 1 <= row.points_months <= 120:
        _refuse("months_out_of_range", _("Choose 1 to 120 months."), "points_months")


def check_streaks(days: Sequence[int]) -> None:
    """Refuse ``streak_days_out_of_range`` and ``streak_days_twice``."""
    if not all(2 <= day <= 365 for day in days):
        _refuse("streak_days_out_of_range", _("A gift for days running comes after 2 to 365 days."))
    if len(set(days)) != len(days):
        _refuse("streak_days_twice", _("Name each number of days once, with one gift."))


def check_plan(row: TopUpPlan, *, limit_fen: int) -> None:
    """Refuse a plan that no card may hold."""
    if row.pay_fen < 1:
        _refuse("top_up_amount", _("Enter what the member pays."), "pay_fen")
    if row.total_fen > limit_fen:
        _refuse(
            "plan_above_limit",
            _("With its bonus that is %(sum)s, more than a card may hold: %(limit)s.")
            % {"sum": format_yuan(row.total_fen), "limit": format_yuan(limit_fen)},
            "pay_fen",
        )


def check_pack(row: GiftPack, *, coupons: Sequence[tuple[CouponTemplate, int]]) -> None:
    """Refuse a gift pack that is empty, names a coupon twice, or half a tier."""
    if not row.name.strip():
        _refuse("name_missing", _("Give it a name that the cashier will understand."), "name")
    if (row.tier_id is None) != (row.tier_days is None):
        _refuse(
            "pack_tier_incomplete",
            _("A tier is given for a number of days: enter both, or neither."),
            "tier_days",
        )
    if len({template.pk for template, _count in coupons}) != len(coupons):
        _refuse("pack_coupon_twice", _("Enter each coupon once, with how many."))
    if not all(1 <= count <= 100 for _template, count in coupons):
        _refuse("pack_count", _("Give 1 to 100 of a coupon."))
    archived = [template.name for template, _count in coupons if not template.is_active]
    if archived:
        _refuse(
            "pack_coupon_archived",
            _("%(coupons)s is out of use: put it back into use, or take it out of this gift.")
            % {"coupons": "、".join(archived)},
        )
    if not (row.points or row.bonus_fen or row.tier_id or coupons):
        _refuse(
            "pack_empty",
            _("This gift is empty. Add points, a bonus, a coupon or a tier."),
            "points",
        )


def check_in_no_pack(row: CouponTemplate) -> None:
    """Refuse ``in_use`` for a coupon that is still given in gift packs."""
    if row._state.adding:
        return
    packs = GiftPack.objects.filter(items__template=row).order_by("pk")
    if packs:
        raise Refusal(
            "in_use",
            _("Take this coupon out of these gift packs first: %(packs)s.")
            % {"packs": "、".join(pack.name for pack in packs)},
            status=409,
            field="is_active",
        )


def check_category(row: Category) -> None:
    """Refuse a category without a name, or one that would lie within itself."""
    if not row.name.strip():
        _refuse("name_missing", _("Give it a name that the cashier will understand."), "name")
    above, steps = row.parent, 0
    while above is not None and steps < 100:
        if above.pk == row.pk:
            _refuse("category_in_itself", _("A category cannot lie within itself."), "parent")
        above, steps = above.parent, steps + 1


def check_product(row: Product) -> None:
    """Refuse an article without a name, or one that costs less than nothing."""
    if not row.name.strip():
        _refuse("name_missing", _("Give it a name that the cashier will understand."), "name")
    if row.price_fen is not None and row.price_fen < 0:
        _refuse("amount_negative", _("The amount must not be below zero."), "price_fen")
