"""The dynamic member code: one claim, sixty seconds, a clear answer for everything else."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from members.errors import Refusal
from members.services import live_codes
from tests.factories import AT


def claim(code: str, *, seconds: int = 0) -> int:
    return live_codes.claim(code=code, place="1号台", at=AT + dt.timedelta(seconds=seconds))


def test_a_code_is_18_digits_with_our_prefix_and_opens_the_card_once() -> None:
    code = live_codes.issue(member_id=42, at=AT)
    assert len(code.digits) == 18
    assert code.digits.startswith("66")
    assert live_codes.is_member_code(code.digits)
    assert claim(code.digits) == 42
    with pytest.raises(Refusal) as refused:
        claim(code.digits, seconds=5)
    assert (refused.value.code, refused.value.status) == ("code_used", 409)
    assert refused.value.details == {"used_at": int(AT.timestamp()), "place": "1号台"}
    assert "10:00" in str(refused.value.message)


def test_full_width_digits_from_an_input_method_are_read() -> None:
    code = live_codes.issue(member_id=7, at=AT).digits
    assert claim(code.translate(str.maketrans("0123456789", "０１２３４５６７８９"))) == 7


@pytest.mark.parametrize(("seconds", "accepted"), [(59, True), (60, True), (61, False)])
def test_the_server_accepts_sixty_seconds(*, seconds: int, accepted: bool) -> None:
    code = live_codes.issue(member_id=42, at=AT).digits
    if accepted:
        assert claim(code, seconds=seconds) == 42
        return
    with pytest.raises(Refusal) as refused:
        claim(code, seconds=seconds)
    assert refused.value.code == "code_expired"


def test_a_mistyped_code_is_told_apart_from_an_expired_one() -> None:
    code = live_codes.issue(member_id=42, at=AT).digits
    wrong = code[:-1] + str((int(code[-1]) + 1) % 10)
    with pytest.raises(Refusal) as refused:
        claim(wrong)
    assert refused.value.code == "code_mistyped"
    assert claim(code) == 42


def test_a_hundred_parallel_claims_of_one_code_get_one_member() -> None:
    code = live_codes.issue(member_id=42, at=AT).digits

    def attempt(_number: int) -> str:
        try:
            return str(claim(code))
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = sorted(pool.map(attempt, range(100)))
    assert outcomes == ["42", *["code_used"] * 99]


def test_nothing_in_valkey_tells_a_code(settings: Any) -> None:
    code = live_codes.issue(member_id=42, at=AT).digits
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    assert not [key for key in client.keys("*") if code in key]


def test_without_valkey_the_cashier_is_told_what_to_do(settings: Any) -> None:
    code = live_codes.issue(member_id=42, at=AT).digits
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(Refusal) as refused:
        live_codes.issue(member_id=42, at=AT)
    assert (refused.value.code, refused.value.status) == ("codes_away", 503)
    with pytest.raises(Refusal) as refused:
        claim(code)
    assert refused.value.code == "codes_away"


def test_whose_code_was_read_is_known_to_be_at_the_counter() -> None:
    assert not live_codes.is_at_counter(member_id=43)
    claim(live_codes.issue(member_id=43, at=AT).digits)
    assert live_codes.is_at_counter(member_id=43)
