"""The first page: how today goes, what is left to set up, and whether the house is in order."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.models import CouponTemplate, NightlyRun, Product, RuleSet, Tier, TopUpPlan
from loyalty.money import format_yuan
from loyalty.selectors import approvals, planned, today
from loyalty.selectors.today import Day
from members import clock
from members.models import CardFace, Member, Shop, Staff
from members.services.staff import may, staff_shops


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, what it was yesterday, and the list behind it."""

    title: str
    value: str
    before: str
    link: str
    is_more: bool = False


def page(person: Staff, *, at: dt.datetime) -> dict[str, Any]:
    """What the first page shows this person: figures of their shops, first steps, last night."""
    shops = list(staff_shops(person))
    day = clock.local_date(at)
    tiles = _tiles(shops, day) if may(person, "report") and shops else []
    steps = _first_steps() if may(person, "rules") else []
    return {
        "title": _("Today"),
        "shops": shops,
        "tiles": tiles,
        "steps": [step for step in steps if not step.is_done],
        "steps_done": sum(step.is_done for step in steps),
        "steps_all": len(steps),
        "night": _last_night() if may(person, "report") else None,
        "may_rule": may(person, "rules"),
        "waiting": approvals.waiting_for(person).count(),
        "failed_changes": planned.count_failed() if may(person, "report") else 0,
    }


def _tiles(shops: list[Shop], day: dt.date) -> list[Tile]:
    before = day - dt.timedelta(days=1)
    found = today.day_figures(shop_ids=[shop.pk for shop in shops], days=[day, before])
    now, then = found[day], found[before]
    of_today = {"local_date_from": day, "local_date_to": day}
    orders = _list("loyalty_order", of_today)
    top_ups = _list("loyalty_topup", of_today)
    members = _list("members_member", {})
    used = _list("loyalty_coupon", {"status__exact": "used"})
    return [
        _tile(_("Sales"), now.net_fen, then.net_fen, format_yuan, orders),
        _tile(_("Purchases"), now.orders, then.orders, str, orders),
        Tile(_("Members’ share"), _share(now), _share(then), orders),
        _tile(_("New members"), now.new_members, then.new_members, str, members),
        _tile(_("Stored value paid in"), now.paid_in_fen, then.paid_in_fen, format_yuan, top_ups),
        _tile(_("Coupons used"), now.coupons_used, then.coupons_used, str, used),
    ]


def _list(name: str, filters: dict[str, Any]) -> str:
    """The list behind a figure."""
    return f"{reverse(f'admin:{name}_changelist')}?{urlencode(filters)}"


def _tile(title: str, now: int, then: int, words: Any, link: str) -> Tile:
    # The day is not over: what is more already is news, what is less so far is none.
    return Tile(title, words(now), words(then), link, is_more=now > then)


def _share(day: Day) -> str:
    share = day.member_share_pm
    return "–" if share is None else f"{(share + 5) // 10}%"


@dataclass(frozen=True, slots=True)
class Step:
    """Something a new shop needs, and where it is made."""

    title: Promise
    text: Promise
    url: str
    is_done: bool


def _first_steps() -> list[Step]:
    """What a shop needs before its first sale."""
    return [
        Step(
            lazy("Enter your shop"),
            lazy("Its name stands on the receipt and on the card."),
            "admin:members_shop_changelist",
            Shop.objects.exists(),
        ),
        Step(
            lazy("Choose the tiers"),
            lazy("For example Silver from ¥501 and Gold from ¥2,001."),
            "admin:loyalty_tier_changelist",
            Tier.objects.filter(is_active=True).exists(),
        ),
        Step(
            lazy("Say what points are worth"),
            lazy("For example 1 point for each yuan, and 100 points for ¥1 off."),
            "admin:loyalty_policy_changelist",
            # The first version may be the night's, of what nobody has looked at yet.
            RuleSet.objects.all()[1:2].exists(),
        ),
        Step(
            lazy("Make a first coupon"),
            lazy("Best a welcome gift that brings new members back within a week."),
            "admin:loyalty_coupontemplate_add",
            CouponTemplate.objects.exists(),
        ),
        Step(
            lazy("Offer a top-up"),
            lazy("For example pay 500, get 100 on top."),
            "admin:loyalty_topupplan_add",
            TopUpPlan.objects.exists(),
        ),
        Step(
            lazy("Give the card its face"),
            lazy("Your colour and a slogan."),
            "admin:members_cardface_add",
            CardFace.objects.exists(),
        ),
        Step(
            lazy("Enter what you sell"),
            lazy("Or do without: the counter takes plain amounts."),
            "admin:loyalty_product_add",
            Product.objects.exists(),
        ),
        Step(
            lazy("Add your staff"),
            lazy("Each cashier signs in with their own name: the trail then says who did what."),
            "admin:members_staff_add",
            Staff.objects.filter(role=Staff.Role.CASHIER, is_active=True).exists(),
        ),
        Step(
            lazy("Open the first card"),
            lazy("At the counter, with a phone number."),
            "counter:home",
            Member.objects.exists(),
        ),
    ]


def _last_night() -> NightlyRun | None:
    """The last time the ledger was proved."""
    return (
        NightlyRun.objects.filter(job=NightlyRun.Job.RECONCILE, finished_at__isnull=False)
        .order_by("-local_date")
        .first()
    )
