"""A typed discount code gives a member its coupon, within stock, budget and the member's limit."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty import locks
from loyalty.models import BulkIssueMember, Coupon, CouponTemplate
from loyalty.selectors import inputs
from loyalty.selectors.coupons import left_of
from loyalty.services import coupons
from loyalty.services.working import check_standing, rules_of
from members.errors import Refusal
from members.models import Shop, Staff
from members.services import events

SOURCE = "code"


def take(
    *,
    template: CouponTemplate,
    member_id: int,
    shop: Shop,
    actor: Staff | None,
    at: dt.datetime,
) -> int:
    """Put the code's coupon on the member's card; its id. One event ``code_taken``.

    One that is still unused there is the answer; without a limit of its own a code is good once
    a member. Refuses ``discount_code_used``, ``coupon_budget_spent`` and ``discount_code_over``.
    """
    with locks.waiting_politely(), transaction.atomic():
        locks.lock_accounts([member_id])
        had = Coupon.objects.filter(member_id=member_id, template=template, source=SOURCE)
        unused = had.filter(status=Coupon.Status.ACTIVE, expires_at__gt=at).first()
        if unused is not None:
            return unused.pk
        if template.per_member_limit is None and had.exists():
            raise _used()
        _ruleset_id, book = rules_of(check_standing(inputs.load(member_id=member_id, at=at)), at)
        row = book.template_rows.get(template.pk)
        given = row and coupons.issue(
            member_id=member_id, template=row, count=1, source=SOURCE, order_id=None, at=at
        )
        if not given:
            raise _used() if had.exists() else _none_left(template)
        events.record(
            kind="code_taken",
            at=at,
            member_id=member_id,
            staff_id=actor.pk if actor else None,
            shop_id=shop.pk,
            data={"template": template.pk, "name": template.name, "code": template.code},
        )
        return given[0]


def _used() -> Refusal:
    return Refusal(
        "discount_code_used",
        _("This member has used this code already. Go on without it."),
        status=409,
        field="entry",
    )


def _none_left(template: CouponTemplate) -> Refusal:
    template.refresh_from_db()
    left = left_of(template)
    if left.count == 0 and left.runs_out == BulkIssueMember.Outcome.BUDGET:
        return Refusal(
            "coupon_budget_spent",
            _("The budget of this coupon is used up. Go on without it, or ask the owner for more."),
            status=409,
            field="entry",
        )
    return Refusal(
        "discount_code_over",
        _("This code is over or all of its coupons are gone. Go on without it."),
        status=409,
        field="entry",
    )
