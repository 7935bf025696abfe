"""A coupon typed as one line: "满100减20 7天", "8.5折 最多30元 10天", "立减5元"."""

from __future__ import annotations

import re
from typing import Any

from loyalty.money import MoneyTextError, parse_yuan, parse_zhe
from members.text import plain

_OFF = re.compile(r"满([\d.,]+)元?(?:立?减|-)([\d.,]+)元?")
_PLAIN_OFF = re.compile(r"(?:立减|无门槛减?|减)([\d.,]+)元?|([\d.,]+)元(?:无门槛)?券?")
_ZHE = re.compile(r"(?:满([\d.,]+)元?打?)?([\d.]+)折")
_CAP = re.compile(r"(?:最多|封顶|上限)减?([\d.,]+)元?")
_DAYS = re.compile(r"(\d{1,3})天")


def read(line: str) -> dict[str, Any]:
    """The form's fields that the line names; nothing where it says nothing we know."""
    text = plain(line)
    found: dict[str, Any] = {}
    days = _DAYS.search(text)
    if days:
        found["valid_days"] = int(days[1])
        text = text.replace(days[0], " ")
    try:
        found |= _worth("".join(text.split()))
    except MoneyTextError:
        return {}
    if "kind" not in found:
        return {}
    return {"name": " ".join(plain(line).replace(days[0], "").split()) if days else text} | found


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
