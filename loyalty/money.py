"""The only place that rounds money or splits it, and that reads and writes it as text.

Money is integer fen, rates are integers per mille of what is paid (900 = 9折). There is no
float anywhere: ratios are given as numerator and denominator, and each function says which
way a fraction falls. Everything here is pure and imports nothing of the project.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MAX_FEN = 99_999_999  # ¥999,999.99: the largest amount a line or a form takes
FEN_PER_JIAO = 10
FEN_PER_YUAN = 100


class MoneyTextError(ValueError):
    """A text that is no amount and no 折. ``code`` is stable, the sentence is the caller's.

    ``suggestion`` is the text the writer probably meant ("8.5" for "85"), or empty.
    """

    def __init__(self, code: str, text: str, suggestion: str = "") -> None:
        super().__init__(f"{code}: {text!r}")
        self.code = code
        self.text = text
        self.suggestion = suggestion


# --- rounding ratios -------------------------------------------------------------------------


def floor_ratio(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` towards minus infinity (−7/2 → −4)."""
    return numerator // denominator


def ceil_ratio(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` towards plus infinity (−7/2 → −3)."""
    return -(-numerator // denominator)


def half_up_ratio(numerator: int, denominator: int) -> int:
    """The nearest integer; a half goes away from zero (5/2 → 3, −5/2 → −3).

    Symmetric, so that the mirror of a movement is its exact negative.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def to_pay(amount: int, rate_pm: int) -> int:
    """What is to pay of ``amount`` at ``rate_pm``: the fraction of a fen falls to the customer."""
    return amount * rate_pm // 1000


def floor_to_jiao(fen: int) -> int:
    """Down to whole jiao (1166 → 1160)."""
    return fen // FEN_PER_JIAO * FEN_PER_JIAO


def floor_to_yuan(fen: int) -> int:
    """Down to whole yuan (1166 → 1100)."""
    return fen // FEN_PER_YUAN * FEN_PER_YUAN


# --- splitting -------------------------------------------------------------------------------


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount`` in proportion to ``weights`` by largest remainder.

    Equal remainders go to the later position. The parts add up to ``amount``; a weight of 0 gets
    0, and no part exceeds its weight when ``amount`` does not exceed their sum.
    Raises ValueError for a negative amount or weight, or when all weights are 0 but the amount
    is not.
    """
    if amount == 0:
        return [0] * len(weights)
    whole = sum(weights)
    if amount == whole:
        return list(weights)
    if amount < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError(f"cannot split {amount} by weights adding up to {whole}")
    parts = []
    remainders = []
    missing = amount
    for weight in weights:
        part, remainder = divmod(amount * weight, whole)
        parts.append(part)
        remainders.append(remainder)
        missing -= part
    if missing:
        order = sorted(range(len(parts)), key=lambda i: (remainders[i], i), reverse=True)
        for i in order[:missing]:
            parts[i] += 1
    return parts


def cumulative_part(part: int, done: int, whole: int, already: int) -> int:
    """What is due now of ``part`` once ``done`` of ``whole`` is done and ``already`` was given.

    Rounds the running total half up, so a series that ends with ``done == whole`` gives exactly
    ``part``. Raises ValueError when ``whole`` is not positive or ``done`` lies outside it.
    """
    if whole <= 0 or not 0 <= done <= whole:
        raise ValueError(f"{done} of {whole} is no share")
    return half_up_ratio(part * done, whole) - already


def split_cumulative(amount: int, parts: Sequence[int], already: Sequence[int]) -> list[int]:
    """Split ``amount`` over what is left of ``parts``, keeping the running totals in proportion.

    The totals given so far (``already`` plus this result) are kept as near as whole numbers allow
    to ``part × done ÷ whole``, where ``done`` is all that was given including ``amount``; the odd
    ones go by largest remainder, equal remainders to the later part. No part gets less than 0 or
    more than it has left, and the result adds up to ``amount``.
    Raises ValueError when ``amount`` is negative or more than is left.
    """
    whole = sum(parts)
    done = amount + sum(already)
    if amount < 0 or done > whole:
        raise ValueError(f"{amount} is not left of {whole}")
    if amount == 0:
        return [0] * len(parts)
    left = [part - given for part, given in zip(parts, already, strict=True)]
    exact = [part * done - given * whole for part, given in zip(parts, already, strict=True)]
    result = [min(max(e // whole, 0), rest) for e, rest in zip(exact, left, strict=True)]
    positions = range(len(parts))
    missing = amount - sum(result)
    while missing > 0:
        i = max(
            (i for i in positions if result[i] < left[i]),
            key=lambda i: (exact[i] - result[i] * whole, i),
        )
        result[i] += 1
        missing -= 1
    while missing < 0:
        # An earlier refund gave a part its odd fen in advance: the others wait for theirs.
        i = min(
            (i for i in positions if result[i] > 0),
            key=lambda i: (exact[i] - result[i] * whole, i),
        )
        result[i] -= 1
        missing += 1
    return result


# --- text ------------------------------------------------------------------------------------

_AMOUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d*))?", re.ASCII)
_ZHE = re.compile(r"(\d+)(?:\.(\d*))?折?", re.ASCII)


def _plain(text: str) -> str:
    """Full-width digits and signs as ASCII, without blanks."""
    normal = unicodedata.normalize("NFKC", text).replace("。", ".").replace("、", ",")
    return "".join(normal.split())


def parse_yuan(text: str, *, max_fen: int = MAX_FEN) -> int:
    """Fen of a yuan amount as people type it: "1,234.50", "¥12", "１２．５", "12元".

    Raises MoneyTextError: ``amount_unreadable``, ``amount_negative``, ``amount_decimals`` (more
    than two), ``amount_too_large`` (above ``max_fen``). 0 is read as 0.
    """
    plain = _plain(text).removesuffix("元")
    negative = plain.startswith(("-", "−", "¥-", "¥−"))
    digits = plain.lstrip("-−¥")
    match = _AMOUNT.fullmatch(digits)
    if match is None or not (match[1] or match[2]):
        raise MoneyTextError("amount_unreadable", text)
    if negative:
        raise MoneyTextError("amount_negative", text)
    decimals = match[2] or ""
    if len(decimals) > 2:
        raise MoneyTextError("amount_decimals", text)
    whole = match[1].replace(",", "").lstrip("0") or "0"
    if len(whole) > 15:  # before int(): a text of a thousand digits is no work for us
        raise MoneyTextError("amount_too_large", text)
    fen = int(whole) * FEN_PER_YUAN + int(decimals.ljust(2, "0"))
    if fen > max_fen:
        raise MoneyTextError("amount_too_large", text)
    return fen


def yuan_text(fen: int) -> str:
    """The amount for machines and form fields: 123450 → "1234.50", −5 → "-0.05"."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{sign}{yuan}.{rest:02d}"


def format_yuan(fen: int) -> str:
    """The amount for people: 123450 → "¥1,234.50", −5 → "-¥0.05"."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{sign}¥{yuan:,}.{rest:02d}"


def parse_zhe(text: str) -> int:
    """Per mille of a 折: "8.5折" or "8.5" → 850, "9" → 900.

    Raises MoneyTextError: ``zhe_ambiguous`` with the suggestion ("85" → "8.5", "0.85" → "8.5"),
    ``zhe_decimals`` (more than one), ``zhe_out_of_range`` (0, 10 and above 99),
    ``zhe_unreadable``.
    """
    match = _ZHE.fullmatch(_plain(text))
    if match is None:
        raise MoneyTextError("zhe_unreadable", text)
    whole, decimals = match[1].lstrip("0"), (match[2] or "").rstrip("0")
    if not whole and len(decimals) == 2 and decimals[0] != "0":
        raise MoneyTextError("zhe_ambiguous", text, suggestion=f"{decimals[0]}.{decimals[1]}")
    if len(decimals) > 1:
        raise MoneyTextError("zhe_decimals", text)
    if len(whole) == 2 and not decimals and whole != "10":
        suggestion = f"{whole[0]}.{whole[1]}".removesuffix(".0")
        raise MoneyTextError("zhe_ambiguous", text, suggestion=suggestion)
    if len(whole) > 1 or not (whole or decimals):
        raise MoneyTextError("zhe_out_of_range", text)
    return int(whole or "0") * 100 + int(decimals or "0") * 10


def format_zhe(rate_pm: int) -> str:
    """The rate as people say it: 850 → "8.5折", 900 → "9折", 885 → "8.85折"."""
    whole, rest = divmod(rate_pm, 100)
    decimals = f"{rest:02d}".rstrip("0")
    return f"{whole}.{decimals}折" if decimals else f"{whole}折"
