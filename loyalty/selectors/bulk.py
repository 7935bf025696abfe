"""Who would get a coupon given to many, and who is left out why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet

from loyalty.models import BulkIssueMember, Coupon, CouponTemplate, CouponUse
from loyalty.selectors.coupons import left_of
from members.models import Member

Outcome = BulkIssueMember.Outcome

PREVIEW = """
SELECT count(*), count(*) FILTER (WHERE m.status = 'frozen'),
    count(*) FILTER (WHERE m.status = 'closed'),
    count(*) FILTER (WHERE m.status = 'active' AND h.held >= %s)
FROM ({audience}) AS chosen(id) JOIN members_member m ON m.id = chosen.id
LEFT JOIN (
    SELECT member_id, count(*) AS held FROM loyalty_coupon WHERE template_id = %s GROUP BY 1
) h ON h.member_id = m.id
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """How many were chosen, how many get the coupon, how many are left out for which reason."""

    chosen: int
    gets: int
    left_out: tuple[tuple[str, int], ...]

    @property
    def mark(self) -> str:
        """What somebody saw before saying yes."""
        return f"{self.chosen}:{self.gets}"


def audience_sql(audience: QuerySet[Member]) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the ids of these members, each once."""
    rows = audience.order_by().values_list("pk", flat=True).distinct()
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return "SELECT 0::bigint WHERE false", ()
    return sql, tuple(values)


def preview(*, audience: QuerySet[Member], template: CouponTemplate) -> Preview:
    """What giving one coupon to each of these members would come to now. Reads only."""
    sql, values = audience_sql(audience)
    limit = template.per_member_limit
    with connection.cursor() as cursor:
        cursor.execute(
            PREVIEW.format(audience=sql),
            [2**31 if limit is None else limit, *values, template.pk],
        )
        chosen, frozen, closed, full = cursor.fetchone()
    able = chosen - frozen - closed - full
    left = left_of(template)
    gets = able if left.count is None else min(able, left.count)
    reasons = (
        (Outcome.FROZEN, frozen),
        (Outcome.CLOSED, closed),
        (Outcome.LIMIT, full),
        (left.runs_out, able - gets),
    )
    return Preview(chosen, gets, tuple((str(key), count) for key, count in reasons if count))


def left_out(issue_id: int) -> list[tuple[str, int]]:
    """How many of a bulk issue's members got nothing, by reason."""
    rows = (
        BulkIssueMember.objects.filter(issue_id=issue_id)
        .exclude(outcome__in=[Outcome.WAITING, Outcome.GIVEN])
        .order_by("outcome")
        .values_list("outcome")
        .annotate(count=Count("pk"))
    )
    return [(outcome, count) for outcome, count in rows]


def count_unused(issue_id: int) -> int:
    """How many of a bulk issue's coupons can be taken back: usable still, and never used."""
    used = CouponUse.objects.filter(coupon=OuterRef("coupon"), returned=False)
    given = BulkIssueMember.objects.filter(issue_id=issue_id, coupon__status=Coupon.Status.ACTIVE)
    return given.filter(~Exists(used)).count()
