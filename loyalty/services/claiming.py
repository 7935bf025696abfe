"""Points for a purchase made without the card: the receipt's QR gives a guest's sale its member.

Once, within seven days, by a signed address that nobody can guess.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import F, Max, Min
from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import Entry, MemberStats, Order, OrderLine
from loyalty.money import allocate
from loyalty.selectors import inputs
from loyalty.services import ledger, spending, tiers
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.services import events

SALT = "loyalty.claiming"
LIFE = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Claimable:
    """A guest's sale that may still be claimed, and the points it brings."""

    order: Order
    points: int


def token(order: Order) -> str:
    """What stands in the receipt's QR."""
    return signing.Signer(salt=SALT).sign(str(order.pk))


def look(*, token: str, at: dt.datetime) -> Claimable:
    """The sale of a receipt. Refuses ``claim_unknown``, ``claim_taken``, ``claim_over``."""
    order = _open(_order_id(token), at)
    _ruleset_id, book = rules_of(None, at)
    return Claimable(order, _points(order, book))


def claim(*, token: str, member_id: int, at: dt.datetime) -> dict[str, Any]:
    """Give a guest's sale to this member with the points it earns; one event ``points_claimed``.

    Refuses as ``look`` does, and ``own_card`` for whoever rang the sale up.
    """
    order_id = _order_id(token)
    with locks.waiting_politely(), transaction.atomic():
        accounts = locks.lock_accounts([member_id])
        locks.lock_order(order_id)
        order = _open(order_id, at)
        spending.refuse_own_card(member_id=member_id, actor=order.staff)
        standing = check_standing(inputs.load(member_id=member_id, at=at))
        _ruleset_id, book = rules_of(standing, at)
        points = _points(order, book)
        _give(order, points, member_id=member_id, tier_id=standing.tier_id)
        moves, lots = ledger.earn_moves(
            member_id=member_id,
            points=points,
            debt=accounts.get(member_id, "points").debt,
            side=Entry.Side.ISSUED,
            source="order",
            expires_at=clock.end_of_validity(at, months=book.policy["points_months"]),
        )
        ledger.post(
            book=accounts,
            moves=moves,
            new_lots=lots,
            at=at,
            cause=ledger.Cause(order_id=order_id),
        )
        _count(order, member_id)
        standing = check_standing(inputs.load(member_id=member_id, at=at))
        promotion = tiers.promote_if_due(
            standing=standing,
            rulebook=book,
            accounts=accounts,
            checkins=standing.checkins,
            staff_id=None,
            at=at,
        )
        events.record(
            kind="points_claimed",
            at=at,
            member_id=member_id,
            shop_id=order.shop_id,
            data={"order": order_id, "points": points},
        )
    return {"order": order_id, "points": points, "promotion": promotion}


def _order_id(token: str) -> int:
    try:
        return int(signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise _unknown() from error


def _unknown() -> Refusal:
    return Refusal(
        "claim_unknown",
        _("This receipt cannot be read. Scan its code once more."),
        status=404,
    )


def _open(order_id: int, at: dt.datetime) -> Order:
    """The sale, while nobody has it and nothing of it was undone."""
    order = Order.objects.select_related("shop", "staff").filter(pk=order_id).first()
    if order is None or order.is_imported:
        raise _unknown()
    if order.member_id is not None:
        raise Refusal(
            "claim_taken", _("The points of this receipt have been claimed already."), status=409
        )
    if at - order.at > LIFE:
        raise Refusal("claim_over", _("Points can be claimed for seven days; these are over."))
    if order.status != Order.Status.SETTLED or not order.is_valid:
        raise Refusal("claim_undone", _("This purchase was undone or refunded: it has no points."))
    return order


def _points(order: Order, book: RuleBook) -> int:
    """By the policy, on what was paid; a fraction of a point falls to the shop."""
    return order.other_fen * book.points_rule.earn_per_yuan_pm // 100_000


def _give(order: Order, points: int, *, member_id: int, tier_id: int | None) -> None:
    lines = list(OrderLine.objects.filter(order=order).order_by("index"))
    paid = [line.other_fen for line in lines]
    for line, share in zip(lines, allocate(points, paid), strict=True):
        line.points_earned, line.basis_fen = share, line.other_fen
    OrderLine.objects.bulk_update(lines, ["points_earned", "basis_fen"])
    order.member_id, order.tier_id = member_id, tier_id
    order.points_earned, order.basis_fen = points, order.other_fen
    order.save(update_fields=["member", "tier", "points_earned", "basis_fen"])


def _count(order: Order, member_id: int) -> None:
    """The member's figures; their first and last order may lie before or after this one."""
    ends = Order.objects.filter(member_id=member_id, is_valid=True).aggregate(
        first=Min("at"), last=Max("at")
    )
    MemberStats.objects.filter(pk=member_id).update(
        first_order_at=ends["first"],
        last_order_at=ends["last"],
        orders_count=F("orders_count") + 1,
        net_fen=F("net_fen") + order.other_fen,
        basis_fen=F("basis_fen") + order.other_fen,
    )
