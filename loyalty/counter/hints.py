"""What is worth saying to a member now: nearly there, what they usually buy, what they may use."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from loyalty.counter import gift_words, loan_words, wording
from loyalty.counter.access import Till
from loyalty.models import CheckIn, Order, Policy, Product, TopUpPlan
from loyalty.selectors import loans, plans
from loyalty.selectors.inputs import Standing
from loyalty.services import offers, tiers, top_ups, upgrading
from loyalty.services.working import Worked, member_inputs
from loyalty.settlement import calculator, streaks
from loyalty.settlement.rulebook import LoanRule, RuleBook
from loyalty.settlement.types import BenefitKind, NotApplied, Refused, Settlement, ValueLot
from members import clock

LOOKED_BACK = 20  # orders
USUAL = 3  # articles
FAR = 20  # visits to the next tier that are still worth telling
NEAR_PM = 500  # a threshold is near when at most half of the present amount is missing


def of_member(
    standing: Standing | None,
    book: RuleBook | None,
    quote: dict[str, Any] | None,
    *,
    till: Till,
    at: dt.datetime,
) -> dict[str, Any]:
    """For the member's column; everything empty for a guest. Three statements, four where
    things are lent."""
    if standing is None or book is None:
        return {"visits": 0, "near": None, "usual": [], "specials": [], "checked_in": None}
    today = clock.local_date(at)
    late = loans.overdue_benefits(standing.id, day=today) if book.loans else set()
    return {
        "visits": _visits(standing, book),
        "near": near(quote) if quote else None,
        "usual": usual(standing.id),
        "specials": specials(standing, book, late, shop_id=till.shop.pk, at=at),
        "is_late": bool(late),
        **_check_in(standing.id, book, day=today),
    }


def _check_in(member_id: int, book: RuleBook, *, day: dt.date) -> dict[str, Any]:
    """Whether the member has checked in today, else what checking in now brings beside points."""
    yesterday = day - dt.timedelta(days=1)
    rows = CheckIn.objects.filter(member_id=member_id, day__in=(yesterday, day))
    known = dict(rows.values_list("day", "streak"))
    if day in known:
        return {"checked_in": True}
    gifts = streaks.gifts_on(book.streaks, known.get(yesterday, 0) + 1)
    return {
        "checked_in": False,
        "checkin_gift": gift_words.promised((rule.pack for rule in gifts), book),
    }


def _visits(standing: Standing, book: RuleBook) -> int:
    """Visits of the usual size to the next tier; 0 when nobody can say, or it is far away."""
    tier = tiers.next_tier(standing, book)
    missing_fen = tier.threshold_fen - tiers.progress_fen(standing, book) if tier else 0
    visits = offers.visits_to(standing, missing_fen) if missing_fen > 0 else 0
    return visits if visits <= FAR else 0


def near(quote: dict[str, Any]) -> dict[str, Any] | None:
    """The offer that a little more would open: "¥12 more for 满100减20"."""
    limit = quote["gross_fen"] * NEAR_PM // 1000
    short = [
        other
        for other in quote["not_applied"]
        if other["reason"] == "threshold_short" and 0 < other["missing_fen"] <= limit
    ]
    return min(short, key=lambda other: int(other["missing_fen"]), default=None)


def usual(member_id: int) -> list[Product]:
    """What they bought most often lately; one statement."""
    lately = Order.objects.filter(member_id=member_id, is_valid=True).order_by("-at")
    bought = Product.objects.filter(
        orderline__order__in=lately.values("pk")[:LOOKED_BACK],
        is_active=True,
        is_placeholder=False,
        price_fen__isnull=False,
    )
    return list(bought.annotate(times=Count("pk")).order_by("-times", "pk")[:USUAL])


def specials(
    standing: Standing, book: RuleBook, late: set[int], *, shop_id: int, at: dt.datetime
) -> list[dict[str, Any]]:
    """The shop's special benefits for this member: what is left, or why not now. By those in
    ``late`` something is overdue."""
    inputs = member_inputs(standing, book, shop_id=shop_id, at=at)
    used = dict(inputs.quota_used)
    today = clock.local_date(at)
    found = []
    for benefit, reach in book.benefits:
        if benefit.kind is not BenefitKind.SPECIAL or not reach.for_member(inputs):
            continue
        times = used.get(benefit.id, 0)
        reason, detail = reach.obstacle(inputs, quota_used=times)
        why = NotApplied(reason=reason, name=benefit.name, detail=detail) if reason else None
        rule = book.loans.get(benefit.id)
        words = wording.reason_text(why) if why else ""
        if not words and rule is not None and rule.stops_when_overdue and benefit.id in late:
            words = _("something is overdue")
        found.append(
            {
                "id": benefit.id,
                "name": benefit.name,
                "left": max(reach.quota - times, 0) if reach.quota else None,
                "quota": reach.quota,
                "why": words,
                "due": _due(today, rule) if rule is not None else "",
            }
        )
    return found


def _due(today: dt.date, rule: LoanRule) -> str:
    """When something lent now is due back."""
    return loan_words.due_words(today + dt.timedelta(days=rule.days), today)[0]


def top_up_saving(worked: Worked, policy: Policy) -> dict[str, Any] | None:
    """What this sale would cost less after a top-up: the smallest plan that saves anything and
    that the card may take."""
    standing = worked.standing
    if standing is None:
        return None
    for plan in plans.plans_for(standing.tier_id):
        if top_ups.over_limit(plan.total_fen, standing, policy=policy) is not None:
            continue
        saved = saved_by(worked, plan)
        if saved > 0:
            return {"plan": plan, "saved_fen": saved}
    return None


def saved_by(worked: Worked, plan: TopUpPlan) -> int:
    """Fen that paying this sale from a fresh top-up by ``plan`` would save."""
    bonus = plan.pack.bonus_fen if plan.pack else 0
    lot = ValueLot(id=0, principal_fen=plan.pay_fen, bonus_fen=bonus)
    asked = replace(
        worked.inputs,
        lots=(*worked.inputs.lots, lot),
        ask=replace(worked.inputs.ask, use_stored_value=True, stored_value_fen=None),
    )
    try:
        then = calculator.settle(worked.book.sale(asked))
    except Refused:
        return 0
    return _costs(worked.settlement) - _costs(then)


def _costs(result: Settlement) -> int:
    return result.other_fen + result.stored_paid_fen


def upgrades(
    standing: Standing | None, book: RuleBook | None, *, at: dt.datetime
) -> list[upgrading.Offer]:
    """The tiers the member has enough points for."""
    if standing is None or book is None:
        return []
    return [offer for offer in upgrading.offers(standing, book, at=at) if not offer.missing]
