"""The calculator's codes as sentences for people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.settlement.types import Refused
from members.errors import Refusal

SENTENCES: dict[str, str | Promise] = {
    "amount_zero": _("The amount is zero. Enter what is to be paid."),
    "amount_negative": _("An amount cannot be negative. To give money back, use the refund."),
    "amount_too_large": _("This amount is too large for one line. Check the digits."),
    "quantity_negative": _("A quantity cannot be negative. To take goods back, use the refund."),
    "quantity_zero": _("The quantity is zero. Enter how many, or take the line off."),
    "points_short": _("The member does not hold that many points."),
    "points_negative": _("Points cannot be negative."),
    "points_below_minimum": _("That is fewer points than can be used at once."),
    "value_short": _("The stored value is not enough for that."),
    "needs_articles": _("This coupon needs articles. Enter the articles, not only an amount."),
    "threshold_short": _("The sale is below this coupon's threshold."),
    "rule_unexplainable": _("A rule makes no sense as it is set up. Ask the manager to check it."),
    "refund_exceeds_paid": _("More than was paid cannot be given back. Check what is left."),
    "guest": _("This needs a member. Find the member first."),
    "coupon_unknown": _("This coupon is not one of this member's."),
    "coupons_do_not_stack": _("These coupons cannot be used together. Choose one of them."),
}


def refusal_for(error: Refused) -> Refusal:
    """The refusal for a code of the calculator; its numbers come along for the client."""
    sentence = SENTENCES.get(error.code, _("This cannot be done as it was entered."))
    return Refusal(error.code, sentence, details=dict(error.details))
