"""A day's figures for the first page of the back office."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, Sum

from loyalty.models import CouponUse, Order, Refund, TopUp
from members import clock
from members.models import Member

NET = F("other_fen") + F("principal_fen")


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of some shops. Money in fen; a refund counts on its own day."""

    net_fen: int = 0
    member_net_fen: int = 0
    orders: int = 0
    new_members: int = 0
    paid_in_fen: int = 0
    coupons_used: int = 0

    @property
    def member_share_pm(self) -> int | None:
        """Members' part of the sales, per mille; None without sales."""
        return self.member_net_fen * 1000 // self.net_fen if self.net_fen > 0 else None


def day_figures(*, shop_ids: Collection[int], days: Collection[dt.date]) -> dict[dt.date, Day]:
    """The figures of each day, in five statements."""
    here = {"shop_id__in": shop_ids, "local_date__in": days}
    is_member = Q(member__isnull=False, member__is_test=False)
    sales = _by_day(
        Order.objects.filter(**here).values("local_date"),
        net=Sum(NET),
        member_net=Sum(NET, filter=is_member),
        count=Count("pk", filter=Q(is_valid=True)),
    )
    returned = _by_day(
        Refund.objects.filter(**here).values("local_date"),
        net=Sum(NET),
        member_net=Sum(NET, filter=Q(order__member__isnull=False, order__member__is_test=False)),
    )
    paid_in = _by_day(
        TopUp.objects.filter(**here, undone_at__isnull=True).values("local_date"),
        total=Sum("paid_fen"),
    )
    used = _by_day(
        CouponUse.objects.filter(
            order__shop_id__in=shop_ids, order__local_date__in=days, returned=False
        ).values(local_date=F("order__local_date")),
        total=Count("pk"),
    )
    joined = _joined(shop_ids, days)
    return {
        day: Day(
            net_fen=_of(sales, day, "net") - _of(returned, day, "net"),
            member_net_fen=_of(sales, day, "member_net") - _of(returned, day, "member_net"),
            orders=_of(sales, day, "count"),
            new_members=joined[day],
            paid_in_fen=_of(paid_in, day, "total"),
            coupons_used=_of(used, day, "total"),
        )
        for day in days
    }


def _by_day(rows: Any, **sums: Any) -> dict[dt.date, dict[str, Any]]:
    return {row["local_date"]: row for row in rows.annotate(**sums).order_by()}


def _of(rows: dict[dt.date, dict[str, Any]], day: dt.date, name: str) -> int:
    return (rows[day][name] or 0) if day in rows else 0


def _joined(shop_ids: Collection[int], days: Collection[dt.date]) -> dict[dt.date, int]:
    counts = Member.objects.filter(joined_shop_id__in=shop_ids, is_test=False).aggregate(
        **{
            day.isoformat(): Count(
                "pk",
                filter=Q(
                    joined_at__gte=clock.start_of_day(day),
                    joined_at__lt=clock.start_of_day(day + dt.timedelta(days=1)),
                ),
            )
            for day in days
        }
    )
    return {day: counts[day.isoformat()] for day in days}
