"""Finding a coupon by what was typed; how many of a kind may still be given."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Sum
from django.db.models.functions import Greatest

from loyalty.models import BulkIssueMember, CouponTemplate, CouponUse
from members.text import plain

LONGEST = CouponTemplate._meta.get_field("code").max_length or 0
Outcome = BulkIssueMember.Outcome


def by_code(text: str) -> CouponTemplate | None:
    """The coupon in use that a typed discount code stands for, in capitals or not."""
    words = plain(text).upper()
    if not words or len(words) > LONGEST:
        return None
    return CouponTemplate.objects.filter(code=words, is_active=True).first()


@dataclass(frozen=True, slots=True)
class Left:
    """How many more may be given (None: no limit), and what would then be used up."""

    count: int | None
    runs_out: str


def left_of(template: CouponTemplate) -> Left:
    """By stock and budget, whichever ends first."""
    stock = None if template.stock is None else max(template.stock - template.issued_count, 0)
    each = template.most_fen
    if template.budget_fen is None or not each:
        return Left(stock, str(Outcome.STOCK))
    budget = max(template.budget_fen - template.budget_used_fen, 0) // each
    if stock is not None and stock <= budget:
        return Left(stock, str(Outcome.STOCK))
    return Left(budget, str(Outcome.BUDGET))


def taken_off(template_id: int) -> int:
    """Fen that coupons of this kind have taken off, less what was undone."""
    uses = CouponUse.objects.filter(coupon__template=template_id, returned=False)
    return int(uses.aggregate(fen=Sum("saved_fen"))["fen"] or 0)


def budget_used(template: CouponTemplate) -> int:
    """The most that the coupons given so far can come to: what each used one took off (or could
    take off, were it given back), and for each other the most it can take off now."""
    each = template.most_fen
    if template.budget_fen is None or each is None:
        return 0
    used = CouponUse.objects.filter(coupon__template=template.pk, returned=False).aggregate(
        count=Count("pk"), fen=Sum(Greatest("saved_fen", each))
    )
    count, fen = int(used["count"]), int(used["fen"] or 0)
    return fen + (template.issued_count - count) * each
