"""Stored value paid in: one lot with its principal and bonus, and the plan's gift pack."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Entry, Policy, TopUp, TopUpPlan
from loyalty.selectors import inputs as selectors
from loyalty.selectors.inputs import Standing
from loyalty.services import gifts, keys, ledger, rules, spending
from loyalty.services.working import TENDERS, check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events

MAX_TOP_UP_FEN = 10_000_000  # ¥100,000: a slip of the finger, whatever the card may hold


def top_up(
    *,
    key: uuid.UUID,
    member_id: int,
    plan_id: int | None,
    amount_fen: int | None,
    tender: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
) -> dict[str, Any]:
    """Pay in by a plan, or a free amount without a gift. The same key replays the first answer.

    Refuses ``top_up_amount``, ``plan_unknown``, ``plan_not_for_tier``, ``balance_limit``,
    ``balance_limit_unproved``, ``tender_unknown``, ``own_card`` and what concerns the member.
    """
    spending.refuse_own_card(member_id=member_id, actor=actor)
    if tender not in TENDERS:
        raise Refusal("tender_unknown", _("Choose how it is paid."), field="tender")
    return keys.once(
        key=key,
        kind="top_up",
        content=[member_id, plan_id, amount_fen, tender, shop.pk],
        staff_id=actor.pk if actor else None,
        at=at,
        effect=lambda: _top_up(
            key=key,
            member_id=member_id,
            plan_id=plan_id,
            amount_fen=amount_fen,
            tender=tender,
            shop=shop,
            staff_id=actor.pk if actor else None,
            at=at,
        ),
    )


def _plan(plan_id: int | None, standing: Standing, book: RuleBook) -> TopUpPlan | None:
    if plan_id is None:
        return None
    plan = TopUpPlan.objects.filter(pk=plan_id, is_active=True).first()
    # A plan whose gift is in no published rules would silently come without it.
    if plan is None or (plan.pack_id is not None and plan.pack_id not in book.packs):
        raise Refusal(
            "plan_unknown", _("This plan is no longer offered. Choose another one."), field="plan"
        )
    tiers = set(plan.tiers.values_list("pk", flat=True))
    if tiers and standing.tier_id not in tiers:
        raise Refusal(
            "plan_not_for_tier",
            _("This plan is for other tiers. Choose another one."),
            field="plan",
        )
    return plan


def _check_amount(paid_fen: int, bonus_fen: int, standing: Standing) -> None:
    if not 0 < paid_fen <= MAX_TOP_UP_FEN:
        raise Refusal(
            "top_up_amount",
            _("Enter an amount between ¥0.01 and ¥100,000."),
            field="amount_fen",
        )
    check_limit(paid_fen + bonus_fen, standing, field="amount_fen")


def check_limit(more_fen: int, standing: Standing, *, field: str) -> None:
    """Refuse ``balance_limit`` or ``balance_limit_unproved`` if the card would hold more than it
    may, by law and by settings."""
    refusal = over_limit(more_fen, standing, policy=rules.policy(), field=field)
    if refusal is not None:
        raise refusal


def over_limit(
    more_fen: int, standing: Standing, *, policy: Policy, field: str = ""
) -> Refusal | None:
    """Why so much more does not go onto the card; None where it does."""
    most = policy.most_fen(is_phone_proved=True)
    limit = policy.most_fen(is_phone_proved=standing.is_phone_proved)
    held = standing.value_fen + more_fen
    if held <= limit:
        return None
    code = "balance_limit" if limit == most else "balance_limit_unproved"
    if limit == most:
        sentence = _("A card may hold ¥%(limit)s at most. Choose a smaller amount.")
    elif standing.phone:
        sentence = _(
            "A card whose phone is not confirmed may hold ¥%(limit)s at most. Let the member open"
            " the card once with the code by SMS: then up to ¥%(most)s."
        )
    else:
        sentence = _(
            "A card without a phone may hold ¥%(limit)s at most. Let the member open a card on"
            " their own phone and merge the two: then up to ¥%(most)s."
        )
    return Refusal(
        code,
        sentence % {"limit": f"{limit // 100:,}", "most": f"{most // 100:,}"},
        field=field,
        details={"limit_fen": limit, "would_hold_fen": held},
    )


def _top_up(
    *,
    key: uuid.UUID,
    member_id: int,
    plan_id: int | None,
    amount_fen: int | None,
    tender: str,
    shop: Shop,
    staff_id: int | None,
    at: dt.datetime,
) -> dict[str, Any]:
    accounts = locks.lock_accounts([member_id])
    standing = check_standing(selectors.load(member_id=member_id, at=at))
    _ruleset_id, book = rules_of(standing, at)
    plan = _plan(plan_id, standing, book)
    paid_fen = plan.pay_fen if plan else (amount_fen or 0)
    pack = book.packs.get(plan.pack_id or 0) if plan else None
    bonus_fen = int(pack["bonus_fen"]) if pack else 0
    _check_amount(paid_fen, bonus_fen, standing)
    row = TopUp.objects.create(
        key=key,
        member_id=member_id,
        plan=plan,
        shop=shop,
        staff_id=staff_id,
        at=at,
        local_date=clock.local_date(at),
        paid_fen=paid_fen,
        bonus_fen=bonus_fen,
        tender=tender,
    )
    _pay_in(row, accounts, at=at)
    given = _give_rest(row, pack, book, accounts, at=at)
    events.record(
        kind="topped_up",
        at=at,
        member_id=member_id,
        staff_id=staff_id,
        shop_id=shop.pk,
        data={"top_up": row.pk, "paid_fen": paid_fen, "bonus_fen": bonus_fen},
    )
    return {
        "top_up": row.pk,
        "at": at.isoformat(),
        "paid_fen": paid_fen,
        "bonus_fen": bonus_fen,
        "tender": tender,
        "points": given.points,
        "coupons": given.coupon_ids,
        "balances": {
            "points": accounts.get(member_id, "points").balance,
            "principal_fen": accounts.get(member_id, "principal").balance,
            "bonus_fen": accounts.get(member_id, "bonus").balance,
        },
    }


def _pay_in(row: TopUp, accounts: AccountBook, *, at: dt.datetime) -> None:
    """Principal and bonus go into one lot, so that the law's ratio is the top-up's own."""
    moves = [
        ledger.Move(row.member_id, "principal", row.paid_fen, Entry.Side.CASH, new=0),
        ledger.Move(row.member_id, "bonus", row.bonus_fen, Entry.Side.GIVEN, new=0),
    ]
    lot = ledger.NewLot(
        row.member_id, "value", "top_up", principal=row.paid_fen, bonus=row.bonus_fen
    )
    ledger.post(
        book=accounts,
        moves=moves,
        new_lots=[lot],
        at=at,
        cause=ledger.Cause(top_up_id=row.pk),
    )


def _give_rest(
    row: TopUp, pack: Any, book: RuleBook, accounts: AccountBook, *, at: dt.datetime
) -> gifts.Given:
    """The pack's points, coupons and tier; its bonus lies in the top-up's lot already."""
    if pack is None:
        return gifts.Given()
    return gifts.give(
        member_id=row.member_id,
        pack=pack,
        rulebook=book,
        accounts=accounts,
        source="top_up",
        order_id=None,
        at=at,
        with_bonus=False,
    )
