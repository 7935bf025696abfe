"""Why each balance changed, in words: cause, shop, who, and what was left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from loyalty.counter import presenters, wording
from loyalty.models import Entry, Order, Refund, TierPurchase, TopUp
from loyalty.selectors.inputs import Standing
from members import clock

Side = Entry.Side
SOURCES: dict[str, Promise] = {
    "order": lazy("Earned with a purchase"),
    "check_in": lazy("For checking in"),
    "streak": lazy("For days running"),
    "welcome": lazy("Welcome gift"),
    "upgrade": lazy("Upgrade gift"),
    "top_up": lazy("Top-up"),
    "birthday": lazy("Birthday gift"),
    "adjustment": lazy("Correction"),
    "import": lazy("Taken over"),
    "bulk": lazy("From the shop"),
    "code": lazy("By a discount code"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a bill. ``delta`` and ``after`` are points or fen; ``bonus_fen`` the part of a
    stored-value line that is bonus."""

    id: int
    at: dt.datetime
    title: str
    delta: int
    after: int
    order_id: int | None
    shop: str
    by: str
    bonus_fen: int = 0


def _title(entry: Entry) -> str:
    if entry.refund_id is not None:
        return _("Given back") if entry.delta > 0 else _("Taken back after a refund")
    if entry.side == Side.EXPIRED:
        return _("Expired")
    if entry.side == Side.UPGRADE:
        words = _("Upgrade to %(tier)s") if entry.delta < 0 else _("Upgrade to %(tier)s undone")
        return words % {"tier": entry.reason}
    if entry.side == Side.CLAWBACK:
        return _("Taken back")
    if entry.side in (Side.REDEEMED, Side.REVENUE):
        return _("Used for a purchase")
    if entry.side == Side.ADJUSTMENT:
        return _("Correction")
    if entry.side == Side.MERGED:
        return _("Cards merged")
    if entry.side == Side.IMPORT:
        return _("Taken over")
    if entry.top_up_id is not None:
        return _("Top-up")
    if entry.lot is not None and entry.lot.source in SOURCES:
        return str(SOURCES[entry.lot.source])
    return _("Earned with a purchase") if entry.order_id else _("Gift")


Cause = Refund | Order | TopUp | TierPurchase


def _row(
    entry: Entry, *, delta: int, after: int, bonus_fen: int = 0, cause: Cause | None = None
) -> Row:
    cause = entry.refund or entry.order or entry.top_up or cause
    return Row(
        id=entry.pk,
        at=entry.at,
        title=_title(entry),
        delta=delta,
        after=after,
        order_id=entry.order_id or (entry.refund.order_id if entry.refund else None),
        shop=cause.shop.name if cause and cause.shop else "",
        by=str(cause.staff) if cause and cause.staff else "",
        bonus_fen=bonus_fen,
    )


def _entries(member_id: int, kinds: list[str], before: int | None) -> Any:
    rows = Entry.objects.filter(account__member_id=member_id, account__kind__in=kinds)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return rows.select_related(
        "account",
        "lot",
        "order__shop",
        "order__staff",
        "refund__shop",
        "refund__staff",
        "top_up__shop",
        "top_up__staff",
    ).order_by("-pk")


def points_rows(member_id: int, *, before: int | None, limit: int) -> list[Row]:
    """The newest movements of points, newest first."""
    entries = list(_entries(member_id, ["points"], before)[:limit])
    bought = _upgrades(member_id, [entry.at for entry in entries if entry.side == Side.UPGRADE])
    return [
        _row(entry, delta=entry.delta, after=entry.balance_after, cause=bought.get(entry.at))
        for entry in entries
    ]


def _upgrades(member_id: int, moments: list[dt.datetime]) -> dict[dt.datetime, TierPurchase]:
    """The upgrades that were bought, or undone, at these moments; none asked, none read."""
    if not moments:
        return {}
    rows = TierPurchase.objects.filter(member_id=member_id).select_related("shop", "staff")
    found = rows.filter(Q(at__in=moments) | Q(undone_at__in=moments))
    return {moment: row for row in found for moment in (row.at, row.undone_at) if moment}


def points_lots(standing: Standing) -> list[tuple[int, dt.date]]:
    """(points, last day they can be used), the soonest first."""
    lots: dict[dt.date, int] = {}
    for lot in standing.points_lots:
        end = dt.datetime.fromtimestamp(float(lot.expires_epoch), tz=dt.UTC)
        day = clock.local_date(end - dt.timedelta(seconds=1))
        lots[day] = lots.get(day, 0) + lot.left
    return [(left, day) for day, left in sorted(lots.items())]


def value_rows(member_id: int, *, before: int | None, limit: int) -> tuple[list[Row], int | None]:
    """The newest movements of stored value, principal and bonus of one cause as one line.

    Returns them newest first, and the id to ask for earlier ones with, or None.
    """
    # A cause has a few entries: read enough to fill the page with whole causes.
    entries = list(_entries(member_id, ["principal", "bonus"], before)[: limit * 4 + 1])
    groups: list[list[Entry]] = []
    for entry in entries:
        if groups and _cause(groups[-1][0]) == _cause(entry):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    is_cut = len(entries) > limit * 4
    if is_cut and len(groups) > 1:
        groups.pop()  # its rest lies on the next page
    shown = groups[:limit]
    rows = []
    left = _balances_at(member_id, entries[0].pk) if entries else {}
    total = sum(left.values())
    for group in shown:
        delta = sum(entry.delta for entry in group)
        bonus = sum(entry.delta for entry in group if entry.account.kind == "bonus")
        rows.append(_row(group[0], delta=delta, after=total, bonus_fen=bonus))
        total -= delta
    more = is_cut or len(groups) > limit
    return rows, (shown[-1][-1].pk if more and shown else None)


def _cause(entry: Entry) -> tuple[object, ...]:
    return entry.order_id, entry.refund_id, entry.top_up_id, entry.at, entry.side in _GIVES


_GIVES = frozenset({Side.CASH, Side.GIVEN, Side.RETURNED})


def _balances_at(member_id: int, entry_id: int) -> dict[str, int]:
    """Principal and bonus just after an entry."""
    newest = (
        Entry.objects.filter(account__member_id=member_id, pk__lte=entry_id)
        .filter(Q(account__kind="principal") | Q(account__kind="bonus"))
        .order_by("account__kind", "-pk")
        .distinct("account__kind")
    )
    return dict(newest.values_list("account__kind", "balance_after"))


def order_view(order: Order) -> dict[str, Any]:
    """An order's lines and steps in words."""
    return {
        "lines": [line for line in order.lines.all() if line.list_fen or line.name],
        "steps": [
            view
            for step in order.steps.all()
            if (view := presenters.step_view(step))["kind"] not in ("other", "stored_value")
            and (view["amount_fen"] or view["points"])
        ],
        "tenders": [(wording.tender_words(t.kind), t.amount_fen) for t in order.tenders.all()],
        "state": wording.state_words(order.status),
        "refunds": list(order.refunds.all()),
    }
