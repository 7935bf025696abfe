"""A tier for points: the member pays its price and is promoted, or nothing happens.

From then on the tier is like one that was reached by spend: kept as long, with the same gift, the
same days of grace, and the same way down to what the spend has earned.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.locks import AccountBook
from loyalty.models import Entry, MemberStats, TierPurchase
from loyalty.selectors import inputs as selectors
from loyalty.selectors.inputs import Standing
from loyalty.services import confirmations, keys, ledger, spending, tiers
from loyalty.services.spending import Identity
from loyalty.services.working import check_standing, rules_of
from loyalty.settlement.rulebook import RuleBook, TierRule
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events


def buy_tier(
    *,
    key: uuid.UUID,
    member_id: int,
    tier_id: int,
    price_points: int,
    shop: Shop | None,
    actor: Staff | None,
    at: dt.datetime,
    identity: Identity | None = None,
) -> dict[str, Any]:
    """Promote a member to a tier for ``price_points``, the price they saw.

    ``identity`` is how the counter knows whose card it is; None is the member on their own card.
    Refuses ``tier_not_sold``, ``tier_price_changed`` (details: the new price), ``tier_not_above``,
    ``points_short`` (details: held, missing), ``confirmation_needed``, ``spending_away``,
    ``own_card`` and what concerns the member. Events ``tier_bought`` and ``tier_changed``.
    """
    spending.refuse_own_card(member_id=member_id, actor=actor)
    return keys.once(
        key=key,
        kind="buy_tier",
        content=[member_id, tier_id, price_points, shop.pk if shop else None],
        staff_id=actor.pk if actor else None,
        at=at,
        effect=lambda: _buy(
            member_id=member_id,
            tier_id=tier_id,
            price_points=price_points,
            shop_id=shop.pk if shop else None,
            staff_id=actor.pk if actor else None,
            at=at,
            identity=identity,
        ),
    )


def _buy(
    *,
    member_id: int,
    tier_id: int,
    price_points: int,
    shop_id: int | None,
    staff_id: int | None,
    at: dt.datetime,
    identity: Identity | None,
) -> dict[str, Any]:
    accounts = locks.lock_accounts([member_id])
    standing = check_standing(selectors.load(member_id=member_id, at=at))
    book = rules_of(standing, at)[1]
    target = _offered(book, tier_id, price_points)
    _check_place(standing, book, target)
    worth_fen = worth_of(price_points, book)
    if standing.spendable_points < price_points:
        raise _short(standing.spendable_points, price_points)
    if identity is not None:
        _check_identity(identity, member_id=member_id, worth_fen=worth_fen, at=at)
    moves = ledger.spend_moves(
        member_id=member_id,
        kind="points",
        amount=price_points,
        lots=[(lot.id, lot.left) for lot in standing.points_lots],
        side=Entry.Side.UPGRADE,
    )
    ledger.post(book=accounts, moves=moves, at=at, cause=ledger.Cause(reason=target.name))
    columns = tiers.promotion_columns(target, at=at)
    assert columns is not None  # of a target there are always some
    _tier, since, until = columns
    MemberStats.objects.filter(pk=member_id).update(
        tier_id=target.id, tier_since=since, tier_until=until
    )
    row = TierPurchase.objects.create(
        member_id=member_id,
        tier_id=target.id,
        tier_before_id=standing.tier_id,
        since_before=standing.tier_since,
        until_before=standing.tier_until,
        until=until,
        points=price_points,
        points_fen=worth_fen,
        drawn=[[move.lot, -move.delta] for move in moves],
        shop_id=shop_id,
        staff_id=staff_id,
        at=at,
    )
    events.record(
        kind="tier_bought",
        at=at,
        member_id=member_id,
        staff_id=staff_id,
        shop_id=shop_id,
        data={"purchase": row.pk, "tier": target.id, "name": target.name, "points": price_points},
    )
    gift = tiers.celebrate(
        member_id=member_id,
        before=standing.tier_id,
        target=target,
        rulebook=book,
        accounts=accounts,
        order_id=None,
        staff_id=staff_id,
        at=at,
    )
    given = {name: gift[name] for name in ("points", "bonus_fen", "coupons")}
    TierPurchase.objects.filter(pk=row.pk).update(gift=given)
    return _answer(row, target.name, given, accounts)


def _answer(
    row: TierPurchase, name: str, given: dict[str, Any], accounts: AccountBook
) -> dict[str, Any]:
    return {
        "purchase": row.pk,
        "tier": row.tier_id,
        "name": name,
        "points": row.points,
        "until": row.until.isoformat(),
        "gift": given,
        "points_left": accounts.get(row.member_id, "points").balance,
        "at": row.at.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class Offer:
    """A tier above the present one that is to be had for points. ``missing`` is what the member
    lacks; ``until`` the last day it would be kept through if it were bought now."""

    tier: TierRule
    points: int
    missing: int
    until: dt.date

    @property
    def packs(self) -> list[int]:
        """What is given on arrival: one gift pack, or none."""
        return [self.tier.upgrade_pack] if self.tier.upgrade_pack else []


def offers(standing: Standing, book: RuleBook, *, at: dt.datetime) -> list[Offer]:
    """The tiers a member could buy, the lowest first, whether or not they have the points."""
    rank = tiers.rank_of(standing.tier_id, book)
    found = []
    for tier in book.tiers:
        columns = tiers.promotion_columns(tier, at=at)
        if tier.price_points is None or columns is None or (rank is not None and tier.rank <= rank):
            continue
        missing = max(tier.price_points - standing.spendable_points, 0)
        found.append(Offer(tier, tier.price_points, missing, columns[2]))
    return found


def worth_of(points: int, book: RuleBook) -> int:
    """What so many points are worth as money off, in fen: whole steps only."""
    rule = book.points_rule
    return points // rule.step_points * rule.step_value_fen


def _offered(book: RuleBook, tier_id: int, seen_points: int) -> TierRule:
    """The tier as it is offered now, at the price that was seen."""
    target = book.tier_by_id.get(tier_id)
    if target is None or target.price_points is None:
        raise Refusal(
            "tier_not_sold",
            _("This tier is not to be had for points any more."),
            status=409,
            field="tier",
        )
    if target.price_points != seen_points:
        raise Refusal(
            "tier_price_changed",
            _("The price changed meanwhile: it is %(points)s points now. Look, and decide again.")
            % {"points": f"{target.price_points:,}"},
            status=409,
            field="tier",
            details={"price_points": target.price_points},
        )
    return target


def _check_place(standing: Standing, book: RuleBook, target: TierRule) -> None:
    """Refuse a tier that is not above the present one."""
    rank = tiers.rank_of(standing.tier_id, book)
    if rank is not None and rank >= target.rank:
        raise Refusal(
            "tier_not_above",
            _("The card has this tier already, or a better one."),
            status=409,
            field="tier",
        )


def _short(held: int, price: int) -> Refusal:
    return Refusal(
        "points_short",
        _("%(price)s points are needed and %(held)s are there: %(missing)s more.")
        % {"price": f"{price:,}", "held": f"{held:,}", "missing": f"{price - held:,}"},
        field="points",
        details={"held": held, "missing": price - held},
    )


def _check_identity(identity: Identity, *, member_id: int, worth_fen: int, at: dt.datetime) -> None:
    """As any spend of points at the counter: a number alone only says who somebody claims to be."""
    if identity.is_pin_proved:
        return
    if identity.is_code_away:
        raise Refusal(
            "spending_away",
            _(
                "Member codes cannot be read right now, so points cannot be spent here. The member"
                " can upgrade on their own card."
            ),
            status=503,
        )
    if confirmations.required(
        member_id=member_id,
        stored_fen=0,
        points_fen=worth_fen,
        identified_by=identity.by,
        at=at,
    ):
        raise Refusal(
            "confirmation_needed",
            _(
                "So many points need the member: scan the live code, let them upgrade on their own"
                " card, or type their PIN."
            ),
            status=403,
            field="pin",
        )
