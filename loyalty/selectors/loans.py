"""What members have out."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q, QuerySet

from loyalty.models import Loan

Status = Loan.Status


def open_of(member_id: int) -> QuerySet[Loan]:
    """What a member has out, the soonest due first."""
    return Loan.objects.filter(member_id=member_id, status=Status.OPEN).order_by("due_on", "pk")


def shown(member_id: int, *, since: dt.datetime) -> list[Loan]:
    """What a member has out, and what came back since a moment."""
    rows = Loan.objects.filter(member_id=member_id).filter(
        Q(status=Status.OPEN) | Q(status=Status.RETURNED, ended_at__gte=since)
    )
    return list(rows.select_related("benefit", "shop").order_by("due_on", "pk"))


def overdue(*, benefit_id: int, member_id: int, day: dt.date) -> Loan | None:
    """What a member should have brought back before this day, the longest overdue one."""
    late = open_of(member_id).filter(benefit_id=benefit_id, due_on__lt=day)
    return late.select_related("benefit").first()


def overdue_benefits(member_id: int, *, day: dt.date) -> set[int]:
    """By which benefits a member has something overdue."""
    late = open_of(member_id).filter(due_on__lt=day)
    return set(late.order_by().values_list("benefit_id", flat=True))
