"""Code 128 and QR for digits, as the path of an inline SVG: sharp at any size, no image to load."""

from __future__ import annotations

import segno

# Widths of bars and gaps, by value 0–105, and the stop (ISO/IEC 15417, table 1).
_PATTERNS = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232"
    " 122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122"
    " 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311"
    " 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113"
    " 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422"
    " 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111"
    " 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121"
    " 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412"
    " 211214 211232 2331112"
).split()
_START_C, _STOP = 105, 106
_QUIET = 10  # modules of white on each side


def code128_widths(digits: str) -> list[int]:
    """Widths in modules, bar and gap in turn, for an even number of digits in set C.

    Raises ValueError for anything else.
    """
    if not digits or len(digits) % 2 or not (digits.isascii() and digits.isdigit()):
        raise ValueError("Code 128 set C takes an even number of digits")
    pairs = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    check = (_START_C + sum(place * pair for place, pair in enumerate(pairs, 1))) % 103
    symbols = (_START_C, *pairs, check, _STOP)
    return [int(width) for symbol in symbols for width in _PATTERNS[symbol]]


def code128_path(digits: str) -> tuple[str, int]:
    """(path of the bars in a box one high, its width in modules with the quiet zones)."""
    x = _QUIET
    path = []
    for index, width in enumerate(code128_widths(digits)):
        if index % 2 == 0:
            path.append(f"M{x} 0h{width}v1h-{width}z")
        x += width
    return "".join(path), x + _QUIET


def qr_path(text: str, *, quiet: int = 2) -> tuple[str, int]:
    """(path of the dark modules, side of the square in modules with the quiet zone).

    The page's white margin makes the rest of the quiet zone.
    """
    rows = list(segno.make_qr(text, error="m", boost_error=False).matrix)
    path = []
    for y, row in enumerate(rows, quiet):
        x = 0
        while x < len(row):
            run = 1
            if row[x]:
                while x + run < len(row) and row[x + run]:
                    run += 1
                path.append(f"M{x + quiet} {y}h{run}v1h-{run}z")
            x += run
    return "".join(path), len(rows) + 2 * quiet
