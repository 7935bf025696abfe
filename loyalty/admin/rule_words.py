"""Rules in words: what a column says, and what a whole rule does."""

from __future__ import annotations

from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from loyalty.counter.wording import (
    WEEKDAYS,
    details_of,
    not_applied_title,
    on_list_words,
    points_words,
    rate_words,
    reason_text,
    step_text,
    step_title,
    times_words,
)
from loyalty.models import Benefit, CouponTemplate, Policy, Tier
from loyalty.money import ceil_ratio, format_yuan, yuan_text
from loyalty.services.examples import Example
from loyalty.services.rivals import AMOUNT, POINTS, Rival
from loyalty.settlement.types import Step, StepKind


def value_words(model: Any, key: str, value: Any) -> str:
    """A column's value as the form shows it: yuan, 折, words for choices, "–" for nothing."""
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key.endswith("_fen"):
        return format_yuan(value)
    if key.endswith("points"):
        return f"{value:,}"
    if key == "rate_pm":
        return rate_words(value)
    if key == "multiplier_pm":
        return f"×{times_words(value)}"
    if key == "points_cap_pm":
        return f"{value // 10}%"
    if key == "earn_per_yuan_pm":
        return times_words(value)
    field = {field.name: field for field in model._meta.fields}.get(key)
    if field is not None and field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, list):
        return "、".join(str(part) for part in value)
    return number_format(value) if isinstance(value, int) else str(value)


def coupon_words(row: CouponTemplate | Benefit) -> str:
    """What a coupon or benefit takes off, in one line."""
    words = _kind_words(row)
    if row.threshold_fen and row.kind != "amount_off":
        words = _("%(words)s from %(threshold)s") % {
            "words": words,
            "threshold": format_yuan(row.threshold_fen),
        }
    is_on_list = isinstance(row, CouponTemplate) and row.threshold_on_list
    return on_list_words(words) if is_on_list else words


def _kind_words(row: CouponTemplate | Benefit) -> str:
    match row.kind:
        case "amount_off" if row.threshold_fen:
            return _("%(amount)s off from %(threshold)s") % {
                "amount": format_yuan(row.amount_fen),
                "threshold": format_yuan(row.threshold_fen),
            }
        case "amount_off":
            return _("%(amount)s off") % {"amount": format_yuan(row.amount_fen)}
        case "percent":
            return _percent_words(row)
        case "exchange":
            return _("one article free")
        case "pass":
            uses = row.uses if isinstance(row, CouponTemplate) else 1
            return ngettext("%(count)s use", "%(count)s uses", uses) % {"count": uses}
        case "nth_unit" if row.rate_pm == 0:
            return _("1 in %(n)s is free") % {"n": row.nth_n}
        case "nth_unit":
            return _("1 in %(n)s at %(rate)s") % {"n": row.nth_n, "rate": rate_words(row.rate_pm)}
        case "multiplier":
            return _("points × %(times)s") % {"times": times_words(row.multiplier_pm)}
        case "member_price":
            return _("member price")
    return _special_words(row) if isinstance(row, Benefit) else ""


def _special_words(row: Benefit) -> str:
    if not row.return_days:
        return row.text
    return ngettext(
        "%(text)s, brought back within %(days)s day",
        "%(text)s, brought back within %(days)s days",
        row.return_days,
    ) % {"text": row.text, "days": row.return_days}


def _percent_words(row: CouponTemplate | Benefit) -> str:
    by_value = isinstance(row, Benefit) and row.only_stored_value
    words = _("pay %(rate)s by stored value") if by_value else _("pay %(rate)s")
    words %= {"rate": rate_words(row.rate_pm)}
    cap_fen = row.cap_fen if isinstance(row, CouponTemplate) else None
    if cap_fen:
        return _("%(words)s, %(amount)s at most") % {
            "words": words,
            "amount": format_yuan(cap_fen),
        }
    return words


def validity_words(row: CouponTemplate) -> str:
    if row.valid_days is not None:
        return ngettext(
            "%(days)s day from the day it is given",
            "%(days)s days from the day it is given",
            row.valid_days,
        ) % {"days": row.valid_days}
    return _("%(from)s to %(to)s") % {
        "from": date_format(row.valid_from, "SHORT_DATE_FORMAT") if row.valid_from else "–",
        "to": date_format(row.valid_to, "SHORT_DATE_FORMAT") if row.valid_to else "–",
    }


def example_view(example: Example) -> dict[str, Any]:
    """An example for the page: the way of the price, each step, and what was not used and why."""
    result = example.settlement
    return {
        "tier": example.tier_name,
        "path": " → ".join(format_yuan(fen) for fen in example.path_fen),
        "sentence": _example_sentence(example),
        "pay": format_yuan(example.path_fen[-1]),
        "steps": [
            {
                "name": step_title(str(step.kind), step.name),
                "text": step_text(str(step.kind), step.detail, points=step.points),
                "amount_fen": step.amount_fen,
                "points": step.points,
            }
            for step in result.steps
            if step.kind not in ("other", "stored_value")
        ],
        "not_used": [
            {"name": not_applied_title(other), "text": reason_text(other)}
            for other in result.not_applied
            if other.reason not in ("not_asked", "stored_value_empty")
        ],
        "points": result.points_earned,
    }


def _example_sentence(example: Example) -> str:
    """ "Of ¥100 pay ¥85, then ¥20 off from ¥100 → ¥65" where one coupon is what it is about."""
    steps = example.settlement.steps
    coupons = [step for step in steps if step.kind is StepKind.COUPON and step.amount_fen]
    if len(coupons) != 1:
        return ""
    price_off = sum(
        step.amount_fen for step in steps if step.kind in (StepKind.PRICE, StepKind.AMOUNT_OFF)
    )
    gross_fen = example.settlement.gross_fen
    facts = {
        "list": _plain_yuan(gross_fen),
        "price": _plain_yuan(gross_fen - price_off),
        "coupon": _used_words(coupons[0]),
        "pay": _plain_yuan(example.path_fen[-1]),
    }
    if price_off:
        return _("Of %(list)s pay %(price)s, then %(coupon)s → %(pay)s") % facts
    return _("Of %(list)s, %(coupon)s → %(pay)s") % facts


def _plain_yuan(fen: int) -> str:
    return pgettext("an amount in a sentence", "¥%(amount)s") % {
        "amount": yuan_text(fen).removesuffix(".00")
    }


def _used_words(step: Step) -> str:
    found = details_of(step.detail)
    if "off_fen" not in found:
        return step_text(str(step.kind), step.detail) or step.name
    facts = {"amount": _bare(found["off_fen"]), "threshold": _bare(found.get("threshold_fen", "0"))}
    if facts["threshold"] == "0":
        return pgettext("in a sentence", "¥%(amount)s off") % facts
    return pgettext("in a sentence", "¥%(amount)s off from ¥%(threshold)s") % facts


def _bare(fen: str) -> str:
    return yuan_text(int(fen)).removesuffix(".00")


def budget_words(row: CouponTemplate, *, used_fen: int, taken_off_fen: int) -> list[str]:
    """How far a budget goes, and what of it was really given away; nothing without a budget."""
    each = row.most_fen
    if row.budget_fen is None or not each:
        return []
    count = row.budget_fen // each
    lines = [
        ngettext(
            "A budget of %(budget)s is enough for %(count)s coupon of up to %(each)s.",
            "A budget of %(budget)s is enough for %(count)s coupons of up to %(each)s each.",
            count,
        )
        % {"budget": format_yuan(row.budget_fen), "each": format_yuan(each), "count": f"{count:,}"}
    ]
    if row.issued_count:
        left = max(row.budget_fen - used_fen, 0) // each
        lines.append(
            ngettext(
                "%(given)s is given and counts as %(used)s, used or not. %(left)s more can be"
                " given. Really taken off so far: %(taken)s.",
                "%(given)s are given and count as %(used)s, used or not. %(left)s more can be"
                " given. Really taken off so far: %(taken)s.",
                row.issued_count,
            )
            % {
                "given": f"{row.issued_count:,}",
                "used": format_yuan(used_fen),
                "left": f"{left:,}",
                "taken": format_yuan(taken_off_fen),
            }
        )
    return lines


def when_words(row: Benefit) -> str:
    """When a benefit holds, in one line."""
    match row.when:
        case "monthdays":
            words = _("on day %(days)s of the month") % {"days": "、".join(map(str, row.days))}
        case "weekdays":
            names = [str(WEEKDAYS[day - 1]) for day in row.days if 1 <= day <= len(WEEKDAYS)]
            words = _("on %(days)s") % {"days": "、".join(names)}
        case "dates" if row.date_from and row.date_to:
            words = _("%(from)s to %(to)s") % {
                "from": date_format(row.date_from, "SHORT_DATE_FORMAT"),
                "to": date_format(row.date_to, "SHORT_DATE_FORMAT"),
            }
        case other:
            words = str(Benefit.When(other).label)
    if row.quota:
        period = Benefit.QuotaPeriod(row.quota_period).label if row.quota_period else ""
        words += " · " + _("%(count)s times %(period)s") % {"count": row.quota, "period": period}
    return words


def rival_words(name: str, rival: Rival) -> str:
    """What happens where two benefits meet."""
    names = {"one": name, "other": rival.name, "winner": rival.winner}
    if rival.winner is None:
        return (
            _("“%(one)s” and “%(other)s” can meet: on each purchase the one that saves more wins.")
            % names
        )
    if rival.group == POINTS:
        return (
            _("“%(one)s” and “%(other)s” can meet: the larger one counts, that is “%(winner)s”.")
            % names
        )
    if rival.group == AMOUNT:
        return (
            _(
                "“%(one)s” and “%(other)s” can meet: the one that takes off more counts, that is"
                " “%(winner)s”."
            )
            % names
        )
    return (
        _("“%(one)s” and “%(other)s” can meet: the better one wins, that is “%(winner)s”.") % names
    )


def tier_words(tier: Tier, *, birthday_gift: str = "") -> str:
    """How one comes into a tier, how long one stays, and what the birthday brings; nothing while
    it is half filled in."""
    if None in (tier.threshold_fen, tier.keep_months):
        return ""
    words = _way_in(tier)
    if not birthday_gift:
        return words
    return _("%(words)s Each year on the birthday: %(gift)s.") % {
        "words": words,
        "gift": birthday_gift,
    }


def _way_in(tier: Tier) -> str:
    if tier.threshold_fen == 0:
        return _("Everybody starts here.")
    words = _("From %(amount)s spent") % {"amount": format_yuan(tier.threshold_fen)}
    if tier.dual_threshold_fen is not None and tier.dual_checkins is not None:
        words = _("%(words)s, or from %(amount)s with %(days)s check-ins") % {
            "words": words,
            "amount": format_yuan(tier.dual_threshold_fen),
            "days": tier.dual_checkins,
        }
    if tier.price_points:
        words = _("%(words)s, or for %(points)s") % {
            "words": words,
            "points": points_words(tier.price_points),
        }
    words = _("%(words)s. Kept for %(months)s months") % {
        "words": words,
        "months": tier.keep_months,
    }
    if tier.grace_days:
        words = _("%(words)s, then %(days)s days of grace") % {
            "words": words,
            "days": tier.grace_days,
        }
    return _("%(words)s.") % {"words": words}


def price_words(tier: Tier, sheet: Policy) -> str:
    """What a tier's price in points comes to as money off; nothing where it has none."""
    if not tier.price_points:
        return ""
    worth_fen = tier.price_points // sheet.step_points * sheet.step_value_fen
    return _("%(points)s, else worth %(amount)s off") % {
        "points": points_words(tier.price_points),
        "amount": format_yuan(worth_fen),
    }


def price_warning(tier: Tier, sheet: Policy) -> str:
    """Where the points for a tier come sooner than the spend for it: else nothing."""
    if not (tier.price_points and tier.threshold_fen and sheet.earn_per_yuan_pm):
        return ""
    needed_fen = ceil_ratio(tier.price_points * 100_000, sheet.earn_per_yuan_pm)
    if needed_fen >= tier.threshold_fen:
        return ""
    return _(
        "Purchases of %(needed)s bring these points: sooner than the %(threshold)s of spend. Is"
        " that meant?"
    ) % {"needed": format_yuan(needed_fen), "threshold": format_yuan(tier.threshold_fen)}
