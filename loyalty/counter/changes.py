"""What the buttons of a sale change in it: lines, member, benefits, coupons, points, stored value.

Each takes the draft and what stands behind the colon of the button's value.
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext_lazy as _

from loyalty.counter import entry, parsing
from loyalty.counter.drafts import Draft
from loyalty.models import Product
from members.errors import Refusal


def _drop(draft: Draft, argument: str) -> None:
    del draft.lines[_line_number(draft, argument)]


def _more(draft: Draft, argument: str) -> None:
    line = draft.lines[_line_number(draft, argument)]
    line.quantity = min(line.quantity + 1, parsing.MAX_QUANTITY)


def _less(draft: Draft, argument: str) -> None:
    number = _line_number(draft, argument)
    if draft.lines[number].quantity == 1:
        del draft.lines[number]
    else:
        draft.lines[number].quantity -= 1


def _line_number(draft: Draft, argument: str) -> int:
    number = _id(argument)
    if number >= len(draft.lines):
        raise Refusal("line_unknown", _("This line is not there any more."), status=404)
    return number


def _choose_member(draft: Draft, argument: str) -> None:
    """Whether their card may be used here is for whoever asked."""
    draft.choose_member(_id(argument))


def _choose_by_tail(draft: Draft, argument: str) -> None:
    """The four digits were the end of a phone after all: the amount they made goes."""
    _choose_member(draft, argument)
    if draft.lines and draft.lines[-1].product_id is None:
        draft.lines.pop()


def _choose_article(draft: Draft, argument: str) -> None:
    product = Product.objects.filter(pk=_id(argument), is_active=True).first()
    if product is None:
        raise Refusal("article_unknown", _("This article is not known any more."), status=404)
    draft.add(entry.line_of(product))


def _forget_member(draft: Draft, _argument: str) -> None:
    draft.choose_member(None)


def _benefit_off(draft: Draft, argument: str) -> None:
    draft.without_benefits = sorted({*draft.without_benefits, _id(argument)})


def _benefit_on(draft: Draft, argument: str) -> None:
    draft.without_benefits = [one for one in draft.without_benefits if one != _id(argument)]


def _coupon_off(draft: Draft, argument: str) -> None:
    coupon = _id(argument)
    if draft.coupons is not None:
        draft.coupons = [one for one in draft.coupons if one != coupon] or None
    draft.without_coupons = sorted({*draft.without_coupons, coupon})


def _coupon_on(draft: Draft, argument: str) -> None:
    draft.without_coupons = [one for one in draft.without_coupons if one != _id(argument)]


def _set_points(draft: Draft, argument: str) -> None:
    draft.points = _id(argument)


def _stored(draft: Draft, argument: str) -> None:
    draft.use_stored_value = argument == "on"
    draft.is_stored_chosen = True


def _coupons_auto(draft: Draft, _argument: str) -> None:
    """The scanned coupons are laid aside; the best combination is found again."""
    draft.coupons = None


def _unspend(draft: Draft, _argument: str) -> None:
    """Neither points nor stored value pay: what is left when no code can be read."""
    draft.points = 0
    _stored(draft, "off")


def _id(argument: str) -> int:
    if not (argument.isascii() and argument.isdigit() and len(argument) <= 18):
        raise Refusal("action_unknown", _("This button is not known. Reload the page."))
    return int(argument)


ALL: dict[str, Callable[[Draft, str], None]] = {
    "drop": _drop,
    "more": _more,
    "less": _less,
    "member": _choose_member,
    "tail": _choose_by_tail,
    "article": _choose_article,
    "forget": _forget_member,
    "benefit-off": _benefit_off,
    "benefit-on": _benefit_on,
    "coupon-off": _coupon_off,
    "coupon-on": _coupon_on,
    "coupons-auto": _coupons_auto,
    "points": _set_points,
    "stored": _stored,
    "unspend": _unspend,
}
SPENDING = frozenset({"points", "stored"})
