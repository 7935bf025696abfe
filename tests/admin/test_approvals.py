"""A second person in the back office: asked for, seen by whom it concerns, decided once."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import time_machine
from django.test import Client
from django.urls import reverse
from zeal import zeal_context

from loyalty.models import Account, Approval, Refund
from loyalty.services import rules
from members.models import Event, Staff
from tests import factories
from tests.admin.conftest import House, SignedIn

LIST = reverse("admin:loyalty_approval_changelist")
HOME = reverse("admin:index")
TRAIL = reverse("admin:members_event_changelist")


def page_of(row: Approval, name: str = "change") -> str:
    return reverse(f"admin:loyalty_approval_{name}", args=[row.pk])


def correct(browser: Client, house: House, points: int, **more: Any) -> Any:
    """Look at what it comes to, then confirm."""
    address = reverse("admin:members_member_adjust", args=[house.member.pk])
    form = {
        "kind": "points",
        "points": str(points),
        "reason": "旧系统",
        "key": uuid.uuid4(),
        **more,
    }
    seen = browser.post(address, form).context["preview"]
    return seen, browser.post(address, {**form, "seen": seen["mark"]}, follow=True)


def told(page: Any) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def shown(browser: Client, address: str = LIST, **query: str) -> list[int]:
    return [row.pk for row in browser.get(address, query).context["cl"].result_list]


def test_a_managers_large_correction_waits_for_another(house: House, signed_in: SignedIn) -> None:
    Approval.objects.all().delete()
    before = Account.objects.get(member=house.member, kind="points").balance
    manager = signed_in("manager")
    seen, page = correct(manager, house, 5000)
    assert "Above 2,000 points a second person approves" in seen["second"]
    assert told(page) == ["It waits for a second person: another manager or the owner."]
    assert "Correct points: +5,000 points" in page.content.decode()
    row = Approval.objects.get()
    assert Account.objects.get(member=house.member, kind="points").balance == before
    # Whoever asked is told to wait, and has nothing to decide.
    assert "waits for you" not in manager.get(HOME).content.decode()
    assert "Somebody else decides" in manager.get(page_of(row)).content.decode()
    assert manager.post(page_of(row, "approve")).status_code == 403
    owner = signed_in("owner")
    assert "1 thing waits for you." in owner.get(HOME).content.decode()
    assert f"{before:,} → {before + 5000:,}" in owner.get(page_of(row)).content.decode()
    assert owner.get(page_of(row, "approve")).status_code == 403
    assert told(owner.post(page_of(row, "approve"), follow=True)) == ["Approved and done."]
    over = owner.post(page_of(row, "approve"))
    assert (over.status_code, "decided already: approved" in over.content.decode()) == (409, True)
    assert Account.objects.get(member=house.member, kind="points").balance == before + 5000
    # The trail finds it by either name, and says both.
    event = Event.objects.get(kind="balance_adjusted")
    for person in (house.manager, house.owner):
        assert event.pk in shown(owner, TRAIL, staff__id__exact=str(person.pk))
    assert event.pk not in shown(owner, TRAIL, staff__id__exact=str(house.cashier.pk))
    member = reverse("admin:members_member_change", args=[house.member.pk])
    assert "陈店长, approved by 周老板" in owner.get(member).content.decode()


def test_the_owner_and_small_ones_wait_for_nobody(house: House, signed_in: SignedIn) -> None:
    assert told(correct(signed_in("manager"), house, 2000)[1]) == ["The balance is corrected."]
    seen, page = correct(signed_in("owner"), house, 9000)
    assert (seen["second"], told(page)) == ("", ["The balance is corrected."])


def test_a_refund_is_decided_where_it_was_asked(house: House, signed_in: SignedIn) -> None:
    row = house.approval
    far = Client()
    far.force_login(house.far_manager, backend="members.backends.StaffBackend")
    assert shown(far) == []
    assert "waits for you" not in far.get(HOME).content.decode()
    cashier = signed_in("cashier")
    for name in ("change", "approve", "decline", "withdraw"):
        assert far.post(page_of(row, name)).status_code in (403, 404)
        assert cashier.post(page_of(row, name)).status_code == 403
    manager = signed_in("manager")
    with zeal_context():
        assert shown(manager) == shown(manager, state="mine") == [row.pk]
        assert shown(manager, state="over") == []
        assert shown(manager, q="太甜") == [row.pk]
    silent = manager.post(page_of(row, "decline"), {"reason": " "})
    assert (silent.status_code, "whoever asked reads it" in silent.content.decode()) == (400, True)
    manager.post(page_of(row, "decline"), {"reason": "先看小票"})
    row.refresh_from_db()
    assert (row.status, row.decided_by, row.answer) == ("declined", house.manager, "先看小票")
    assert shown(manager) == []
    assert shown(manager, state="over") == shown(manager, state="all") == [row.pk]


def test_what_cannot_be_done_now_says_so_and_waits(
    house: House, signed_in: SignedIn, at_work: time_machine.Traveller
) -> None:
    Approval.objects.update(kind="void", everything=True)
    at_work.shift(dt.timedelta(days=4))
    manager = signed_in("manager")
    assert "4 days ago" in manager.get(LIST).content.decode()
    answer = manager.post(page_of(house.approval, "approve"))
    assert answer.status_code == 409
    assert "Only today&#x27;s sales can be undone." in answer.content.decode()
    assert (Approval.objects.get().status, Refund.objects.count()) == ("waiting", 2)


def test_the_sheet_says_from_where_on(house: House, signed_in: SignedIn) -> None:
    owner, sheet = signed_in("owner"), rules.policy()
    address = reverse("admin:loyalty_policy_preview", args=[sheet.pk])
    form = owner.get(reverse("admin:loyalty_policy_change", args=[sheet.pk])).context["adminform"]
    initial = {name: field.initial for name, field in form.form.fields.items()} | form.form.initial
    filled = {name: value for name, value in initial.items() if value is not None}
    filled = {name: form.form.fields[name].prepare_value(filled[name]) for name in filled}
    filled |= {"streak_steps-TOTAL_FORMS": "0", "streak_steps-INITIAL_FORMS": "0"}
    page = owner.post(address, filled).content.decode()
    assert "To give back more than ¥200.00 a manager or the owner approves" in page
    assert "Above ¥200.00 or 2,000 points a manager’s correction waits" in page
    limits = ("refund_limit_fen", "adjust_limit_fen", "adjust_limit_points")
    page = owner.post(address, filled | dict.fromkeys(limits, "")).content.decode()
    assert "Nobody needs a second person" in page


def test_a_manager_who_is_the_only_one_asks_the_owner(house: House, signed_in: SignedIn) -> None:
    """Of another manager's request every manager is told, of any shop: a card is no shop's."""
    Approval.objects.all().delete()
    other = factories.staff("he", Staff.Role.MANAGER, name="何店长")
    correct(signed_in("manager"), house, -2001)
    for person, words in ((other, True), (house.far_manager, True), (house.manager, False)):
        browser = Client()
        browser.cookies["django_language"] = "en"
        browser.force_login(person, backend="members.backends.StaffBackend")
        assert ("1 thing waits for you." in browser.get(HOME).content.decode()) is words
