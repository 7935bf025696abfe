"""Two phones join with one number at the same moment: one member, and both are in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from loyalty.services import entering
from members.channels import text_sender
from members.errors import Refusal
from members.models import Consent, Member
from members.services import consent, login_codes
from tests import factories
from tests.conftest import LiveDatabase
from tests.factories import AT, PHONE

PHONES = 8


def test_one_member_and_everybody_in(live_db: LiveDatabase) -> None:
    shop = factories.shop()
    factories.policy()
    login_codes.send(phone=PHONE, address="127.0.0.1", at=AT)
    code = _digits(PHONE)
    barrier = Barrier(PHONES)

    def enter(number: int) -> int:
        try:
            barrier.wait(20)
            return entering.enter(
                phone=PHONE,
                code=code,
                address=f"10.0.0.{number}",
                agreed=frozenset({consent.TERMS}),
                channel="card",
                shop=shop,
                at=AT,
            ).member.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(PHONES) as pool:
        entered = set(pool.map(enter, range(PHONES)))
    assert entered == {Member.objects.get().pk}
    assert Consent.objects.count() == 1


def test_parallel_guesses_all_count() -> None:
    login_codes.send(phone=PHONE, address="127.0.0.1", at=AT)
    right = _digits(PHONE)
    guesses = [f"{(int(right) + step) % 10**6:06d}" for step in range(1, 41)]

    def guess(code: str) -> str:
        with pytest.raises(Refusal) as refused:
            login_codes.check(phone=PHONE, code=code, address="127.0.0.1", at=AT)
        return refused.value.code

    with ThreadPoolExecutor(10) as pool:
        codes = sorted(pool.map(guess, guesses))
    assert codes == ["login_code_locked"] * 36 + ["login_code_wrong"] * 4
    with pytest.raises(Refusal) as refused:
        login_codes.check(phone=PHONE, code=right, address="127.0.0.1", at=AT)
    assert refused.value.code == "login_code_locked"


def _digits(phone: str) -> str:
    return "".join(filter(str.isdigit, text_sender().shown(phone=phone)))[:6]
