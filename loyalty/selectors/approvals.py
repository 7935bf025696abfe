"""Requests for a second person: which somebody sees, and which wait for them."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from loyalty.models import Approval
from members.models import Staff
from members.services.staff import may, staff_shops


def seen_by(person: Staff) -> QuerySet[Approval]:
    """Those of one's own shops, and those of no shop; an owner's all."""
    rows = Approval.objects.all()
    if person.role == Staff.Role.OWNER:
        return rows
    return rows.filter(Q(shop__isnull=True) | Q(shop__in=staff_shops(person)))


def waiting_for(person: Staff) -> QuerySet[Approval]:
    """What this person may decide now."""
    if not may(person, "approve"):
        return Approval.objects.none()
    rows = seen_by(person).filter(status=Approval.Status.WAITING).exclude(asked_by=person)
    shops = staff_shops(person)  # an owner's closed shops are seen, but nothing is done in them
    return rows.filter(Q(shop__isnull=True) | Q(shop__in=shops))
