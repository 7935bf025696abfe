"""What a page without rows says: what belongs there and what to do first, with one button."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class FirstStep:
    """``url`` and ``label`` lead elsewhere; without them the button adds a row here."""

    text: Promise
    url: str = ""
    label: Promise | str = ""


def _at_counter(text: Promise) -> FirstStep:
    return FirstStep(text, "counter:home", _("Open the counter"))


FIRST_STEPS: dict[str, FirstStep] = {
    "shop": FirstStep(_("Your shop’s name stands on every receipt and on the card.")),
    "member": _at_counter(
        _("Nobody has a card yet. Open the first one at the counter, with a phone number.")
    ),
    "tag": FirstStep(_("Tags group members by hand. Make one, then choose who wears it.")),
    "cardface": FirstStep(_("The card is plain still. Give it your colour and a slogan.")),
    "topupplan": FirstStep(_("Offer a top-up, for example pay 500, get 100 on top.")),
    "benefit": FirstStep(
        _("Say what members get, for example 10% off for Gold, or the second cup at half price.")
    ),
    "coupontemplate": FirstStep(
        _("Make a first coupon, best a welcome gift that brings new members back within a week.")
    ),
    "giftpack": FirstStep(
        _("A gift pack holds points, bonus and coupons, for a new card or a higher tier.")
    ),
    "bulkissue": FirstStep(
        _("Nothing was given to many at once yet. Choose the members, then give them a coupon."),
        "admin:members_member_changelist",
        _("Choose members"),
    ),
    "coupon": FirstStep(
        _("No member holds a coupon yet. They come with a gift pack, or to many at once."),
        "admin:loyalty_giftpack_changelist",
        _("Open the gift packs"),
    ),
    "order": _at_counter(_("No sale yet. The first one is rung up at the counter.")),
    "refund": _at_counter(
        _("Nothing was handed back yet. A refund starts from its sale at the counter.")
    ),
    "topup": _at_counter(_("No top-up yet. Members pay in at the counter.")),
    "entry": _at_counter(_("The ledger is empty: it fills with the first sale or top-up.")),
    "loan": _at_counter(
        _("Nothing is out. A benefit that says within how many days lends it, at the counter.")
    ),
    "approval": FirstStep(
        _("Nothing waits. What is above the limits on the page Points comes here to be approved."),
        "admin:loyalty_policy_changelist",
        _("See the limits"),
    ),
    "product": FirstStep(_("Enter what you sell. Or do without: the counter takes plain amounts.")),
    "category": FirstStep(
        _("Categories group articles, so that a benefit can hold for some of them.")
    ),
    "ruleset": FirstStep(
        _("No rules are in force yet. They are, once you saved the first tiers."),
        "admin:loyalty_tier_changelist",
        _("Choose the tiers"),
    ),
}
NOTHING = FirstStep(_("Nothing here yet."))
