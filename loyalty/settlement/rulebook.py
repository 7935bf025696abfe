"""From a snapshot of the rules and a buyer's inputs to the sale that the calculator works out.

Pure: the snapshot is plain data (what ``RuleSet.snapshot`` holds), the inputs are plain data
(what ``Order.inputs`` holds), so that any order can be worked out again years later.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loyalty.settlement.streaks import StreakRule
from loyalty.settlement.types import (
    Ask,
    Benefit,
    BenefitKind,
    Buyer,
    Coupon,
    CouponKind,
    Line,
    PointsRule,
    RoundingMode,
    Sale,
    Scope,
    ScopeKind,
    ValueLot,
)


@dataclass(frozen=True, slots=True)
class WalletCoupon:
    """A coupon the member holds. Times are epoch seconds (from inclusive, to exclusive)."""

    id: int
    template_id: int
    uses_left: int
    valid_from: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything about the buyer and the moment that a settlement depends on.

    ``local`` is the shop's wall clock (naive). ``quota_used`` maps a benefit id to the uses in
    its present period. ``points`` is what may be spent, after debt.
    """

    lines: tuple[Line, ...]
    ask: Ask
    shop_id: int
    channel: str
    at: int  # epoch seconds
    local: dt.datetime
    is_holiday: bool = False
    member_id: int | None = None
    tier_id: int | None = None
    tags: frozenset[int] = frozenset()
    birthday: tuple[int, int] | None = None  # month, day
    is_first_order: bool = False
    points: int = 0
    lots: tuple[ValueLot, ...] = ()
    coupons: tuple[WalletCoupon, ...] = ()
    quota_used: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TierRule:
    id: int
    name: str
    rank: int
    threshold_fen: int
    dual_threshold_fen: int | None
    dual_checkins: int | None
    keep_months: int
    grace_days: int
    upgrade_pack: int | None
    price_points: int | None = None  # a snapshot of before names none
    birthday_pack: int | None = None  # nor this

    def reached(self, *, progress_fen: int, checkins: int) -> bool:
        """A tier starts at progress ≥ its threshold; or on the dual track, by both of its parts."""
        if progress_fen >= self.threshold_fen:
            return True
        return (
            self.dual_threshold_fen is not None
            and self.dual_checkins is not None
            and progress_fen >= self.dual_threshold_fen
            and checkins >= self.dual_checkins
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """Who, when and where a rule holds."""

    tiers: frozenset[int]
    tags: frozenset[int]
    shops: frozenset[int]
    channels: frozenset[str]
    when: str
    days: frozenset[int]
    date_from: dt.date | None
    date_to: dt.date | None
    time_from: dt.time | None
    time_to: dt.time | None
    quota: int
    quota_period: str

    def for_member(self, inputs: Inputs) -> bool:
        """Whether the rule is meant for this member at all (others are not shown it)."""
        if self.tiers and inputs.tier_id not in self.tiers:
            return False
        return not self.tags or bool(self.tags & inputs.tags)

    def obstacle(self, inputs: Inputs, *, quota_used: int = 0) -> tuple[str, str]:
        """Why the rule does not hold here and now: (reason code, detail), or two empty texts."""
        if self.shops and inputs.shop_id not in self.shops:
            return "wrong_shop", ""
        if self.channels and inputs.channel not in self.channels:
            return "wrong_channel", ""
        day = self._day_obstacle(inputs)
        if day[0]:
            return day
        if self.time_from is not None or self.time_to is not None:
            start = self.time_from or dt.time.min
            end = self.time_to or dt.time.max
            now = inputs.local.time()
            inside = start <= now < end if start < end else now >= start or now < end
            if not inside:
                return "wrong_hour", f"{start:%H:%M}-{end:%H:%M}"
        if self.quota and quota_used >= self.quota:
            return "quota_used_up", str(self.quota)
        return "", ""

    def _day_obstacle(self, inputs: Inputs) -> tuple[str, str]:
        day = inputs.local.date()
        match self.when:
            case "monthdays" if day.day not in self.days:
                return "wrong_day", ",".join(str(d) for d in sorted(self.days))
            case "weekdays" if day.isoweekday() not in self.days:
                return "wrong_weekday", ",".join(str(d) for d in sorted(self.days))
            case "birthday" if not is_birthday(day, inputs.birthday):
                return "not_birthday", ""
            case "birthday_month" if not inputs.birthday or inputs.birthday[0] != day.month:
                return "not_birthday_month", ""
            case "holidays" if not inputs.is_holiday:
                return "not_holiday", ""
        if self.date_from is not None and day < self.date_from:
            return "not_yet", self.date_from.isoformat()
        if self.date_to is not None and day > self.date_to:
            return "over", self.date_to.isoformat()
        return "", ""


@dataclass(frozen=True, slots=True)
class LoanRule:
    """What a special benefit gives is brought back within ``days``."""

    days: int
    stops_when_overdue: bool


def is_birthday(day: dt.date, birthday: tuple[int, int] | None) -> bool:
    """Whether the birthday (month, day) is kept on this day."""
    return birthday is not None and day == _kept_in(day.year, birthday)


def birthdays_on(day: dt.date) -> list[tuple[int, int]]:
    """The birthdays (month, day) that are kept on this day."""
    last = calendar.monthrange(day.year, day.month)[1]
    return [
        (day.month, number) for number in range(day.day, 32 if day.day == last else day.day + 1)
    ]


def next_birthday(day: dt.date, birthday: tuple[int, int]) -> dt.date:
    """The day it is kept on next, today included."""
    this_year = _kept_in(day.year, birthday)
    return this_year if this_year >= day else _kept_in(day.year + 1, birthday)


def _kept_in(year: int, birthday: tuple[int, int]) -> dt.date:
    """29 February is kept on the 28th in other years."""
    month, day = birthday
    return dt.date(year, month, min(day, calendar.monthrange(year, month)[1]))


class RuleBook:
    """A snapshot read once and kept: what every settlement by these rules needs."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        policy = snapshot["policy"]
        self.policy: Mapping[str, Any] = policy
        self.points_rule = PointsRule(
            earn_per_yuan_pm=policy["earn_per_yuan_pm"],
            step_points=policy["step_points"],
            step_value_fen=policy["step_value_fen"],
            cap_pm=policy["points_cap_pm"],
            minimum_points=policy["points_minimum"],
            earn_on_bonus=policy["earn_on_bonus"],
            earn_on_points=policy["earn_on_points"],
        )
        self.rounding = RoundingMode(policy["rounding"])
        self.tiers = tuple(
            sorted((TierRule(**row) for row in snapshot["tiers"]), key=lambda tier: tier.rank)
        )
        self.tier_by_id = {tier.id: tier for tier in self.tiers}
        self.packs: dict[int, Mapping[str, Any]] = {row["id"]: row for row in snapshot["packs"]}
        # An older snapshot knows no gifts for days running.
        self.streaks = tuple(StreakRule(*row) for row in policy.get("streaks", ()))
        self.benefits = tuple((_benefit(row), _reach(row)) for row in snapshot["benefits"])
        self.templates = {row["id"]: (_template(row), _reach(row)) for row in snapshot["templates"]}
        self.template_rows = {row["id"]: row for row in snapshot["templates"]}
        parents = {int(key): value for key, value in snapshot["categories"].items()}
        self.ancestors = {key: _ancestors(key, parents) for key in parents}
        self.quota_periods = {
            benefit.id: reach.quota_period for benefit, reach in self.benefits if reach.quota
        }

        self.loans = {
            row["id"]: LoanRule(row["return_days"], row["stops_when_overdue"])
            for row in snapshot["benefits"]
            if row.get("return_days")
        }

    def sale(self, inputs: Inputs) -> Sale:
        """The sale for the calculator, with what cannot be used marked with its reason."""
        if inputs.member_id is None:
            return Sale(
                lines=inputs.lines,
                buyer=Buyer(),
                points_rule=self.points_rule,
                rounding=self.rounding,
                ask=inputs.ask,
            )
        used = dict(inputs.quota_used)
        benefits = []
        for benefit, reach in self.benefits:
            if not reach.for_member(inputs):
                continue
            reason, detail = reach.obstacle(inputs, quota_used=used.get(benefit.id, 0))
            if reason:
                benefit = replace(benefit, unavailable=reason, unavailable_detail=detail)
            benefits.append(benefit)
        return Sale(
            lines=inputs.lines,
            buyer=Buyer(
                is_member=True,
                points=inputs.points,
                lots=inputs.lots,
                is_first_order=inputs.is_first_order,
            ),
            benefits=tuple(benefits),
            coupons=tuple(self._coupons(inputs)),
            points_rule=self.points_rule,
            rounding=self.rounding,
            ask=inputs.ask,
        )

    def _coupons(self, inputs: Inputs) -> Iterable[Coupon]:
        for held in inputs.coupons:
            found = self.templates.get(held.template_id)
            if found is None:
                continue
            template, reach = found
            reason, detail = reach.obstacle(inputs)
            if held.valid_from > inputs.at:
                opens = inputs.local + dt.timedelta(seconds=held.valid_from - inputs.at)
                reason, detail = "not_yet", opens.date().isoformat()
            yield replace(
                template,
                id=held.id,
                template_id=held.template_id,
                uses_left=held.uses_left,
                expires=held.expires_at,
                unavailable=reason,
                unavailable_detail=detail,
            )

    def tier_for(self, *, progress_fen: int, checkins: int) -> TierRule | None:
        """The highest tier that this progress holds."""
        best = None
        for tier in self.tiers:
            if tier.reached(progress_fen=progress_fen, checkins=checkins):
                best = tier
        return best


def _ancestors(category: int, parents: Mapping[int, int | None]) -> frozenset[int]:
    found = {category}
    current = parents.get(category)
    while current is not None and current not in found:
        found.add(current)
        current = parents.get(current)
    return frozenset(found)


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(ScopeKind(row["scope"]), frozenset(row["ids"]))


def _benefit(row: Mapping[str, Any]) -> Benefit:
    return Benefit(
        id=row["id"],
        kind=BenefitKind(row["kind"]),
        name=row["name"],
        rank=row["rank"],
        scope=_scope(row),
        rate_pm=row["rate_pm"],
        nth_n=row["nth_n"],
        amount_fen=row["amount_fen"],
        threshold_fen=row["threshold_fen"],
        multiplier_pm=row["multiplier_pm"],
        prices=tuple((product, fen) for product, fen in row["prices"]),
        stacks=row["stacks"],
        only_stored_value=row["only_stored_value"],
        first_order_only=row["first_order_only"],
    )


def _template(row: Mapping[str, Any]) -> Coupon:
    return Coupon(
        id=0,
        kind=CouponKind(row["kind"]),
        template_id=row["id"],
        name=row["name"],
        scope=_scope(row),
        amount_fen=row["amount_fen"],
        rate_pm=row["rate_pm"],
        cap_fen=row["cap_fen"],
        threshold_fen=row["threshold_fen"],
        # A snapshot of before knows only thresholds after the member discount.
        threshold_on_list=row.get("threshold_on_list", False),
        nth_n=row["nth_n"],
        multiplier_pm=row["multiplier_pm"],
        stackable=row["stackable"],
        not_with_member_discount=row["not_with_member_discount"],
        first_order_only=row["first_order_only"],
    )


def _reach(row: Mapping[str, Any]) -> Reach:
    def day(text: str | None) -> dt.date | None:
        return dt.date.fromisoformat(text) if text else None

    def hour(text: str | None) -> dt.time | None:
        return dt.time.fromisoformat(text) if text else None

    return Reach(
        tiers=frozenset(row.get("tiers", ())),
        tags=frozenset(row.get("tags", ())),
        shops=frozenset(row["shops"]),
        channels=frozenset(row["channels"]),
        when=row.get("when", "always"),
        days=frozenset(row.get("days", ())),
        date_from=day(row.get("date_from")),
        date_to=day(row.get("date_to")),
        time_from=hour(row["time_from"]),
        time_to=hour(row["time_to"]),
        quota=row.get("quota", 0),
        quota_period=row.get("quota_period", ""),
    )


def quota_period_key(period: str, day: dt.date) -> str:
    """The name of the period that ``day`` lies in, as quota uses are stored."""
    keys: dict[str, Callable[[], str]] = {
        "day": day.isoformat,
        "week": lambda: (day - dt.timedelta(days=day.weekday())).isoformat(),
        "month": lambda: f"{day:%Y-%m}",
        "year": lambda: f"{day:%Y}",
        "ever": lambda: "ever",
    }
    return keys[period]()
