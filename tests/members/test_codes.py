import itertools
from collections.abc import Callable

import pytest

from members import codes as forms
from members.models import Card
from members.services import codes
from tests import factories


def draws(*numbers: int) -> Callable[[int], int]:
    """A source that hands out these numbers in turn."""
    left = iter(numbers)
    return lambda _below: next(left)


def test_known_check_digit() -> None:
    assert forms.check_digit("572") == "4"
    assert forms.is_checked("5724")


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    number = "901200000000000" + forms.check_digit("901200000000000")
    for place, digit in itertools.product(range(16), "0123456789"):
        wrong = number[:place] + digit + number[place + 1 :]
        assert forms.is_checked(wrong) is (wrong == number)
    for first, second in itertools.permutations("0123456789", 2):
        body = f"9012{first}{second}"
        code = body + forms.check_digit(body)
        swapped = code[:4] + second + first + code[6:]
        assert forms.is_checked(code)
        assert not forms.is_checked(swapped)


def test_coupon_codes_have_14_digits_from_8_on() -> None:
    found = codes.new_coupon_codes(3, draw=draws(0, 7, 999_999_999_999))
    assert all(len(code) == 14 and forms.is_coupon_code(code) for code in found)
    assert [code[:13] for code in found] == ["8000000000000", "8000000000007", "8999999999999"]


def test_a_code_drawn_twice_is_given_once() -> None:
    found = codes.new_coupon_codes(2, draw=draws(5, 5, 6))
    assert [code[:13] for code in found] == ["8000000000005", "8000000000006"]


def test_a_coupon_code_that_exists_is_drawn_again() -> None:
    first = codes.new_coupon_codes(1, draw=draws(5))
    found = codes.new_coupon_codes(
        1, draw=draws(5, 6), taken=lambda asked: [code for code in asked if code in first]
    )
    assert [code[:13] for code in found] == ["8000000000006"]


def test_codes_are_unlike_each_other() -> None:
    assert len(set(codes.new_coupon_codes(1000))) == 1000


@pytest.mark.django_db
def test_a_card_number_that_exists_is_drawn_again() -> None:
    taken = codes.new_card_numbers(1, draw=draws(5))[0]
    assert taken[:15] == "901200000000005"
    Card.objects.create(number=taken, member=factories.member(), issued_at=factories.AT)
    found = codes.new_card_numbers(2, draw=draws(5, 6, 7))
    assert [number[:15] for number in found] == ["901200000000006", "901200000000007"]
    assert all(forms.is_card_number(number) for number in found)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("{0}", True),
        ("9012 0000 0000 0000", False),
        ("{0}0", False),
        ("", False),
        ("９０１２", False),
        ("wxm", False),
    ],
)
def test_form_of_a_card_number(text: str, known: bool) -> None:
    number = "901200000000000" + forms.check_digit("901200000000000")
    assert forms.is_card_number(text.format(number)) is known


def test_full_width_digits_and_blanks_are_read() -> None:
    number = "901212345678901" + forms.check_digit("901212345678901")
    wide = number.translate({ord("0") + i: ord("０") + i for i in range(10)})
    assert forms.is_card_number(f" {wide[:4]} {wide[4:8]}　{wide[8:]} ")
    assert not forms.is_coupon_code(wide)
