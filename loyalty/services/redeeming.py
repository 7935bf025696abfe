"""Redeeming without a purchase: one use of a pass, or of a special benefit with its quota."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import QuotaUse
from loyalty.selectors import inputs as selectors
from loyalty.services import checkout, keys, loans, spending
from loyalty.services.working import (
    Cart,
    check_standing,
    free_quota_number,
    member_inputs,
    rules_of,
)
from loyalty.settlement.rulebook import Inputs, Reach, RuleBook, quota_period_key
from loyalty.settlement.types import Benefit, BenefitKind
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events


def redeem_pass(
    *,
    key: uuid.UUID,
    member_id: int,
    coupon_id: int,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
) -> dict[str, Any]:
    """Use a multi-use pass once, as an order of ¥0. Refuses as ``checkout.settle`` does."""
    return checkout.settle(
        key=key,
        cart=Cart(lines=(), member_id=member_id, coupons=(coupon_id,)),
        expected_hash=None,
        tender="cash",
        shop=shop,
        actor=actor,
        at=at,
    )


def redeem_special(
    *,
    key: uuid.UUID,
    member_id: int,
    benefit_id: int,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
    thing: str = "",
) -> dict[str, Any]:
    """Use a special benefit (two new books a month, a trial lesson) once.

    Where it is to be brought back, a loan of ``thing`` (as typed, may be empty) begins: ``loan``
    and ``due`` (its last day) in the answer, else None. Refuses ``benefit_unknown``,
    ``quota_used_up``, ``thing_unreadable``, ``loan_overdue``, ``own_card`` and what keeps it from
    holding here and now.
    """
    spending.refuse_own_card(member_id=member_id, actor=actor)
    staff_id = actor.pk if actor else None
    thing = loans.readable_thing(thing)
    return keys.once(
        key=key,
        kind="redeem",
        content=[member_id, benefit_id, shop.pk, *([thing] if thing else [])],
        staff_id=staff_id,
        at=at,
        effect=lambda: _redeem_special(
            member_id=member_id,
            benefit_id=benefit_id,
            thing=thing,
            shop=shop,
            staff_id=staff_id,
            at=at,
        ),
    )


def _redeem_special(
    *,
    member_id: int,
    benefit_id: int,
    thing: str,
    shop: Shop,
    staff_id: int | None,
    at: dt.datetime,
) -> dict[str, Any]:
    locks.lock_accounts([member_id])
    standing = check_standing(selectors.load(member_id=member_id, at=at))
    _ruleset_id, book = rules_of(standing, at)
    inputs = member_inputs(standing, book, shop_id=shop.pk, at=at)
    benefit, reach = _special(book, inputs, benefit_id)
    used = dict(inputs.quota_used).get(benefit_id, 0)
    reason, detail = reach.obstacle(inputs, quota_used=used)
    if reason:
        raise Refusal(
            reason, _("This benefit cannot be used here and now."), details={"detail": detail}
        )
    rule = book.loans.get(benefit_id)
    if rule is not None and rule.stops_when_overdue:
        loans.refuse_while_overdue(benefit_id=benefit_id, member_id=member_id, at=at)
    use = loan = None
    if reach.quota:
        period = quota_period_key(reach.quota_period, inputs.local.date())
        use = QuotaUse.objects.create(
            benefit_id=benefit_id,
            member_id=member_id,
            period=period,
            number=free_quota_number(standing, benefit_id, period),
            at=at,
        )
    if rule is not None:
        loan = loans.lend(
            rule=rule,
            benefit_id=benefit_id,
            member_id=member_id,
            thing=thing,
            quota_use=use,
            shop=shop,
            staff_id=staff_id,
            at=at,
        )
    out: dict[str, Any] = {}
    if loan is not None:
        out = {"loan": loan.pk, "due": loan.due_on.isoformat()}
    events.record(
        kind="benefit_redeemed",
        at=at,
        member_id=member_id,
        staff_id=staff_id,
        shop_id=shop.pk,
        data={"benefit": benefit_id, "name": benefit.name, **out},
    )
    return {
        "benefit": benefit_id,
        "name": benefit.name,
        "left": reach.quota - used - 1 if reach.quota else None,
        "at": at.isoformat(),
        "loan": out.get("loan"),
        "due": out.get("due"),
    }


def _special(book: RuleBook, inputs: Inputs, benefit_id: int) -> tuple[Benefit, Reach]:
    """The special benefit of this id, if it is meant for the member."""
    for benefit, reach in book.benefits:
        if (
            benefit.id == benefit_id
            and benefit.kind is BenefitKind.SPECIAL
            and reach.for_member(inputs)
        ):
            return benefit, reach
    raise Refusal("benefit_unknown", _("This member does not have this benefit."), field="benefit")
