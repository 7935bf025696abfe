"""Two memberships of one person become one. It cannot be undone; docs/adr/0006 says why so.

One transaction holds both members, the purchases of the one that ends, and both members'
accounts. A sale of the one that ends is either there before, and comes along, or is told to scan
again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from loyalty import locks
from loyalty.models import (
    BirthdayGift,
    CheckIn,
    Coupon,
    Loan,
    MemberStats,
    Order,
    QuotaUse,
)
from loyalty.services import approvals, carrying, keys
from loyalty.services.ledger import Cause
from loyalty.services.statistics import WEEKS_KEPT
from members.models import Member, Staff
from members.services import absorbing, events
from members.services.staff import require


def merge(
    *, key: uuid.UUID, kept_id: int, merged_id: int, actor: Staff, at: dt.datetime
) -> dict[str, Any]:
    """Everything of ``merged`` goes to ``kept``, and ``merged`` is closed for good. The same key
    replays the first answer. Events ``merged`` and ``merged_away``, perhaps ``tier_changed``.

    Refuses ``not_allowed`` and what ``absorbing.hold_both`` refuses.
    """
    require(actor, "merge_members")
    return keys.once(
        key=key,
        kind="merge",
        content=[kept_id, merged_id],
        staff_id=actor.pk,
        at=at,
        effect=lambda: _merge(kept_id=kept_id, merged_id=merged_id, actor=actor, at=at),
    )


def _merge(*, kept_id: int, merged_id: int, actor: Staff, at: dt.datetime) -> dict[str, Any]:
    kept, merged = absorbing.hold_both(kept_id=kept_id, merged_id=merged_id)
    # As a refund takes them: the purchase first, then the accounts.
    orders = Order.objects.filter(member_id=merged_id)
    list(orders.select_for_update().order_by("pk").values_list("pk"))
    book = locks.lock_accounts([kept_id, merged_id])
    facts = {
        "points": book.get(merged_id, "points").balance,
        "principal_fen": book.get(merged_id, "principal").balance,
        "bonus_fen": book.get(merged_id, "bonus").balance,
    }
    carrying.carry_over(book=book, source_id=merged_id, target_id=kept_id, at=at, cause=Cause())
    facts["orders"] = orders.update(member_id=kept_id)
    facts["coupons"] = Coupon.objects.filter(member_id=merged_id).update(member_id=kept_id)
    days = CheckIn.objects.filter(member_id=kept_id).values("day")
    visits = CheckIn.objects.filter(member_id=merged_id).exclude(day__in=days)
    moved_days = visits.update(member_id=kept_id)
    if moved_days:
        _days_running(kept_id)
    facts["loans"] = Loan.objects.filter(member_id=merged_id).update(member_id=kept_id)
    approvals.follow(kept_id=kept_id, merged_id=merged_id, at=at)
    _quotas(kept_id, merged_id)
    _birthdays(kept_id, merged_id)
    before, after = _figures(kept_id, merged_id, moved_days)
    absorbing.absorb(kept=kept, merged=merged, at=at)
    _tell(kept, merged, facts, actor=actor, at=at)
    if before != after:
        events.record(
            kind="tier_changed",
            at=at,
            member_id=kept_id,
            staff_id=actor.pk,
            data={
                "before": before,
                "after": after,
                "points": 0,
                "bonus_fen": 0,
                "coupons": [],
                "order": None,
            },
        )
    return {"kept": kept_id, "merged": merged_id, **facts}


def _days_running(member_id: int) -> None:
    """Count the days running anew: two broken streaks may be one. What a day brought stays."""
    before: CheckIn | None = None
    changed = []
    for row in CheckIn.objects.filter(member_id=member_id).order_by("day"):
        is_next = before is not None and row.day - before.day == dt.timedelta(days=1)
        streak = before.streak + 1 if before is not None and is_next else 1
        if row.streak != streak:
            row.streak = streak
            changed.append(row)
        before = row
    CheckIn.objects.bulk_update(changed, ["streak"], batch_size=500)


def _quotas(kept_id: int, merged_id: int) -> None:
    """Uses of quotas come along where the other has not used the same one in that period."""
    taken = set(
        QuotaUse.objects.filter(member_id=kept_id).values_list("benefit_id", "period", "number")
    )
    free = [
        use.pk
        for use in QuotaUse.objects.filter(member_id=merged_id)
        if (use.benefit_id, use.period, use.number) not in taken
    ]
    QuotaUse.objects.filter(pk__in=free).update(member_id=kept_id)


def _birthdays(kept_id: int, merged_id: int) -> None:
    """The years in which there was a birthday gift come along; it is one person, given once."""
    years = BirthdayGift.objects.filter(member_id=kept_id).values("year")
    gifts = BirthdayGift.objects.filter(member_id=merged_id)
    gifts.exclude(year__in=years).update(member_id=kept_id)


def _figures(kept_id: int, merged_id: int, moved_days: int) -> tuple[int | None, int | None]:
    """Add up the figures; the better tier holds. The kept member's tier (before, after)."""
    rows = MemberStats.objects.select_related("tier").in_bulk([kept_id, merged_id])
    kept, merged = rows[kept_id], rows[merged_id]
    before = kept.tier_id
    rank = {row.pk: row.tier.rank if row.tier else -1 for row in rows.values()}
    if rank[merged_id] > rank[kept_id]:
        kept.tier, kept.tier_since = merged.tier, merged.tier_since
        kept.tier_until = merged.tier_until
    elif rank[merged_id] == rank[kept_id] and kept.tier_until is not None:
        ends = (kept.tier_until, merged.tier_until)
        kept.tier_until = None if merged.tier_until is None else max(end for end in ends if end)
    firsts = [row.first_order_at for row in rows.values() if row.first_order_at]
    lasts = [row.last_order_at for row in rows.values() if row.last_order_at]
    kept.first_order_at, kept.last_order_at = min(firsts, default=None), max(lasts, default=None)
    for name in ("orders_count", "net_fen", "basis_fen"):
        setattr(kept, name, getattr(kept, name) + getattr(merged, name))
        setattr(merged, name, 0)
    kept.checkins_count += moved_days
    merged.checkins_count -= moved_days
    weeks = {
        category: sorted({*kept.category_weeks.get(category, []), *days})[-WEEKS_KEPT:]
        for category, days in merged.category_weeks.items()
    }
    kept.category_weeks = {**kept.category_weeks, **weeks}
    merged.category_weeks = {}
    merged.first_order_at = merged.last_order_at = None
    merged.tier = merged.tier_since = merged.tier_until = None
    kept.save()
    merged.save()
    return before, kept.tier_id


def _tell(
    kept: Member, merged: Member, facts: dict[str, int], *, actor: Staff, at: dt.datetime
) -> None:
    events.record(
        kind="merged",
        at=at,
        member_id=kept.pk,
        staff_id=actor.pk,
        data={**facts, "merged": merged.pk},
    )
    events.record(
        kind="merged_away", at=at, member_id=merged.pk, staff_id=actor.pk, data={"into": kept.pk}
    )
