"""Writes many members' years with COPY, in one transaction, ids and all."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection

from loyalty.demo import guests
from loyalty.demo.scene import Happened, Sold
from loyalty.demo.year import MemberYear
from loyalty.services.order_rows import LINE_COLUMNS, SHARES
from loyalty.settlement.replay import inputs_to_json
from members import clock
from members.services import codes
from members.text import name_key

NAMESPACE = uuid.UUID("6b1c1a5e-0f2e-4c58-9a0b-6d1f5a9d6c11")


def copy(table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table; ``columns`` as they stand in the statement."""
    connection.ensure_connection()
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as sink,
    ):
        for row in rows:
            sink.write_row(row)


def take_ids(table: str, count: int) -> list[int]:
    """So many numbers from the table's own sequence, ascending: ours, whoever else writes."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]


def ids(table: str, *, batch: int = 5000) -> Iterator[int]:
    """Numbers from the table's sequence, as many as are asked for."""
    while True:
        yield from take_ids(table, batch)


def write(
    years: Sequence[MemberYear], walk_ins: Sequence[Sold], *, ruleset_id: int, now: dt.datetime
) -> None:
    """Everything that members and guests left behind. Foreign keys are checked at commit."""
    orders = [*(order for year in years for order in year.orders), *walk_ins]
    sold = sorted(orders, key=lambda row: row.at)
    for number, order in zip(take_ids("loyalty_order", len(sold)), sold, strict=True):
        order.id = number
    accounts = take_ids("loyalty_account", 3 * len(years))
    _members(years)
    _accounts(years, accounts)
    _coupons(years, now)
    _birthday_gifts(years)
    _top_ups(years)
    _orders(sold, ruleset_id)
    _lots_and_entries(years, accounts)
    _events([*(row for year in years for row in year.events), *guests.events(walk_ins)])


def _members(years: Sequence[MemberYear]) -> None:
    copy(
        "members_member",
        "id, public_id, name, pinyin, phone, phone_tail, phone_proved_at, gender, birth_year,"
        " birth_month, birth_day, region, language, status, joined_at, joined_shop_id,"
        " joined_channel, is_test",
        (
            (
                year.member_id,
                uuid.uuid5(NAMESPACE, year.person.phone),
                year.person.name,
                name_key(year.person.name),
                year.person.phone,
                year.person.phone[-4:],
                year.phone_proved_at,
                year.person.gender,
                *year.person.birthday,
                "",
                "zh-hans",
                "active",
                year.events[0].at,
                year.events[0].shop_id,
                "counter",
                False,
            )
            for year in years
        ),
    )
    numbers = codes.new_card_numbers(len(years))
    copy(
        "members_card",
        "number, member_id, form, status, issued_at",
        (
            (number, year.member_id, "ecard", "active", year.events[0].at)
            for number, year in zip(numbers, years, strict=True)
        ),
    )


def _account_id(accounts: Sequence[int], index: int, kind: str) -> int:
    return accounts[index * 3 + ("points", "principal", "bonus").index(kind)]


def _accounts(years: Sequence[MemberYear], accounts: Sequence[int]) -> None:
    copy(
        "loyalty_account",
        "id, member_id, kind, balance, debt",
        (
            (_account_id(accounts, index, kind), year.member_id, kind, balance, 0)
            for index, year in enumerate(years)
            for kind, balance in year.balances.items()
        ),
    )
    copy(
        "loyalty_memberstats",
        "member_id, tier_id, tier_since, tier_until, first_order_at, last_order_at,"
        " orders_count, net_fen, basis_fen, checkins_count, category_weeks",
        (
            (
                year.member_id,
                year.tier_id,
                year.tier_since,
                year.tier_until,
                year.orders[0].at if year.orders else None,
                year.orders[-1].at if year.orders else None,
                len(year.orders),
                sum(o.result.other_fen + o.result.principal_fen for o in year.orders),
                sum(o.result.basis_fen for o in year.orders),
                0,
                json.dumps(year.weeks),
            )
            for year in years
        ),
    )


def _coupons(years: Sequence[MemberYear], now: dt.datetime) -> None:
    held = [row for year in years for row in year.coupons]
    digits = codes.new_coupon_codes(len(held))

    def status(uses_left: int, expires_at: dt.datetime) -> str:
        if not uses_left:
            return "used"
        return "active" if expires_at > now else "expired"

    copy(
        "loyalty_coupon",
        "id, code, template_id, member_id, status, uses_left, issued_at, valid_from, expires_at,"
        " source, given_by_order_id",
        (
            (
                row.id,
                code,
                row.template_id,
                row.member_id,
                status(row.uses_left, row.expires_at),
                row.uses_left,
                row.issued_at,
                row.valid_from,
                row.expires_at,
                row.source,
                row.order.id if row.order else None,
            )
            for row, code in zip(held, digits, strict=True)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loyalty_coupontemplate t SET issued_count = c.n FROM (SELECT template_id,"
            " count(*) AS n FROM loyalty_coupon GROUP BY 1) c WHERE c.template_id = t.id"
        )


def _birthday_gifts(years: Sequence[MemberYear]) -> None:
    copy(
        "loyalty_birthdaygift",
        "member_id, year, tier_id, at",
        ((year.member_id, *gift) for year in years for gift in year.birthday_gifts),
    )


def _top_ups(years: Sequence[MemberYear]) -> None:
    copy(
        "loyalty_topup",
        "id, key, member_id, plan_id, shop_id, staff_id, at, local_date, paid_fen, bonus_fen,"
        " tender, terms_version",
        (
            (
                number,
                uuid.uuid5(NAMESPACE, f"top-up {number}"),
                year.member_id,
                plan.id,
                shop,
                cashier,
                at,
                clock.local_date(at),
                plan.pay_fen,
                plan.bonus_fen,
                "wechat",
                "1",
            )
            for year in years
            for number, plan, at, shop, cashier in year.top_ups
        ),
    )


def _orders(sold: Sequence[Sold], ruleset_id: int) -> None:
    copy(
        "loyalty_order",
        "id, shop_id, staff_id, member_id, tier_id, channel, at, local_date, status, is_valid,"
        " is_imported, gross_fen, base_fen, points_used, points_fen, stored_cover_fen,"
        " principal_fen, bonus_fen, rounding_fen, other_fen, points_earned, basis_fen,"
        " refunded_base_fen, refunded_basis_fen, refunded_net_fen, ruleset_id, inputs",
        (
            (
                order.id,
                order.shop_id,
                order.staff_id,
                order.member_id,
                order.tier_id,
                "counter",
                order.at,
                order.inputs.local.date(),
                "settled",
                True,
                False,
                order.result.gross_fen,
                order.result.base_fen,
                order.result.points_used,
                order.result.points_fen,
                order.result.stored_cover_fen,
                order.result.principal_fen,
                order.result.bonus_fen,
                order.result.rounding_fen,
                order.result.other_fen,
                order.result.points_earned,
                order.result.basis_fen,
                0,
                0,
                0,
                ruleset_id,
                json.dumps(inputs_to_json(order.inputs)),
            )
            for order in sold
        ),
    )
    _order_parts(sold)


def _order_parts(sold: Sequence[Sold]) -> None:
    names = ", ".join(f'"{name}"' for name, _type in LINE_COLUMNS)
    copy("loyalty_orderline", f"order_id, {names}", _line_rows(sold))
    copy(
        "loyalty_orderstep",
        'order_id, "index", kind, name, detail, amount_fen, points, benefit_id, coupon_id,'
        " shares_fen",
        (
            (
                order.id,
                index,
                step.kind.value,
                step.name,
                step.detail,
                step.amount_fen,
                step.points,
                step.benefit_id,
                step.coupon_id,
                json.dumps(step.shares_fen),
            )
            for order in sold
            for index, step in enumerate(order.result.steps)
        ),
    )
    copy("loyalty_tender", "order_id, kind, amount_fen", _tender_rows(sold))
    copy(
        "loyalty_couponuse",
        "order_id, coupon_id, uses, saved_fen, returned",
        (
            (order.id, use.coupon_id, use.uses, use.saved_fen, False)
            for order in sold
            for use in order.result.coupon_uses
        ),
    )


def _line_rows(sold: Sequence[Sold]) -> Iterable[Sequence[Any]]:
    for order in sold:
        pairs = zip(order.inputs.lines, order.result.lines, order.names, strict=True)
        for index, (line, result, name) in enumerate(pairs):
            shares = [getattr(result, share) for share in SHARES]
            yield (
                order.id,
                index,
                line.product_id,
                name,
                line.quantity,
                line.unit_price_fen,
                *shares,
            )


def _tender_rows(sold: Sequence[Sold]) -> Iterable[Sequence[Any]]:
    for order in sold:
        stored = order.result.principal_fen + order.result.bonus_fen
        for kind, fen in (("stored", stored), (order.tender, order.result.other_fen)):
            if fen:
                yield order.id, kind, fen


def _lots_and_entries(years: Sequence[MemberYear], accounts: Sequence[int]) -> None:
    copy(
        "loyalty_lot",
        "id, member_id, asset, source, points_issued, points_left, principal_issued,"
        " principal_left, bonus_issued, bonus_left, issued_at, expires_at, order_id, top_up_id",
        (
            (
                row.id,
                year.member_id,
                row.new.asset,
                row.new.source,
                row.new.points,
                row.points,
                row.new.principal,
                row.principal,
                row.new.bonus,
                row.bonus,
                row.at,
                row.new.expires_at,
                row.order.id if row.order else None,
                row.top_up,
            )
            for year in years
            for row in year.lots
        ),
    )
    # By time, as a shop's ledger grows; each member's stay in their own order.
    moves = [(index, row) for index, year in enumerate(years) for row in year.entries]
    moves.sort(key=lambda move: move[1].at)
    copy(
        "loyalty_entry",
        "account_id, lot_id, side, delta, balance_after, list_fen, at, order_id, top_up_id, reason",
        (
            (
                _account_id(accounts, index, row.move.kind),
                row.lot_id,
                str(row.move.side),
                row.move.delta,
                row.after,
                row.move.list_fen,
                row.at,
                row.order.id if row.order else None,
                row.top_up,
                row.reason,
            )
            for index, row in moves
        ),
    )


def _events(happened: Sequence[Happened]) -> None:
    copy(
        "members_event",
        "kind, at, member_id, staff_id, shop_id, data",
        (
            (
                row.kind,
                row.at,
                row.member_id,
                row.staff_id,
                row.shop_id,
                json.dumps({**row.data, **({"order": row.order.id} if row.order else {})}),
            )
            for row in sorted(happened, key=lambda row: row.at)
        ),
    )
