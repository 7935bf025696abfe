"""The calculator's codes as sentences for people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty.settlement.types import Refused
from members.errors import Refusal

SENTENCES: dict[str, str | Promise] = {
    "nothing_to_settle": _("There is nothing in this sale yet. Enter an amount or an article."),
    "amount_zero": _("The amount is zero. Enter what is to be paid."),
    "amount_negative": _("An amount cannot be negative. To give money back, use the refund."),
    "amount_too_large": _("This amount is too large for one line. Check the digits."),
    "price_missing": _("This article has no price. Enter its amount."),
    "quantity_negative": _("A quantity cannot be negative. To take goods back, use the refund."),
    "quantity_invalid": _("Enter how many units come back, at least one."),
    "points_short": _("The member does not hold that many points."),
    "points_negative": _("Points cannot be negative."),
    "stored_value_negative": _("Stored value to use cannot be negative."),
    "needs_articles": _("This coupon needs articles. Enter the articles, not only an amount."),
    "not_in_scope": _("This coupon fits none of the articles in this sale."),
    "threshold_short": _("The sale is below this coupon's threshold."),
    "first_order_only": _("This coupon is for the first purchase only."),
    "used_up": _("This coupon has no uses left."),
    "saves_nothing": _("This coupon would save nothing here. Leave it for another time."),
    "not_with_member_discount": _("This coupon cannot be used with the member discount."),
    "coupon_unknown": _("This coupon is not one of this member's."),
    "coupon_repeated": _("This coupon was entered twice."),
    "coupons_not_stackable": _("These coupons cannot be used together. Choose one of them."),
    "rule_unexplainable": _("A rule makes no sense as it is set up. Ask the manager to check it."),
    "refund_empty": _("Choose what to refund: articles, an amount, or everything."),
    "refund_exceeds_paid": _("More than was paid cannot be given back. Check what is left."),
    "line_unknown": _("This article is not in the order."),
    "line_repeated": _("This article was chosen twice. Enter the number once."),
    "guest": _("This needs a member. Find the member first."),
}


def refusal_for(error: Refused) -> Refusal:
    """The refusal for a code of the calculator; its numbers come along for the client."""
    sentence = SENTENCES.get(error.code, _("This cannot be done as it was entered."))
    return Refusal(error.code, sentence, details=dict(error.details))
