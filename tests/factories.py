"""A fixed cast for tests: one shop, three people behind the counter, one well-known member.

Small functions that write rows directly and return them; nothing random, one fixed time.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import F

from loyalty.models import (
    Account,
    Benefit,
    Category,
    Coupon,
    CouponTemplate,
    Entry,
    GiftPack,
    Lot,
    MemberStats,
    Policy,
    Product,
    Tier,
    TopUpPlan,
)
from members.models import Card, Member, Shop, Staff
from members.text import name_key

# A Wednesday morning in Shanghai.
AT = dt.datetime(2026, 5, 20, 2, 0, tzinfo=dt.UTC)
PASSWORD = "open-sesame-88"
PHONE = "+8613800001234"


def shop(code: str = "main", name: str = "回头咖啡") -> Shop:
    return Shop.objects.get_or_create(code=code, defaults={"name": name})[0]


def staff(
    username: str = "lin",
    role: str = Staff.Role.CASHIER,
    *,
    shops: tuple[Shop, ...] | None = None,
    name: str = "小林",
) -> Staff:
    """A cashier of the main shop unless said otherwise; ``shops=()`` serves all shops."""
    person = Staff(username=username, role=role, display_name=name)
    person.set_password(PASSWORD)
    person.save()
    person.shops.set((shop(),) if shops is None else shops)
    return person


def cashier() -> Staff:
    return staff("lin", Staff.Role.CASHIER, name="小林")


def manager() -> Staff:
    return staff("chen", Staff.Role.MANAGER, name="陈店长")


def owner() -> Staff:
    return staff("zhou", Staff.Role.OWNER, shops=(), name="周老板")


def tiers() -> dict[str, Tier]:
    """Regular, Silver from ¥501, Gold from ¥2,001, Black from ¥10,001."""
    steps = (("普通", 0), ("银卡", 50100), ("金卡", 200100), ("黑卡", 1000100))
    found = {tier.name: tier for tier in Tier.objects.all()}
    for rank, (name, threshold_fen) in enumerate(steps):
        if name not in found:
            found[name] = Tier.objects.create(name=name, rank=rank, threshold_fen=threshold_fen)
    return found


def policy(**changes: Any) -> Policy:
    return Policy.objects.update_or_create(id=1, defaults=changes)[0]


def member(
    phone: str | None = PHONE,
    name: str = "王小敏",
    *,
    tier: str | None = "普通",
    card: str | None = None,
    status: str = Member.Status.ACTIVE,
    points: int = 0,
    principal_fen: int = 0,
    bonus_fen: int = 0,
    **more: Any,
) -> Member:
    """A member with the three accounts, their figures, a tier and, if asked, card and balances.

    The phone is proved unless said otherwise.
    """
    more.setdefault("phone_proved_at", AT if phone else None)
    person = Member.objects.create(
        phone=phone,
        phone_tail=(phone or "")[-4:],
        name=name,
        pinyin=name_key(name),
        status=status,
        joined_at=AT,
        joined_shop=shop(),
        joined_channel="counter",
        **more,
    )
    for kind in Account.Kind.values:
        Account.objects.create(member=person, kind=kind)
    MemberStats.objects.create(
        member=person, tier=tiers()[tier] if tier else None, tier_since=AT.date()
    )
    if card:
        Card.objects.create(number=card, member=person, issued_at=AT)
    if points:
        give_points(person, points)
    if principal_fen or bonus_fen:
        give_value(person, principal_fen, bonus_fen)
    return person


def give_points(
    person: Member, points: int, *, expires_at: dt.datetime = AT + dt.timedelta(days=365)
) -> Lot:
    """One lot of points with its entry, as an adjustment."""
    lot = Lot.objects.create(
        member=person,
        asset=Lot.Asset.POINTS,
        points_issued=points,
        points_left=points,
        issued_at=AT,
        expires_at=expires_at,
        source="adjustment",
    )
    _enter(person, Account.Kind.POINTS, points, lot)
    return lot


def give_value(person: Member, principal_fen: int, bonus_fen: int = 0) -> Lot:
    """One stored-value lot with its entries, as an adjustment."""
    lot = Lot.objects.create(
        member=person,
        asset=Lot.Asset.VALUE,
        principal_issued=principal_fen,
        principal_left=principal_fen,
        bonus_issued=bonus_fen,
        bonus_left=bonus_fen,
        issued_at=AT,
        source="adjustment",
    )
    _enter(person, Account.Kind.PRINCIPAL, principal_fen, lot)
    _enter(person, Account.Kind.BONUS, bonus_fen, lot)
    return lot


def _enter(person: Member, kind: str, delta: int, lot: Lot) -> None:
    if not delta:
        return
    account = Account.objects.get(member=person, kind=kind)
    account.balance += delta
    account.save(update_fields=["balance"])
    Entry.objects.create(
        account=account,
        lot=lot,
        side=Entry.Side.ADJUSTMENT,
        delta=delta,
        balance_after=account.balance,
        at=AT,
        reason="opening balance",
    )


def product(sku: str = "latte", name: str = "拿铁", price_fen: int = 3200, **more: Any) -> Product:
    return Product.objects.get_or_create(
        sku=sku, defaults={"name": name, "price_fen": price_fen, **more}
    )[0]


def menu() -> dict[str, Product]:
    """Latte ¥32, tea ¥28 (drinks) and cake ¥36."""
    drinks = Category.objects.get_or_create(name="饮品", parent=None)[0]
    return {
        "latte": product("latte", "拿铁", 3200, category=drinks, barcode="6901234567892"),
        "tea": product("tea", "红茶", 2800, category=drinks),
        "cake": product("cake", "芝士蛋糕", 3600),
    }


def benefit(name: str, kind: str, *, tier: str | None = None, **more: Any) -> Benefit:
    rule = Benefit.objects.create(name=name, kind=kind, **more)
    if tier:
        rule.tiers.add(tiers()[tier])
    return rule


def gold_discount() -> Benefit:
    return benefit("金卡 9折", Benefit.Kind.PERCENT, tier="金卡", rate_pm=900)


def gold_stored_discount() -> Benefit:
    return benefit(
        "储值再9折", Benefit.Kind.PERCENT, tier="金卡", rate_pm=900, only_stored_value=True
    )


def coupon_template(
    name: str, amount_fen: int = 2000, threshold_fen: int = 0, **more: Any
) -> CouponTemplate:
    """An amount-off coupon, valid 30 days from issue, unless said otherwise."""
    more.setdefault("kind", CouponTemplate.Kind.AMOUNT_OFF)
    if "valid_from" not in more:
        more.setdefault("valid_days", 30)
    return CouponTemplate.objects.create(
        name=name, amount_fen=amount_fen, threshold_fen=threshold_fen, **more
    )


def coupon(
    person: Member,
    template: CouponTemplate,
    code: str = "80000000000014",
    *,
    expires_at: dt.datetime = AT + dt.timedelta(days=30),
    **more: Any,
) -> Coupon:
    CouponTemplate.objects.filter(pk=template.pk).update(issued_count=F("issued_count") + 1)
    return Coupon.objects.create(
        code=code,
        template=template,
        member=person,
        uses_left=template.uses,
        issued_at=AT,
        valid_from=AT - dt.timedelta(days=1),
        expires_at=expires_at,
        source="adjustment",
        **more,
    )


def top_up_plans() -> list[TopUpPlan]:
    """Pay 500 get 100; pay 1000 get 200."""
    plans = []
    for rank, (pay, bonus) in enumerate(((50000, 10000), (100000, 20000))):
        pack = GiftPack.objects.create(name=f"送{bonus // 100}", bonus_fen=bonus)
        plans.append(
            TopUpPlan.objects.create(
                name=f"充{pay // 100}送{bonus // 100}", pay_fen=pay, pack=pack, rank=rank
            )
        )
    return plans
