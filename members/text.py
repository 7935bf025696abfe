"""Small rules about text that people type, scan or search by."""

from __future__ import annotations

import unicodedata

# Surnames whose first letter is not that of the character's usual reading.
_SURNAMES = {
    "万俟": "mq",
    "尉迟": "yc",
    "长孙": "zs",
    "单于": "cy",
    "仇": "q",
    "区": "o",
    "单": "s",
    "曾": "z",
    "查": "z",
    "种": "c",
    "秘": "b",
    "翟": "z",
    "解": "x",
    "召": "s",
}


def plain(text: str) -> str:
    """Full-width letters and digits made plain (１３８ → 138), blanks at both ends gone.

    A NUL, which the database takes in no text, becomes the mark for what cannot be read.
    """
    return unicodedata.normalize("NFKC", text).replace("\x00", "\ufffd").strip()


def one_line(text: str) -> str:
    """What somebody wrote, without line breaks, double blanks and NULs."""
    return " ".join(text.replace("\x00", " ").split())


def is_storable(text: str) -> bool:
    """Whether the database can hold it: no NUL, and no half of a character, which JSON may name."""
    return not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in text)


def plain_digits(text: str) -> str:
    """As ``plain``, without the blanks and hyphens that people group digits by."""
    return "".join(char for char in plain(text) if not char.isspace() and char not in "-‐‑–—")


def row_number(text: str) -> int:
    """A row's number out of an address or a form; 0, which no row has, for anything else."""
    # Python reads digits of every script, and more of them than a number of the database has.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def name_key(text: str, *, length: int = 40) -> str:
    """What a name is searched by: pinyin initials and plain letters (王小明 → wxm, Anna → anna).

    ``length`` is the width of the column it is kept in; a longer key is cut.
    """
    # Here and not above: its dictionary is a third of a second in the start of every process.
    from pypinyin import Style, lazy_pinyin

    name = "".join(plain(text).split())
    key = ""
    for size in (2, 1):
        if name[:size] in _SURNAMES:
            key, name = _SURNAMES[name[:size]], name[size:]
            break
    parts = lazy_pinyin(name, style=Style.FIRST_LETTER)
    key += "".join(char for part in parts for char in part.lower() if char.isalnum())
    return key[:length]
