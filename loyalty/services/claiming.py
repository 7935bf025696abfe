"""Points for a purchase made without the card: the receipt's QR gives a guest's sale its member.

Once, within seven days, by a signed address that nobody can guess. Of a sale that was refunded
in part the points of the whole are given and those of what came back are taken at once, as if it
had been the member's from the start: whatever is refunded later takes exactly the rest.
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
from loyalty.locks import AccountBook
from loyalty.models import Entry, MemberStats, Order, OrderLine, OrderStep, RefundLine
from loyalty.money import allocate, cumulative_part
from loyalty.selectors import inputs
from loyalty.services import ledger, returning, spending, tiers
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook
from members import clock
from members.errors import Refusal
from members.services import events

SALT = "loyalty.claiming"
LIFE = dt.timedelta(days=7)
KEPT = frozenset({Order.Status.SETTLED, Order.Status.PART_REFUNDED})
CLAIMED = "claimed"  # in the detail of the step, which the settlement did not make


@dataclass(frozen=True, slots=True)
class Claimable:
    """A guest's sale that may still be claimed, and the points it brings (of what was kept)."""

    order: Order
    points: int


def token(order: Order) -> str:
    """What stands in the receipt's QR."""
    return signing.Signer(salt=SALT).sign(str(order.pk))


def look(*, token: str, at: dt.datetime) -> Claimable:
    """The sale of a receipt. Refuses ``claim_unknown``, ``claim_taken``, ``claim_over``."""
    order = _open(_order_id(token), at)
    _ruleset_id, book = rules_of(None, at)
    points = _points(order, book)
    return Claimable(order, points - sum(_taken(order, points).values()))


def claim(*, token: str, member_id: int, at: dt.datetime) -> dict[str, Any]:
    """Give a guest's sale to this member with the points it earns; one event ``points_claimed``.

    Refuses as ``look`` does, and ``own_card`` for whoever rang the sale up.
    """
    order_id = _order_id(token)
    with locks.waiting_politely(), transaction.atomic():
        locks.lock_order(order_id)
        order = _open(order_id, at)
        accounts = locks.lock_accounts([member_id])
        spending.refuse_own_card(member_id=member_id, actor=order.staff)
        standing = check_standing(inputs.load(member_id=member_id, at=at))
        _ruleset_id, book = rules_of(standing, at)
        points = _points(order, book)
        back = _taken(order, points)
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
        _take_back(order, back, accounts, member_id=member_id, at=at)
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
            data={"order": order_id, "points": points - sum(back.values())},
        )
    return {"order": order_id, "points": points - sum(back.values()), "promotion": promotion}


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
    if order.status not in KEPT or not order.is_valid:
        raise Refusal("claim_undone", _("This purchase was undone or refunded: it has no points."))
    return order


def _points(order: Order, book: RuleBook) -> int:
    """By the policy, on what was paid; a fraction of a point falls to the shop."""
    return order.other_fen * book.points_rule.earn_per_yuan_pm // 100_000


def _line_points(order: Order, points: int) -> list[tuple[OrderLine, int]]:
    """The lines with their shares of the points, by what was paid for each."""
    lines = list(OrderLine.objects.filter(order=order).order_by("index"))
    return list(zip(lines, allocate(points, [line.other_fen for line in lines]), strict=True))


def _taken(order: Order, points: int) -> dict[int, int]:
    """By refund line: the points that its part of the sale would have brought."""
    shares = {line.pk: (line.other_fen, share) for line, share in _line_points(order, points)}
    done: dict[int, tuple[int, int]] = {}
    taken = {}
    for row in RefundLine.objects.filter(refund__order=order).order_by("refund_id", "pk"):
        paid, share = shares[row.line_id]
        fen, before = done.get(row.line_id, (0, 0))
        fen += row.other_fen
        taken[row.pk] = cumulative_part(share, fen, paid, before) if paid else 0
        done[row.line_id] = (fen, before + taken[row.pk])
    return taken


def _give(order: Order, points: int, *, member_id: int, tier_id: int | None) -> None:
    lines = []
    for line, share in _line_points(order, points):
        line.points_earned, line.basis_fen = share, line.other_fen
        lines.append(line)
    OrderLine.objects.bulk_update(lines, ["points_earned", "basis_fen"])
    last = order.steps.aggregate(last=Max("index"))["last"]
    OrderStep.objects.create(
        order=order,
        index=0 if last is None else last + 1,
        kind="earn",
        detail=f"basis_fen={order.other_fen} {CLAIMED}",
        amount_fen=0,
        points=points,
        shares_fen=[0] * len(lines),
    )
    order.member_id, order.tier_id = member_id, tier_id
    order.points_earned, order.basis_fen = points, order.other_fen
    order.save(update_fields=["member", "tier", "points_earned", "basis_fen"])


def _take_back(
    order: Order,
    back: dict[int, int],
    accounts: AccountBook,
    *,
    member_id: int,
    at: dt.datetime,
) -> None:
    """What earlier refunds would have taken: their points, and their part of the basis."""
    basis_fen = 0
    for refund in order.refunds.order_by("pk"):
        rows = list(RefundLine.objects.filter(refund=refund))
        for row in rows:
            row.points_clawed_back, row.basis_fen = back[row.pk], row.other_fen
        RefundLine.objects.bulk_update(rows, ["points_clawed_back", "basis_fen"])
        refund.points_clawed_back = sum(row.points_clawed_back for row in rows)
        refund.basis_fen = sum(row.basis_fen for row in rows)
        refund.save(update_fields=["points_clawed_back", "basis_fen"])
        basis_fen += refund.basis_fen
        returning.take_earned(order, refund, accounts, owner_id=member_id, at=at)
    order.refunded_basis_fen = basis_fen
    order.save(update_fields=["refunded_basis_fen"])


def _count(order: Order, member_id: int) -> None:
    """The member's figures; their first and last order may lie before or after this one."""
    ends = Order.objects.filter(member_id=member_id, is_valid=True).aggregate(
        first=Min("at"), last=Max("at")
    )
    MemberStats.objects.filter(pk=member_id).update(
        first_order_at=ends["first"],
        last_order_at=ends["last"],
        orders_count=F("orders_count") + 1,
        net_fen=F("net_fen") + order.other_fen - order.refunded_net_fen,
        basis_fen=F("basis_fen") + order.basis_fen - order.refunded_basis_fen,
    )
