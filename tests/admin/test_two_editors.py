"""Two editors at the same moment, on connections of their own: one is stored, one is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from loyalty.models import CouponTemplate
from loyalty.services import rules
from members import clock
from tests import factories
from tests.admin.conftest import form_of
from tests.conftest import LiveDatabase

AT_ONCE = 6


@pytest.mark.usefixtures("live_db")
def test_of_many_at_once_exactly_one_is_stored(live_db: LiveDatabase) -> None:
    person = factories.owner()
    template = factories.coupon_template("满80减20", 2000, 8000)
    rules.publish(actor=None, at=clock.now())
    address = reverse("admin:loyalty_coupontemplate_change", args=[template.pk])
    start = Barrier(AT_ONCE)

    def edit(number: int) -> int:
        try:
            browser = Client()
            browser.force_login(person, backend="members.backends.StaffBackend")
            form = form_of(browser.get(address))
            start.wait(30)
            return browser.post(address, {**form, "amount_fen": str(10 + number)}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sorted(pool.map(edit, range(AT_ONCE)))
    # 302: stored and on to the list. 200: the form again, with what it says now.
    assert answers == [200] * (AT_ONCE - 1) + [302]
    assert CouponTemplate.objects.get(pk=template.pk).amount_fen >= 1000
