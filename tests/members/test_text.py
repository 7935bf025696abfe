import pytest

from members import text


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("王小明", "wxm"),
        (" 王 小明 ", "wxm"),
        ("曾国藩", "zgf"),
        ("单田芳", "stf"),
        ("尉迟恭", "ycg"),
        ("欧阳娜娜", "oynn"),
        ("Anna Smith", "annasmith"),
        ("李Lily", "llily"),
        ("Ｌｉｌｙ", "lily"),
        ("O'Neil-2", "oneil2"),
        ("", ""),
        ("☕", ""),
    ],
)
def test_name_key(name: str, key: str) -> None:
    assert text.name_key(name) == key


def test_name_key_fits_its_column() -> None:
    assert text.name_key("王" * 50) == "w" * 40
    assert text.name_key("王" * 50, length=120) == "w" * 50


def test_plain() -> None:
    assert text.plain("　１３８ ａｂ ") == "138 ab"
    assert text.plain_digits(" 9012 ０００1-2 ") == "901200012"
    assert text.plain("张\x00三") == "张\ufffd三"


def test_one_line() -> None:
    assert text.one_line(" 喜欢\n 靠窗\x00 ") == "喜欢 靠窗"


@pytest.mark.parametrize(
    ("words", "fits"), [("拿铁 ☕", True), ("", True), ("a\x00b", False), ("a\ud800", False)]
)
def test_what_the_database_holds(words: str, fits: bool) -> None:
    assert text.is_storable(words) is fits


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("7", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, 0),
        ("9" * 5000, 0),
        ("²", 0),
        ("٣", 0),
        ("-1", 0),
        ("", 0),
    ],
)
def test_row_number(typed: str, number: int) -> None:
    assert text.row_number(typed) == number
