"""Quote and settle: a sale, from what the cashier entered to the rows that prove it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _
from psycopg.errors import UniqueViolation

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Entry
from loyalty.selectors.inputs import Standing
from loyalty.services import keys, ledger, order_rows, spending, statistics, tiers
from loyalty.services.spending import Identity
from loyalty.services.working import TENDERS, Cart, CartLine, Worked, free_quota_number, work_out
from loyalty.settlement.rulebook import quota_period_key
from members import clock
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events

__all__ = ["Cart", "CartLine", "Identity", "QuoteChanged", "Worked", "quote", "settle"]

RECEIPT_ONCE = "loyalty_order_external_no_key"  # the unique constraint


class QuoteChanged(Refusal):
    """What the cashier saw is no longer what would be settled; carries the new quote."""

    def __init__(self, worked: Worked) -> None:
        super().__init__(
            "quote_changed",
            _("Something changed since this was worked out. Look at the new amount and confirm."),
            status=409,
        )
        self.worked = worked


def quote(*, cart: Cart, shop: Shop, at: dt.datetime) -> Worked:
    """Work the sale out as it would be settled at ``at``. Writes nothing, locks nothing."""
    return work_out(cart=cart, shop=shop, at=at)


def settle(
    *,
    key: uuid.UUID,
    cart: Cart,
    expected_hash: str | None,
    tender: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
    identity: Identity | None = None,
) -> dict[str, Any]:
    """Settle a sale once. The same key again replays the first answer (``replayed``: True).

    ``expected_hash`` is the quote's hash the cashier confirmed; None settles what comes out.
    ``identity``: how the member was told at a counter; None where a program vouches for them.
    Refuses ``quote_changed`` (409) with the new quote, ``own_card``, ``confirmation_needed``,
    and all that ``quote`` refuses.
    """
    spending.refuse_own_card(member_id=cart.member_id, actor=actor)
    if tender not in TENDERS:
        raise Refusal(
            "tender_unknown", _("Choose how the rest is paid."), field="tender", status=400
        )
    return keys.once(
        key=key,
        kind="settle",
        content=[cart.content(), tender, shop.pk],
        staff_id=actor.pk if actor else None,
        at=at,
        effect=lambda: _settle(
            key=key,
            cart=cart,
            expected_hash=expected_hash,
            tender=tender,
            shop=shop,
            actor=actor,
            at=at,
            identity=identity,
        ),
    )


def _settle(
    *,
    key: uuid.UUID,
    cart: Cart,
    expected_hash: str | None,
    tender: str,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
    identity: Identity | None,
) -> dict[str, Any]:
    accounts = AccountBook()
    if cart.member_id is not None:
        accounts = locks.lock_accounts([cart.member_id])
    worked = work_out(cart=cart, shop=shop, at=at)
    if expected_hash is not None and expected_hash != worked.hash:
        raise QuoteChanged(worked)
    if identity is not None:
        spending.check(worked=worked, identity=identity, at=at)
    staff_id = actor.pk if actor else None
    try:
        order_id = order_rows.write(
            worked=worked,
            key=key,
            external_no=cart.external_no,
            tender=tender,
            staff_id=staff_id,
            quotas=_quotas(worked),
            at=at,
        )
    except IntegrityError as error:
        _refuse_known_receipt(error)
        raise
    promoted = None
    if worked.standing is not None:
        _post(worked, worked.standing, accounts, order_id=order_id, at=at)
        promoted = _update_standing(
            worked, worked.standing, accounts, order_id=order_id, staff_id=staff_id, at=at
        )
    events.record(
        kind="settled",
        at=at,
        member_id=cart.member_id,
        staff_id=staff_id,
        shop_id=shop.pk,
        data={
            "order": order_id,
            "net_fen": worked.settlement.other_fen + worked.settlement.principal_fen,
        },
    )
    return _answer(worked, accounts, order_id=order_id, tender=tender, promoted=promoted, at=at)


def _refuse_known_receipt(error: IntegrityError) -> None:
    """Say it in a sentence, if the receipt's number is what the database refused."""
    cause = error.__cause__
    if isinstance(cause, UniqueViolation) and cause.diag.constraint_name == RECEIPT_ONCE:
        raise Refusal(
            "receipt_known",
            _("A sale with this receipt number is there already. Look it up by its number."),
            status=409,
            field="external_no",
        ) from error


def _quotas(worked: Worked) -> list[tuple[int, str, int]]:
    if worked.standing is None or not worked.book.quota_periods:
        return []
    day = worked.inputs.local.date()
    quotas = []
    for benefit in worked.settlement.benefit_ids:
        if benefit in worked.book.quota_periods:
            period = quota_period_key(worked.book.quota_periods[benefit], day)
            quotas.append((benefit, period, free_quota_number(worked.standing, benefit, period)))
    return quotas


def _post(
    worked: Worked, standing: Standing, accounts: AccountBook, *, order_id: int, at: dt.datetime
) -> None:
    result = worked.settlement
    moves = ledger.spend_moves(
        member_id=standing.id,
        kind="points",
        amount=result.points_used,
        lots=[(lot.id, lot.left) for lot in standing.points_lots],
        side=Entry.Side.REDEEMED,
    )
    for draw in result.draws:
        moves += ledger.draw_moves(standing.id, draw)
    earned, new_lots = ledger.earn_moves(
        member_id=standing.id,
        points=result.points_earned,
        debt=accounts.get(standing.id, "points").debt,
        side=Entry.Side.ISSUED,
        source="order",
        expires_at=clock.end_of_validity(at, months=worked.book.policy["points_months"]),
    )
    ledger.post(
        book=accounts,
        moves=moves + earned,
        new_lots=new_lots,
        at=at,
        cause=ledger.Cause(order_id=order_id),
    )


def _update_standing(
    worked: Worked,
    standing: Standing,
    accounts: AccountBook,
    *,
    order_id: int,
    staff_id: int | None,
    at: dt.datetime,
) -> dict[str, Any] | None:
    result = worked.settlement
    target = tiers.due_promotion(
        book=worked.book,
        tier_id=standing.tier_id,
        progress_fen=tiers.progress_fen(standing, worked.book) + result.basis_fen,
        checkins=standing.checkins,
    )
    statistics.count_order(
        standing=standing,
        worked=worked,
        promotion=tiers.promotion_columns(target, at=at),
        at=at,
    )
    if target is None:
        return None
    return tiers.celebrate(
        member_id=standing.id,
        before=standing.tier_id,
        target=target,
        rulebook=worked.book,
        accounts=accounts,
        order_id=order_id,
        staff_id=staff_id,
        at=at,
    )


def _answer(
    worked: Worked,
    accounts: AccountBook,
    *,
    order_id: int,
    tender: str,
    promoted: dict[str, Any] | None,
    at: dt.datetime,
) -> dict[str, Any]:
    result = worked.settlement
    balances = {}
    if worked.standing is not None:
        balances = {
            "points": accounts.get(worked.standing.id, "points").balance,
            "principal_fen": accounts.get(worked.standing.id, "principal").balance,
            "bonus_fen": accounts.get(worked.standing.id, "bonus").balance,
        }
    return {
        "order": order_id,
        "at": at.isoformat(),
        "gross_fen": result.gross_fen,
        "base_fen": result.base_fen,
        "points_used": result.points_used,
        "points_fen": result.points_fen,
        "stored_cover_fen": result.stored_cover_fen,
        "stored_paid_fen": result.stored_paid_fen,
        "principal_fen": result.principal_fen,
        "bonus_fen": result.bonus_fen,
        "rounding_fen": result.rounding_fen,
        "to_pay_fen": result.other_fen,
        "tender": tender,
        "points_earned": result.points_earned,
        "coupons": [use.coupon_id for use in result.coupon_uses],
        "balances": balances,
        "promoted": promoted,
    }
