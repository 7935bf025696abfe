"""The events of a purchase, found by its number, its receipt's number or its amount.

A member's events have an index by member, a guest's one by the purchase: each is asked for by
itself, and only the few ids found go on to the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db.models import F, Q, QuerySet
from django.db.models.fields.json import KT

from loyalty.models import Order
from loyalty.money import MoneyTextError, parse_yuan
from members.models import Event, Member
from members.text import plain

FOUND = 200  # purchases of one amount; the newest
LOOKED_BACK = 31  # days in which an amount is looked for where no day was chosen


def events_of(
    words: str,
    *,
    shop_ids: Collection[int],
    first: dt.date | None,
    last: dt.date | None,
    today: dt.date,
) -> list[int]:
    """The ids of the events of the purchases that are meant: "#123" by number, "¥38.50" by
    amount in these shops and days, anything else by the receipt's number. Four statements."""
    orders = dict(_purchases(words, shop_ids, first=first, last=last, today=today))
    if not orders:
        return []
    guests = Event.objects.alias(purchase=KT("data__order")).filter(
        member__isnull=True, purchase__in=[str(pk) for pk in orders]
    )
    found = list(guests.values_list("pk", flat=True))
    owners = {owner for owner in orders.values() if owner is not None}
    if owners:
        # A purchase of a card that was merged since was told of that card.
        merged = Member.objects.filter(merged_into__in=owners).values_list("pk", flat=True)
        told = Event.objects.filter(member__in=[*owners, *merged], data__order__in=list(orders))
        found += told.values_list("pk", flat=True)
    return found


def _purchases(
    words: str,
    shop_ids: Collection[int],
    *,
    first: dt.date | None,
    last: dt.date | None,
    today: dt.date,
) -> QuerySet[Order, tuple[int, int | None]]:
    number = words.removeprefix("#")
    orders = Order.objects.values_list("pk", "member_id")
    if words.startswith("#"):
        is_number = number.isascii() and number.isdigit() and len(number) < 16
        return orders.filter(pk=int(number)) if is_number else orders.none()
    amount_fen = _amount(words)
    if amount_fen is None:
        return orders.filter(external_no=words)
    last = last or today
    first = first or last - dt.timedelta(days=LOOKED_BACK - 1)
    return (
        orders.filter(shop__in=shop_ids, local_date__range=(first, last))
        .alias(paid_fen=F("other_fen") + F("principal_fen") + F("bonus_fen"))
        .filter(Q(gross_fen=amount_fen) | Q(paid_fen=amount_fen))
        .order_by("-pk")[:FOUND]
    )


def _amount(words: str) -> int | None:
    """Fen of what is plainly an amount: with ¥, 元 or a point. Bare digits may be a phone's end."""
    text = plain(words)
    if not any(sign in text for sign in "¥元."):
        return None
    try:
        return parse_yuan(text)
    except MoneyTextError:
        return None
