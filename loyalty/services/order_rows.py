"""Writes a worked-out sale as rows: order, lines, steps, tenders, coupon uses, used coupons.

One statement each way, because this is the hottest path of the product.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty.services.working import Worked
from loyalty.settlement.replay import inputs_to_json
from loyalty.settlement.types import Settlement
from members import clock, statements
from members.errors import Refusal

ORDER_COLUMNS = (
    "key, external_no, shop_id, staff_id, member_id, tier_id, channel, at, local_date, status,"
    " is_valid, is_imported, gross_fen, base_fen, points_used, points_fen, stored_cover_fen,"
    " principal_fen, bonus_fen, rounding_fen, other_fen, points_earned, basis_fen,"
    " refunded_base_fen, refunded_basis_fen, refunded_net_fen, ruleset_id, inputs"
)
LINE_COLUMNS = (
    ("index", "int"),
    ("product_id", "bigint"),
    ("name", "text"),
    ("quantity", "bigint"),
    ("unit_price_fen", "bigint"),
    ("list_fen", "bigint"),
    ("price_off_fen", "bigint"),
    ("amount_off_fen", "bigint"),
    ("coupon_off_fen", "bigint"),
    ("base_fen", "bigint"),
    ("points_used", "bigint"),
    ("points_fen", "bigint"),
    ("stored_cover_fen", "bigint"),
    ("stored_paid_fen", "bigint"),
    ("principal_fen", "bigint"),
    ("rounding_fen", "bigint"),
    ("other_fen", "bigint"),
    ("points_earned", "bigint"),
    ("basis_fen", "bigint"),
)
SHARES = tuple(name for name, _type in LINE_COLUMNS[5:])
STEP_COLUMNS = (
    ("index", "int"),
    ("kind", "text"),
    ("name", "text"),
    ("detail", "text"),
    ("amount_fen", "bigint"),
    ("points", "bigint"),
    ("benefit_id", "bigint"),
    ("coupon_id", "bigint"),
    ("shares_fen", "jsonb"),
)


def _insert(table: str, columns: tuple[tuple[str, str], ...], param: str) -> str:
    names = ", ".join(f'"{name}"' for name, _type in columns)
    types = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    picked = ", ".join(f'r."{name}"' for name, _type in columns)
    return (
        f"INSERT INTO {table} (order_id, {names}) SELECT o.id, {picked}"
        f" FROM o, jsonb_to_recordset(%({param})s::jsonb) AS r({types})"
    )


WRITE = f"""
WITH o AS (
    INSERT INTO loyalty_order ({ORDER_COLUMNS})
    VALUES (%(key)s, %(external_no)s, %(shop)s, %(staff)s, %(member)s, %(tier)s, %(channel)s,
        %(at)s, %(day)s, 'settled', %(valid)s, false, %(gross)s, %(base)s, %(points_used)s,
        %(points_fen)s, %(cover)s, %(principal)s, %(bonus)s, %(rounding)s, %(other)s,
        %(earned)s, %(basis)s, 0, 0, 0, %(ruleset)s, %(inputs)s::jsonb)
    RETURNING id
), lines AS (
    {_insert("loyalty_orderline", LINE_COLUMNS, "lines")}
), steps AS (
    {_insert("loyalty_orderstep", STEP_COLUMNS, "steps")}
), tenders AS (
    INSERT INTO loyalty_tender (order_id, kind, amount_fen)
    SELECT o.id, r.kind, r.amount
    FROM o, jsonb_to_recordset(%(tenders)s::jsonb) AS r(kind text, amount bigint)
), uses AS (
    INSERT INTO loyalty_couponuse (order_id, coupon_id, uses, saved_fen, returned)
    SELECT o.id, r.coupon, r.uses, r.saved, false
    FROM o, jsonb_to_recordset(%(coupons)s::jsonb) AS r(coupon bigint, uses int, saved bigint)
), quotas AS (
    INSERT INTO loyalty_quotause (benefit_id, member_id, period, number, order_id, at)
    SELECT r.benefit, %(member)s::bigint, r.period, r.number, o.id, %(at)s
    FROM o, jsonb_to_recordset(%(quotas)s::jsonb) AS r(benefit bigint, period text, number int)
), used AS (
    UPDATE loyalty_coupon c SET uses_left = c.uses_left - r.uses,
        status = CASE WHEN c.uses_left = r.uses THEN 'used' ELSE c.status END
    FROM jsonb_to_recordset(%(coupons)s::jsonb) AS r(coupon bigint, uses int)
    WHERE c.id = r.coupon AND c.status = 'active' AND c.uses_left >= r.uses
    RETURNING c.id
)
SELECT id, (SELECT count(*) FROM used) FROM o
"""


def _lines(worked: Worked) -> str:
    rows = []
    pairs = zip(worked.inputs.lines, worked.settlement.lines, worked.names, strict=True)
    for index, (line, result, name) in enumerate(pairs):
        row: dict[str, Any] = {share: getattr(result, share) for share in SHARES}
        row["index"] = index
        row["product_id"] = line.product_id
        row["name"] = name
        row["quantity"] = line.quantity
        row["unit_price_fen"] = line.unit_price_fen
        rows.append(row)
    return json.dumps(rows)


def _steps(worked: Worked) -> str:
    return json.dumps(
        [
            {
                "index": index,
                "kind": step.kind.value,
                "name": step.name,
                "detail": step.detail,
                "amount_fen": step.amount_fen,
                "points": step.points,
                "benefit_id": step.benefit_id,
                "coupon_id": step.coupon_id,
                "shares_fen": step.shares_fen,
            }
            for index, step in enumerate(worked.settlement.steps)
        ]
    )


def _tenders(result: Settlement, tender: str) -> str:
    paid = (("stored", result.principal_fen + result.bonus_fen), (tender, result.other_fen))
    return json.dumps([{"kind": kind, "amount": fen} for kind, fen in paid if fen])


def _coupons(result: Settlement) -> str:
    return json.dumps(
        [
            {"coupon": use.coupon_id, "uses": use.uses, "saved": use.saved_fen}
            for use in result.coupon_uses
        ]
    )


def _quotas(quotas: list[tuple[int, str, int]]) -> str:
    return json.dumps(
        [
            {"benefit": benefit, "period": period, "number": number}
            for benefit, period, number in quotas
        ]
    )


def write(
    *,
    worked: Worked,
    key: uuid.UUID,
    external_no: str | None,
    tender: str,
    staff_id: int | None,
    quotas: list[tuple[int, str, int]],
    at: dt.datetime,
) -> int:
    """Insert the order with everything that belongs to it, use its coupons up; the order's id.

    ``quotas`` are (benefit id, period, number of the use) to be counted. Refuses ``coupon_used``
    when another sale was quicker.
    """
    result, inputs = worked.settlement, worked.inputs
    [(order_id, used)] = statements.run(
        WRITE,
        {
            "key": key,
            "external_no": external_no,
            "shop": inputs.shop_id,
            "staff": staff_id,
            "member": inputs.member_id,
            "tier": inputs.tier_id,
            "channel": inputs.channel,
            "at": at,
            "day": clock.local_date(at),
            "valid": result.gross_fen > 0 or bool(result.coupon_uses),
            "gross": result.gross_fen,
            "base": result.base_fen,
            "points_used": result.points_used,
            "points_fen": result.points_fen,
            "cover": result.stored_cover_fen,
            "principal": result.principal_fen,
            "bonus": result.bonus_fen,
            "rounding": result.rounding_fen,
            "other": result.other_fen,
            "earned": result.points_earned,
            "basis": result.basis_fen,
            "ruleset": worked.ruleset_id,
            "inputs": json.dumps(inputs_to_json(inputs)),
            "lines": _lines(worked),
            "steps": _steps(worked),
            "tenders": _tenders(result, tender),
            "coupons": _coupons(result),
            "quotas": _quotas(quotas),
        },
    )
    if used != len(result.coupon_uses):
        raise Refusal("coupon_used", _("This coupon has already been used."), field="coupons")
    return int(order_id)
