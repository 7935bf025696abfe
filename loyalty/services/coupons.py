"""Issuing, withdrawing and expiring coupons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import BigIntegerField, Case, F, Q, When

from loyalty.models import Coupon, CouponTemplate
from members import clock
from members.services import codes

# What one more coupon counts against the budget; nothing where there is none.
COUNTS_FEN = Case(
    When(budget_fen__isnull=True, then=0),
    When(kind=CouponTemplate.Kind.PERCENT, then=F("cap_fen")),
    default=F("amount_fen"),
    output_field=BigIntegerField(),
)


def validity(template: Mapping[str, Any], at: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """(usable from, usable until, exclusive) of a coupon issued at ``at``.

    "N days" is usable through the whole of the day N days on.
    """
    if template["valid_days"] is not None:
        last = clock.local_date(at) + dt.timedelta(days=template["valid_days"])
        return at, clock.start_of_day(last + dt.timedelta(days=1))
    first = dt.date.fromisoformat(template["valid_from"])
    last = dt.date.fromisoformat(template["valid_to"])
    return clock.start_of_day(first), clock.start_of_day(last + dt.timedelta(days=1))


def issue(
    *,
    member_id: int,
    template: Mapping[str, Any],
    count: int,
    source: str,
    order_id: int | None,
    at: dt.datetime,
) -> list[int]:
    """Give a member up to ``count`` coupons of a template (as it stands in the snapshot).

    Fewer, or none, when the stock, the budget or the member's limit does not allow more, when the
    template's time is over, or when it was put out of use. Returns the coupons' ids. The member's
    accounts are locked.
    """
    valid_from, expires_at = validity(template, at)
    count = min(count, _allowed(template["id"], member_id))
    if count <= 0 or expires_at <= at:
        return []
    taken = (
        CouponTemplate.objects.filter(pk=template["id"], is_active=True)
        .filter(Q(stock__isnull=True) | Q(stock__gte=F("issued_count") + count))
        .filter(
            Q(budget_fen__isnull=True)
            | Q(budget_fen__gte=F("budget_used_fen") + COUNTS_FEN * count)
        )
        .update(
            issued_count=F("issued_count") + count,
            budget_used_fen=F("budget_used_fen") + COUNTS_FEN * count,
        )
    )
    if not taken:
        return []
    rows = Coupon.objects.bulk_create(
        Coupon(
            code=code,
            template_id=template["id"],
            member_id=member_id,
            uses_left=template["uses"],
            issued_at=at,
            valid_from=valid_from,
            expires_at=expires_at,
            source=source,
            given_by_order_id=order_id,
        )
        for code in codes.new_coupon_codes(count)
    )
    return [row.pk for row in rows]


def _allowed(template_id: int, member_id: int) -> int:
    """How many more the member may get by the template's limit."""
    limit = CouponTemplate.objects.values_list("per_member_limit", flat=True).get(pk=template_id)
    if limit is None:
        return 10_000
    return limit - Coupon.objects.filter(template_id=template_id, member_id=member_id).count()


def withdraw_given_by(order_id: int) -> int:
    """Withdraw the unused coupons that an order brought; how many."""
    return Coupon.objects.filter(given_by_order_id=order_id, status=Coupon.Status.ACTIVE).update(
        status=Coupon.Status.WITHDRAWN
    )


def expire(*, at: dt.datetime) -> int:
    """Mark what can no longer be used; how many. Runs nightly, may run twice."""
    return Coupon.objects.filter(status=Coupon.Status.ACTIVE, expires_at__lte=at).update(
        status=Coupon.Status.EXPIRED
    )
