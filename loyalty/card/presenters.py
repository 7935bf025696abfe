"""What a member sees of their own card: plain data for the templates. Money in fen."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import Http404

from loyalty.counter import gift_words, wording
from loyalty.models import CheckIn, CouponTemplate
from loyalty.selectors import inputs
from loyalty.selectors.inputs import Standing
from loyalty.services import offers, tiers, upgrading, working
from loyalty.services.offers import BestOffer, HeldCoupon
from loyalty.settlement import streaks
from loyalty.settlement.rulebook import RuleBook
from loyalty.settlement.types import Coupon, CouponKind
from members import clock
from members.models import Member, Shop

DOTS = 10  # a longer way is shown as a bar
SOON = dt.timedelta(days=3)


def standing_of(member: Member, *, at: dt.datetime) -> tuple[Standing, RuleBook]:
    """The member's standing and the rules in force: one statement, two where no rules are yet."""
    standing = inputs.load(member_id=member.pk, at=at)
    if standing is None:
        raise Http404
    return standing, working.rules_of(standing, at)[1]


def usual_shop(member: Member, shops: list[Shop]) -> Shop | None:
    """Where the member's prices are worked out: where they joined, else the first shop."""
    found = next((shop for shop in shops if shop.pk == member.joined_shop_id), None)
    return found or (shops[0] if shops else None)


def grouped(digits: str) -> str:
    """For reading aloud: groups of four."""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def progress(standing: Standing, book: RuleBook) -> dict[str, Any] | None:
    """The way to the next tier; None on the highest one."""
    target = tiers.next_tier(standing, book)
    if target is None:
        return None
    done_fen = tiers.progress_fen(standing, book)
    missing_fen = max(target.threshold_fen - done_fen, 0)
    dual = None
    if target.dual_threshold_fen is not None and target.dual_checkins is not None:
        dual = {
            "missing_fen": max(target.dual_threshold_fen - done_fen, 0),
            "checkins": max(target.dual_checkins - standing.checkins, 0),
        }
    return {
        "name": target.name,
        "threshold_fen": target.threshold_fen,
        "done_fen": min(done_fen, target.threshold_fen),
        "missing_fen": missing_fen,
        "visits": offers.visits_to(standing, missing_fen),
        "dual": dual,
    }


def upgrade(standing: Standing, book: RuleBook, *, at: dt.datetime) -> upgrading.Offer | None:
    """The highest tier that the member's points are enough for."""
    held = [offer for offer in upgrading.offers(standing, book, at=at) if not offer.missing]
    return held[-1] if held else None


def offer_view(offer: BestOffer) -> dict[str, Any]:
    return {
        "list_fen": offer.in_hand.list_fen,
        "pay_fen": offer.in_hand.pay_fen,
        "names": [wording.step_title(str(step.kind), step.name) for step in offer.steps],
    }


def streak(member_id: int, *, day: dt.date, book: RuleBook) -> dict[str, Any]:
    """The days running, whether today is one of them, and the way to the next gift for them."""
    rows = dict(
        CheckIn.objects.filter(
            member_id=member_id, day__range=(day - dt.timedelta(days=1), day)
        ).values_list("day", "streak")
    )
    is_done = day in rows
    days = rows.get(day) or rows.get(day - dt.timedelta(days=1)) or 0
    way = streaks.way(book.streaks, days, is_done=is_done)
    return {
        "days": days,
        "is_done": is_done,
        "done": way.done,
        "length": way.length,
        "dots": [place < way.done for place in range(way.length)] if way.length <= DOTS else [],
        "left": way.left,
        "gift": gift_words.promised((rule.pack for rule in way.coming), book),
    }


def coupon_views(
    held: list[HeldCoupon], book: RuleBook, *, at: dt.datetime
) -> list[dict[str, Any]]:
    """The wallet's coupons in words; codes come from their rows."""
    return [_coupon_view(one, book.template_rows[one.rule.template_id], at) for one in held]


def _coupon_view(one: HeldCoupon, row: Any, at: dt.datetime) -> dict[str, Any]:
    expires = dt.datetime.fromtimestamp(one.held.expires_at, tz=dt.UTC)
    starts = dt.datetime.fromtimestamp(one.held.valid_from, tz=dt.UTC)
    last_day = clock.local_date(expires - dt.timedelta(seconds=1))
    return {
        "id": one.held.id,
        "name": one.rule.name,
        "label": row.get("label", ""),
        "hint": row.get("hint", ""),
        "worth": worth(one.rule),
        "threshold_fen": one.rule.threshold_fen,
        "threshold_on_list": one.rule.threshold_on_list,
        "uses_left": one.held.uses_left if one.rule.kind is CouponKind.PASS else 0,
        "stackable": one.rule.stackable,
        "first_order_only": one.rule.first_order_only,
        "in_hand": one.in_hand,
        "refusal": one.refusal,
        "last_day": last_day,
        "days_left": (last_day - clock.local_date(at)).days,
        "is_soon": expires - at <= SOON,
        "starts": clock.local_date(starts) if starts > at else None,
    }


def worth(rule: Coupon | CouponTemplate) -> dict[str, Any]:
    """What stands large on a coupon: ¥20, 8折, ×2, free."""
    kind = str(rule.kind)
    if kind == CouponKind.AMOUNT_OFF:
        return {"kind": kind, "fen": rule.amount_fen}
    if kind in (CouponKind.PERCENT, CouponKind.NTH_UNIT):
        if rule.rate_pm == 0:
            return {"kind": "free"}
        return {"kind": kind, "text": wording.rate_words(rule.rate_pm)}
    if kind == CouponKind.MULTIPLIER:
        return {"kind": kind, "text": f"×{wording.times_words(rule.multiplier_pm)}"}
    return {"kind": "free"}


def ladder(standing: Standing, book: RuleBook, *, at: dt.datetime) -> list[dict[str, Any]]:
    """Every tier with its threshold, the benefits it has, its gifts on arrival and on the
    birthday, and what it costs in points where the member could buy it."""
    sold = {offer.tier.id: offer for offer in upgrading.offers(standing, book, at=at)}
    steps = []
    for tier in book.tiers:
        pack = book.packs.get(tier.upgrade_pack or 0)
        steps.append(
            {
                "tier": tier,
                "benefits": [
                    benefit.name
                    for benefit, reach in book.benefits
                    if tier.id in (reach.tiers or {tier.id})
                    and (not reach.tags or reach.tags & standing.tags)
                ],
                "gift_points": pack["points"] if pack else 0,
                "gift_bonus_fen": pack["bonus_fen"] if pack else 0,
                "gift_coupons": sum(count for _id, count in pack["coupons"]) if pack else 0,
                "birthday_gift": gift_words.promised(
                    [tier.birthday_pack] if tier.birthday_pack else [], book
                ),
                "is_mine": tier.id == standing.tier_id,
                "sold": sold.get(tier.id),
            }
        )
    return steps
