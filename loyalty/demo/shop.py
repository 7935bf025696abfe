"""The demo café itself: rules, articles, three people behind the counter, three known members.

Everything goes through the services that a real shop uses, so the ledger is a real one.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.models import (
    Benefit,
    Category,
    CouponTemplate,
    GiftPack,
    GiftPackCoupon,
    Policy,
    Product,
    Tier,
    TopUpPlan,
)
from loyalty.services import (
    adjusting,
    checkins,
    joining,
    redeeming,
    rule_changes,
    rules,
    top_ups,
)
from loyalty.services.checkout import Cart, CartLine, settle
from members.models import CardFace, Member, Shop, Staff
from members.text import name_key

SHOPS = (
    ("main", "回头咖啡 人民路店"),
    ("park", "回头咖啡 公园店"),
    ("station", "回头咖啡 火车站店"),
)
STAFF = (
    ("owner", Staff.Role.OWNER, "周老板"),
    ("manager", Staff.Role.MANAGER, "陈店长"),
    ("cashier", Staff.Role.CASHIER, "小林"),
)
ARTICLES = {
    "咖啡": (
        "C",
        "美式 2200,拿铁 3200,燕麦拿铁 3600,手冲 耶加雪菲 4200,卡布奇诺 3200,摩卡 3400,馥芮白 3400,"
        "冷萃 3000,生椰拿铁 3400,桂花拿铁 3600,浓缩 1800,手冲 曼特宁 4000,脏脏咖啡 3600,"
        "低因拿铁 3400",
    ),
    "茶": (
        "T",
        "茉莉绿茶 2800,柚子红茶 3000,伯爵红茶 2600,乌龙奶茶 2800,抹茶拿铁 3200,柠檬红茶 2600,"
        "白桃乌龙 2800,热巧克力 3000",
    ),
    "烘焙": (
        "B",
        "巴斯克蛋糕 3600,可颂 1800,贝果 2200,肉桂卷 2400,提拉米苏 3800,芝士三明治 2800,"
        "全麦吐司 2600,蓝莓麦芬 2000,司康 1800,火腿可颂 2600,抹茶蛋糕卷 3200",
    ),
    "周边": (
        "G",
        "挂耳咖啡 10包 6800,咖啡豆 250克 8800,随行杯 9800,马克杯 5800,帆布袋 4900,滤纸 2800,"
        "手冲壶 15800",
    ),
}
# Phone, name, spent in fen, points, holds stored value, days running checked in up to yesterday.
PEOPLE = (
    ("+8613800001234", "王小敏", 68000, 1280, True, 3),
    ("+8613900005678", "李明", 0, 320, False, 0),
    ("+8613700002468", "赵晓燕", 230000, 2600, True, 6),
)
JOINED = dt.timedelta(days=6)  # ago: each of their check-ins is later, their coupons still count
BORROWED = {"+8613700002468": "《小王子》"}
# One look a tier; white text can be read on each.
FACES = (("经典", "#7A4B2A"), ("银", "#56626B"), ("金", "#8A6516"), ("黑", "#26231F"))
SLOGAN = "每一次消费，都离特权更近"
NAMESPACE = uuid.UUID("6b1c1a5e-0f2e-4c58-9a0b-6d1f5a9d6c11")


def ensure_demo(*, passwords: Mapping[str, str], at: dt.datetime) -> list[str | Promise]:
    """Make the demo shop once, set the printed passwords, and say what to try first."""
    with transaction.atomic():
        if not Shop.objects.exists():
            _make(at)
        for login, password in passwords.items():
            person = Staff.objects.filter(username=login).first()
            if person is not None and not person.check_password(password):
                person.set_password(password)
                person.save(update_fields=["password"])
    return [
        _("Open the counter and sign in as cashier."),
        _("Type 13700002468 and Enter: that is Zhao Xiaoyan, a gold member with stored value."),
        _("Type 100: the price is worked out while you type. Enter settles it."),
    ]


def _make(at: dt.datetime) -> None:
    shops = [Shop.objects.create(code=code, name=name) for code, name in SHOPS]
    for login, role, name in STAFF:
        person = Staff.objects.create(
            username=login, role=role, display_name=name, is_staff=role != Staff.Role.CASHIER
        )
        person.is_superuser = role == Staff.Role.OWNER
        person.save(update_fields=["is_superuser"])
        if role != Staff.Role.OWNER:
            person.shops.set(shops)
    _articles()
    _rules(at)
    for phone, name, spent_fen, points, holds_value, days in PEOPLE:
        joined = at - JOINED - dt.timedelta(hours=1)
        member = joining.join(
            phone=phone,
            name=name,
            shop=shops[0],
            actor=None,
            at=joined,
            is_phone_proved=True,
        )
        _history(member, shops[0], spent_fen, points, holds_value=holds_value, days=days, at=at)


def _articles() -> None:
    for category, (letter, text) in ARTICLES.items():
        kind = Category.objects.create(name=category)
        for number, item in enumerate(text.split(","), start=1):
            name, _blank, price_fen = item.rpartition(" ")
            Product.objects.create(
                sku=f"{letter}{number:02d}",
                name=name,
                pinyin=name_key(name),
                price_fen=int(price_fen),
                category=kind,
            )


def _rules(at: dt.datetime) -> None:
    discount = CouponTemplate(
        name="满80减20", kind="amount_off", amount_fen=2000, threshold_fen=8000, valid_days=14
    )
    welcome = CouponTemplate(
        name="新人5元券", kind="amount_off", amount_fen=500, valid_days=7, stackable=True
    )
    for template in (discount, welcome):
        rule_changes.save_template(template=template, actor=None, at=at)
    upgrade = GiftPack.objects.create(name="升级礼", points=100)
    GiftPackCoupon.objects.create(pack=upgrade, template=discount)
    join = GiftPack.objects.create(name="开卡礼")
    GiftPackCoupon.objects.create(pack=join, template=welcome)
    GiftPackCoupon.objects.create(pack=join, template=discount)
    silver, gold, black = _ladder(upgrade, at)
    for benefit, tiers in (
        (Benefit(name="银卡9.5折", kind="percent", rate_pm=950), [silver]),
        (Benefit(name="金卡9折", kind="percent", rate_pm=900), [gold]),
        (Benefit(name="黑卡8.5折", kind="percent", rate_pm=850), [black]),
        (
            Benefit(name="储值再9折", kind="percent", rate_pm=900, only_stored_value=True),
            [gold, black],
        ),
        (
            Benefit(
                name="18日会员日 第二杯半价",
                kind="nth_unit",
                nth_n=2,
                rate_pm=500,
                when="monthdays",
                days=[18],
            ),
            [],
        ),
        (
            Benefit(
                name="借书回家",
                kind="special",
                text="店里的书，每月借2本",
                quota=2,
                quota_period="month",
                return_days=14,
            ),
            [],
        ),
    ):
        rule_changes.save_benefit(benefit=benefit, tiers=tiers, actor=None, at=at)
    for name, pay_fen, bonus_fen in (("充500送100", 50000, 10000), ("充1000送200", 100000, 20000)):
        pack = GiftPack.objects.create(name=name, bonus_fen=bonus_fen)
        plan = TopUpPlan(name=name, pay_fen=pay_fen, pack=pack, rank=pay_fen)
        rule_changes.save_plan(plan=plan, actor=None, at=at)
    policy = rules.policy()
    policy.rounding = Policy.Rounding.JIAO
    policy.checkin_points = 2
    policy.welcome_pack = join
    streaks = [(7, _streak_gift(at), True)]
    rule_changes.save_policy(policy=policy, streaks=streaks, actor=None, at=at)


def _ladder(upgrade: GiftPack, at: dt.datetime) -> list[Tier]:
    """Four tiers; those above the first, which everybody starts in."""
    silver = Tier(name="银卡", rank=1, threshold_fen=50100, upgrade_pack=upgrade)
    silver.dual_threshold_fen, silver.dual_checkins = 30000, 10
    gold = Tier(name="金卡", rank=2, threshold_fen=200100, upgrade_pack=upgrade)
    gold.price_points = 5000
    black = Tier(name="黑卡", rank=3, threshold_fen=1000000, upgrade_pack=upgrade)
    regular = Tier(name="普通会员", rank=0, threshold_fen=0)
    ladder = [regular, silver, gold, black]
    for tier, pack in zip((silver, gold, black), _birthday_gifts(at), strict=True):
        tier.birthday_pack = pack
    for tier, (name, colour) in zip(ladder, FACES, strict=True):
        tier.face = CardFace.objects.create(name=name, brand_colour=colour, slogan=SLOGAN)
    rule_changes.save_tiers(
        tiers=ladder,
        actor=None,
        at=at,
    )
    return ladder[1:]


def _birthday_gifts(at: dt.datetime) -> list[GiftPack]:
    """For Silver a coupon; for Gold a cake and points with it; for Black more of them."""
    coupon = CouponTemplate(
        name="生日15元券", kind="amount_off", amount_fen=1500, valid_days=30, label="生日专享"
    )
    cake = CouponTemplate(
        name="生日甜品券", kind="exchange", scope="categories", valid_days=30, label="生日专享"
    )
    baking = Category.objects.filter(name="烘焙")
    rule_changes.save_template(template=coupon, actor=None, at=at)
    rule_changes.save_template(template=cake, categories=baking, actor=None, at=at)
    packs = []
    for name, points, coupons in (
        ("银卡生日礼", 0, [(coupon, 1)]),
        ("金卡生日礼", 200, [(coupon, 1), (cake, 1)]),
        ("黑卡生日礼", 500, [(coupon, 2), (cake, 2)]),
    ):
        packs.append(GiftPack(name=name, points=points))
        rule_changes.save_pack(pack=packs[-1], coupons=coupons, actor=None, at=at)
    return packs


def _streak_gift(at: dt.datetime) -> GiftPack:
    coupon = CouponTemplate(
        name="签到5元券", kind="amount_off", amount_fen=500, valid_days=14, label="天天见"
    )
    rule_changes.save_template(template=coupon, actor=None, at=at)
    pack = GiftPack(name="连签7天礼")
    rule_changes.save_pack(pack=pack, coupons=[(coupon, 1)], actor=None, at=at)
    return pack


def _history(
    member: Member,
    shop: Shop,
    spent_fen: int,
    points: int,
    *,
    holds_value: bool,
    days: int,
    at: dt.datetime,
) -> None:
    """An earlier purchase that makes the tier, a book, some check-ins, points and stored value."""
    key = uuid.uuid5(NAMESPACE, str(member.phone))
    if spent_fen:
        settle(
            key=key,
            # The welcome's coupons are kept for whoever tries the counter.
            cart=Cart((CartLine(amount_fen=spent_fen),), member_id=member.pk, coupons=()),
            expected_hash=None,
            tender="wechat",
            shop=shop,
            actor=None,
            at=at - JOINED,
        )
    if member.phone in BORROWED:
        redeeming.redeem_special(
            key=uuid.uuid5(key, "book"),
            member_id=member.pk,
            benefit_id=Benefit.objects.get(return_days__isnull=False).pk,
            thing=BORROWED[member.phone],
            shop=shop,
            actor=None,
            at=at - JOINED,
        )
    for ago in range(days, 0, -1):
        then = at - dt.timedelta(days=ago)
        checkins.check_in(member_id=member.pk, shop=shop, actor=None, at=then)
    adjusting.adjust(
        key=uuid.uuid5(key, "points"),
        member_id=member.pk,
        kind="points",
        delta=points,
        reason="老会员积分转入",
        shop=shop,
        actor=None,
        at=at,
    )
    if holds_value:
        plan = TopUpPlan.objects.order_by("pay_fen").first()
        top_ups.top_up(
            key=uuid.uuid5(key, "top-up"),
            member_id=member.pk,
            plan_id=plan.pk if plan else None,
            amount_fen=None,
            tender="wechat",
            shop=shop,
            actor=None,
            at=at,
        )
