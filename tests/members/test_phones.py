import pytest
from django.test import override_settings

from members import phones
from members.errors import Refusal


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800138000", "+8613800138000"),
        (" 138 0013 8000 ", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("＋86 138 0013 8000", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("16912345678", "+8616912345678"),
        ("(010) 6552 9988", "+861065529988"),
        ("+1 202-456-1111", "+12024561111"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_ways_of_writing(text: str, phone: str) -> None:
    assert phones.normalise_phone(text) == phone


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "1380013800",
        "138001380001",
        "12345678901",
        "1-800-FLOWERS",
        "13800138000;ext=5",
        "+999 123456789",
        "+",
        "wxm",
        "王小明",
        "13800138000 13900139000",
        "1" * 60,
    ],
)
def test_unreadable(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        phones.normalise_phone(text)
    assert (caught.value.code, caught.value.field) == ("phone_unreadable", "phone")


@override_settings(PHONE_REGION="HK")
def test_another_country_by_setting() -> None:
    assert phones.normalise_phone("6123 4567") == "+85261234567"


def test_tail() -> None:
    assert phones.tail("+8613800138000") == "8000"
    assert phones.tail(None) == ""
