"""The shop of the state machine: its rules, and photographs of all that may not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from loyalty.models import (
    Account,
    Benefit,
    Coupon,
    CouponTemplate,
    GiftPack,
    GiftPackCoupon,
    Lot,
    MemberStats,
    Product,
    QuotaUse,
    StreakStep,
    Tier,
    TopUpPlan,
)
from loyalty.services import joining, rules
from members.models import Member, Shop, Staff
from tests import factories
from tests.factories import AT

POINTS_MONTHS, CHECK_IN_POINTS = 1, 5
STREAK_DAYS, STREAK_POINTS = 2, 30
LENT_DAYS, LENT_QUOTA = 5, 2  # a month


@dataclass
class World:
    """The shop as every example finds it."""

    shop: Shop
    members: list[Member]
    products: list[Product]
    plan: TopUpPlan
    special: Benefit
    lending: Benefit
    cashier: Staff
    templates: list[CouponTemplate]


def open_shop() -> World:
    """Rules of every kind, in amounts that make them meet often."""
    policy = factories.policy(
        rounding="jiao",
        earn_per_yuan_pm=5000,  # points enough to be spent, owed and lost
        points_months=POINTS_MONTHS,
        checkin_points=CHECK_IN_POINTS,
        coupon_grace_days=2,
        top_up_max_balance_fen=10**8,
    )
    StreakStep.objects.create(
        policy=policy,
        days=STREAK_DAYS,
        pack=GiftPack.objects.create(name="连签礼包", points=STREAK_POINTS),
        repeats=True,
    )
    tiers = factories.tiers()
    menu = factories.menu()
    drinks = menu["tea"].category
    factories.gold_discount()
    factories.gold_stored_discount()
    factories.benefit("第二杯半价", "nth_unit", nth_n=2, rate_pm=500, scope="categories")
    Benefit.objects.get(name="第二杯半价").categories.add(drinks)  # type: ignore[arg-type]
    factories.benefit("每周减2元", "amount_off", amount_fen=200, quota=2, quota_period="week")
    factories.benefit("银卡双倍", "multiplier", tier="银卡", multiplier_pm=2000)
    special = factories.benefit("新书", "special", text="两本", quota=2, quota_period="month")
    lending = factories.benefit(
        "借书",
        "special",
        text="带回家看",
        quota=LENT_QUOTA,
        quota_period="month",
        return_days=LENT_DAYS,
    )
    templates = [
        factories.coupon_template("满80减20", threshold_fen=8000),
        factories.coupon_template("减5元", amount_fen=500, stackable=True, valid_days=10),
        factories.coupon_template("7折", kind="percent", rate_pm=700, cap_fen=1500),
        factories.coupon_template("次卡", kind="pass", uses=3, scope="categories"),
    ]
    templates[3].categories.add(drinks)  # type: ignore[arg-type]
    upgrade = GiftPack.objects.create(name="升级礼包", points=80, bonus_fen=300)
    GiftPackCoupon.objects.create(pack=upgrade, template=templates[1], count=2)
    Tier.objects.filter(pk__in=[tiers["银卡"].pk, tiers["金卡"].pk]).update(upgrade_pack=upgrade)
    # Within reach of a few sales.
    Tier.objects.filter(name="银卡").update(threshold_fen=10000, keep_months=1)
    Tier.objects.filter(name="金卡").update(threshold_fen=30000, keep_months=1)
    paid = GiftPack.objects.create(name="充值礼包", points=50, bonus_fen=1000)
    GiftPackCoupon.objects.create(pack=paid, template=templates[3], count=1)
    plan = TopUpPlan.objects.create(name="充50送10", pay_fen=5000, pack=paid)
    rules.publish(actor=None, at=AT)
    members = [
        joining.join(
            phone=phone,
            name="王",
            shop=factories.shop(),
            actor=None,
            at=AT,
            is_phone_proved=True,
        )
        for phone in ("13800000001", "13800000002")
    ]
    return World(
        shop=factories.shop(),
        members=members,
        products=list(menu.values()),
        plan=plan,
        special=special,
        lending=lending,
        cashier=factories.cashier(),
        templates=templates,
    )


def fingerprint() -> tuple[Any, ...]:
    """Changes with every write that matters: for "nothing was changed"."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM loyalty_entry), (SELECT count(*) FROM loyalty_order),"
            " (SELECT count(*) FROM loyalty_refund), (SELECT count(*) FROM loyalty_topup),"
            " (SELECT count(*) FROM loyalty_clientkey), (SELECT count(*) FROM members_event),"
            " (SELECT count(*) FROM loyalty_quotause), (SELECT count(*) FROM loyalty_checkin),"
            " (SELECT count(*) FROM loyalty_streakgift),"
            " (SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM loyalty_loan t),"
            " (SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM loyalty_account t),"
            " (SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM loyalty_lot t),"
            " (SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM loyalty_coupon t),"
            " (SELECT md5(string_agg(t::text, ' ' ORDER BY member_id)) FROM loyalty_memberstats t)"
        )
        found: tuple[Any, ...] = cursor.fetchone()
        return found


def standing(member_id: int | None) -> dict[str, Any]:
    """All a member has: what a sale and its undoing must leave as it was."""
    if member_id is None:
        return {}
    stats = MemberStats.objects.get(pk=member_id)
    lots = Lot.objects.filter(member_id=member_id)
    return {
        "accounts": sorted(
            Account.objects.filter(member_id=member_id).values_list("kind", "balance", "debt")
        ),
        "lots": sorted(
            row
            for row in lots.values_list("pk", "points_left", "principal_left", "bonus_left")
            if any(row[1:])
        ),
        "coupons": sorted(
            Coupon.objects.filter(member_id=member_id, status="active").values_list(
                "pk", "uses_left"
            )
        ),
        "quotas": QuotaUse.objects.filter(member_id=member_id).count(),
        "figures": (stats.orders_count, stats.net_fen, stats.basis_fen, stats.first_order_at),
        "last": stats.last_order_at,
    }
