"""Lent things in words: what it is, until when, how late."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty.models import Loan
from members import clock


@dataclass(frozen=True, slots=True)
class LoanView:
    """A loan for a page. ``tone`` is ok, warn (today) or bad (overdue)."""

    id: int
    thing: str
    benefit: str
    shop: str
    due: str
    tone: str
    is_open: bool
    may_undo: bool


def due_words(due_on: dt.date, day: dt.date) -> tuple[str, str]:
    """(when it is due, as seen on a day; its tone)."""
    late = (day - due_on).days
    if late > 0:
        return ngettext("%(days)s day overdue", "%(days)s days overdue", late) % {
            "days": late
        }, "bad"
    if late == 0:
        return _("due back today"), "warn"
    return _("due back %(day)s") % {"day": day_words(due_on, day)}, "ok"


def day_words(wanted: dt.date, today: dt.date) -> str:
    """A day without its year, unless it is another one."""
    form = "MONTH_DAY_FORMAT" if wanted.year == today.year else "DATE_FORMAT"
    return date_format(wanted, form)


def view(loan: Loan, at: dt.datetime, *, shop_id: int | None = None) -> LoanView:
    """``shop_id``: what was done today in this shop may still be undone."""
    today = clock.local_date(at)
    is_open = loan.status == Loan.Status.OPEN
    done_at = loan.lent_at if is_open else loan.ended_at
    done_in = loan.shop_id if is_open else loan.ended_shop_id
    words, tone = due_words(loan.due_on, today)
    return LoanView(
        id=loan.pk,
        thing=loan.thing or loan.benefit.name,
        benefit=loan.benefit.name if loan.thing else "",
        shop=loan.shop.name,
        due=words if is_open else _("brought back today"),
        tone=tone if is_open else "ok",
        is_open=is_open,
        may_undo=shop_id is not None
        and done_in == shop_id
        and done_at is not None
        and clock.local_date(done_at) == today,
    )
