"""A coupon typed as one line: "满100减20 7天", "8.5折 最多30元", "满100减20 按原价 预算1000"."""

from __future__ import annotations

import re
from typing import Any

from loyalty.admin.fields import MOST_BUDGET_FEN
from loyalty.money import MoneyTextError, parse_yuan, parse_zhe
from members.text import plain

_OFF = re.compile(r"满([\d.,]+)元?(?:立?减|-)([\d.,]+)元?")
_PLAIN_OFF = re.compile(r"(?:立减|无门槛减?|减)([\d.,]+)元?|([\d.,]+)元(?:无门槛)?券?")
_ZHE = re.compile(r"(?:满([\d.,]+)元?打?)?([\d.]+)折")
_CAP = re.compile(r"(?:最多|封顶|上限)减?([\d.,]+)元?")
_DAYS = re.compile(r"(\d{1,3})天")
_BUDGET = re.compile(r"预算\s*([\d.,]+)元?")
_ON_LIST = re.compile(r"(?:门槛)?按?原价算?")


def read(line: str) -> dict[str, Any]:
    """The form's fields that the line names; nothing where it says nothing we know."""
    text = plain(line)
    found: dict[str, Any] = {}
    days, budget = _DAYS.search(text), _BUDGET.search(text)
    for said in (days, budget):
        if said:
            text = text.replace(said[0], " ")
    name = " ".join(text.split())
    try:
        if budget:
            found["budget_fen"] = parse_yuan(budget[1], max_fen=MOST_BUDGET_FEN)
        found |= _worth(_ON_LIST.sub("", "".join(text.split())))
    except MoneyTextError:
        return {}
    if "kind" not in found:
        return {}
    if days:
        found["valid_days"] = int(days[1])
    if _ON_LIST.search(text) and found.get("threshold_fen"):
        found["threshold_on_list"] = True
    return {"name": name} | found


def _worth(text: str) -> dict[str, Any]:
    cap = _CAP.search(text)
    if cap:
        text = text.replace(cap[0], "")
    zhe = _ZHE.search(text)
    if zhe:
        found: dict[str, Any] = {"kind": "percent", "rate_pm": parse_zhe(zhe[2])}
        if zhe[1]:
            found["threshold_fen"] = parse_yuan(zhe[1])
        if cap:
            found["cap_fen"] = parse_yuan(cap[1])
        return found
    off = _OFF.search(text)
    if off:
        return {
            "kind": "amount_off",
            "threshold_fen": parse_yuan(off[1]),
            "amount_fen": parse_yuan(off[2]),
        }
    plain_off = _PLAIN_OFF.search(text)
    if plain_off:
        return {"kind": "amount_off", "amount_fen": parse_yuan(plain_off[1] or plain_off[2])}
    return {}
