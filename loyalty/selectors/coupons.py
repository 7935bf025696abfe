"""Finding a coupon by what was typed."""

from __future__ import annotations

from loyalty.models import CouponTemplate
from members.text import plain

LONGEST = CouponTemplate._meta.get_field("code").max_length or 0


def by_code(text: str) -> CouponTemplate | None:
    """The coupon in use that a typed discount code stands for, in capitals or not."""
    words = plain(text).upper()
    if not words or len(words) > LONGEST:
        return None
    return CouponTemplate.objects.filter(code=words, is_active=True).first()
