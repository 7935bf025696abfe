"""The shop of the benchmark: articles, four tiers, six benefits, five kinds of coupon."""

from __future__ import annotations

import datetime as dt

from loyalty.models import Benefit, Category, CouponTemplate, MemberPrice, Policy, Product, Tier
from loyalty.services import rules
from members.models import Shop, Staff

CASHIER, OWNER = "bench", "boss"
SKUS = ("latte", "tea", "cake", "beans")
TIERS = (("普通", 0), ("银卡", 50100), ("金卡", 200100), ("黑卡", 1000100))


def open_shop(at: dt.datetime) -> None:
    """One shop with its cashier, its owner and its rules, published."""
    shop = Shop.objects.create(code="main", name="回头咖啡")
    cashier = Staff(username=CASHIER, role=Staff.Role.CASHIER, display_name="小林")
    cashier.set_unusable_password()
    cashier.save()
    cashier.shops.set([shop])
    owner = Staff(username=OWNER, role=Staff.Role.OWNER, display_name="周老板")
    owner.set_unusable_password()
    owner.save()
    Policy.objects.create(id=1)
    drinks = Category.objects.create(name="饮品")
    food = Category.objects.create(name="食品")
    latte, tea, _cake, beans = (
        Product.objects.create(sku=sku, name=name, price_fen=price, category=category)
        for sku, name, price, category in zip(
            SKUS,
            ("拿铁", "红茶", "芝士蛋糕", "咖啡豆"),
            (3200, 2800, 3600, 8800),
            (drinks, drinks, food, food),
            strict=True,
        )
    )
    tiers = [
        Tier.objects.create(id=rank + 1, name=name, rank=rank, threshold_fen=threshold)
        for rank, (name, threshold) in enumerate(TIERS)
    ]
    _benefits(tiers, drinks, (latte, tea, beans))
    _coupons(drinks)
    rules.publish(actor=None, at=at)


def _benefits(tiers: list[Tier], drinks: Category, articles: tuple[Product, ...]) -> None:
    def benefit(name: str, kind: str, only: list[Tier], **columns: object) -> Benefit:
        row = Benefit.objects.create(name=name, kind=kind, **columns)
        row.tiers.set(only)
        return row

    benefit("银卡 95折", "percent", tiers[1:2], rate_pm=950)
    benefit("金卡 9折", "percent", tiers[2:], rate_pm=900)
    benefit("储值再98折", "percent", [], rate_pm=980, only_stored_value=True)
    benefit("生日月双倍积分", "multiplier", [], multiplier_pm=2000, when="birthday_month")
    second = benefit(
        "周三第二杯半价",
        "nth_unit",
        [],
        nth_n=2,
        rate_pm=500,
        when="weekdays",
        days=[3],
        scope="categories",
    )
    second.categories.set([drinks])
    prices = benefit("会员价", "member_price", [])
    for article in articles[1:]:
        MemberPrice.objects.create(
            benefit=prices, product=article, price_fen=(article.price_fen or 0) * 95 // 100
        )


def _coupons(drinks: Category) -> None:
    def template(name: str, kind: str, **columns: object) -> CouponTemplate:
        return CouponTemplate.objects.create(name=name, kind=kind, valid_days=60, **columns)

    template("满50减5", "amount_off", amount_fen=500, threshold_fen=5000)
    template("满100减15", "amount_off", amount_fen=1500, threshold_fen=10000)
    template("9折券", "percent", rate_pm=900, cap_fen=2000, not_with_member_discount=True)
    template("双倍积分券", "multiplier", multiplier_pm=2000, stackable=True)
    template("饮品立减3元", "amount_off", amount_fen=300, scope="categories").categories.set(
        [drinks]
    )
