"""Finding a member the way people at the counter do."""

from __future__ import annotations

import pytest

from members.codes import check_digit
from members.errors import Refusal
from members.models import Card, Member
from members.selectors import find
from tests import factories
from tests.factories import PHONE

pytestmark = pytest.mark.django_db

NUMBER = "901200000000001" + check_digit("901200000000001")


def code_of(found: str, text: str) -> str:
    with pytest.raises(Refusal) as caught:
        getattr(find, found)(text)
    return caught.value.code


@pytest.fixture
def wang() -> Member:
    return factories.member(card=NUMBER, external_no="H-1")


def person(phone: str, name: str, key: str) -> Member:
    member = factories.member(phone=phone, name=name, tier=None)
    Member.objects.filter(pk=member.pk).update(pinyin=key)
    return member


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("by_phone", "138 0000 1234"),
        ("by_phone", "１３８００００１２３４"),
        ("by_card", NUMBER),
        ("by_card", f"{NUMBER[:4]} {NUMBER[4:8]} {NUMBER[8:12]} {NUMBER[12:]}"),
        ("by_external_no", " H-1 "),
    ],
)
def test_by_a_number(wang: Member, how: str, text: str) -> None:
    assert getattr(find, how)(text) == wang


def test_by_id(wang: Member) -> None:
    assert find.by_id(wang.pk) == wang
    with pytest.raises(Refusal):
        find.by_id(wang.pk + 1)


def test_unknown(wang: Member) -> None:
    assert code_of("by_phone", "13900000000") == "member_unknown"
    assert code_of("by_phone", "139") == "phone_unreadable"
    assert code_of("by_card", "9012999999999999") == "member_unknown"
    assert code_of("by_card", "王\x00") == "member_unknown"
    assert code_of("by_external_no", "H-2") == "member_unknown"


@pytest.mark.parametrize(
    ("status", "code"),
    [("lost", "card_not_in_use"), ("replaced", "card_not_in_use"), ("active", "")],
)
def test_a_card_that_is_no_longer_used(wang: Member, status: str, code: str) -> None:
    Card.objects.update(status=status)
    if code:
        assert code_of("by_card", NUMBER) == code
    else:
        assert find.by_card(NUMBER) == wang


def test_a_card_not_handed_out_is_nobodys(wang: Member) -> None:
    Card.objects.update(status="unbound", member=None)
    assert code_of("by_card", NUMBER) == "member_unknown"


def test_a_closed_member_is_nobody(wang: Member) -> None:
    Member.objects.update(
        status="closed", phone=None, phone_proved_at=None, phone_tail="", name="", pinyin=""
    )
    assert code_of("by_card", NUMBER) == "member_unknown"
    assert find.search("1234") == find.search("wxm") == find.search(NUMBER) == []


def test_a_frozen_member_is_found(wang: Member) -> None:
    Member.objects.update(status="frozen")
    assert find.by_phone(PHONE).status == "frozen"


def test_by_tail_and_its_limit(wang: Member) -> None:
    others = [person(f"+86139000{n}1234", f"客{n}", "k") for n in range(10, 13)]
    person("+8613900005678", "李四", "ls")
    assert find.by_tail("１２３４") == [wang, *others]
    assert find.by_tail("1234", limit=2) == [wang, others[0]]
    assert find.by_tail("123") == find.by_tail("9999") == []


@pytest.mark.parametrize(
    "text",
    [
        "1234",
        "13800001234",
        "+86 138 0000 1234",
        NUMBER,
        "wxm",
        "WX",
        "ｗｘ",
        "王小",
        "王小敏",
        "王",
    ],
)
def test_search(wang: Member, text: str) -> None:
    person("+8613900005678", "李四", "ls")
    assert find.search(text) == [wang]


def test_characters_decide_between_equal_initials(wang: Member) -> None:
    other = person("+8613900005678", "汪晓梅", "wxm")
    assert find.search("wxm") == [wang, other]
    assert find.search("汪晓") == [other]
    assert find.search("wxm", limit=1) == [wang]


@pytest.mark.parametrize(
    "text", ["", "  ", "☕", "12", "138000012345", "%", "_xm", "9012999999999999"]
)
def test_search_finds_nothing(wang: Member, text: str) -> None:
    assert find.search(text) == []


def test_masks(wang: Member) -> None:
    assert (wang.masked_name, wang.masked_phone) == ("王*敏", "138****1234")
