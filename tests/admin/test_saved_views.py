"""A list's filters stay in the address, and under a name of one's own."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from members.models import SavedView
from members.services import views
from tests.admin.conftest import House, SignedIn

pytestmark = pytest.mark.django_db

LIST = reverse("admin:members_member_changelist")
VIEWS = reverse("admin:members_member_views")
SLEEPING = "status__exact=active&visit=more"


def test_filters_are_kept_under_a_name(house: House, owner: Client) -> None:
    assert "Keep these filters" not in owner.get(LIST).content.decode()
    shown = owner.get(f"{LIST}?{SLEEPING}&p=1")
    assert shown.context["views_query"] == SLEEPING
    sent = {"name": " 沉睡  会员 ", "query": f"{SLEEPING}&p=1"}
    assert owner.post(VIEWS, sent)["Location"] == f"{LIST}?{SLEEPING}"
    view = SavedView.objects.get()
    assert (view.name, view.query, view.staff) == ("沉睡 会员", SLEEPING, house.owner)
    page = owner.get(f"{LIST}?{SLEEPING}").content.decode()
    assert f'href="{LIST}?status__exact=active&amp;visit=more" aria-current="page"' in page
    assert "Keep these filters" not in page


def test_nobody_else_sees_or_removes_it(house: House, signed_in: SignedIn) -> None:
    owner, manager = signed_in("owner"), signed_in("manager")
    owner.post(VIEWS, {"name": "沉睡", "query": SLEEPING})
    number = SavedView.objects.get().pk
    assert "沉睡" not in manager.get(LIST).content.decode()
    manager.post(VIEWS, {"remove": number})
    assert SavedView.objects.filter(pk=number).exists()
    owner.post(VIEWS, {"remove": number})
    assert not SavedView.objects.exists()


def test_a_list_one_may_not_see_keeps_nothing(house: House, signed_in: SignedIn) -> None:
    ledger = reverse("admin:loyalty_entry_views")
    assert signed_in("cashier").post(ledger, {"name": "x", "query": "a=1"}).status_code == 403
    assert not SavedView.objects.exists()


def test_what_cannot_be_kept_is_told(house: House, owner: Client) -> None:
    for sent in ({"name": " ", "query": "a=1"}, {"name": "x", "query": "a=" + "1" * 1001}):
        assert list(owner.post(VIEWS, sent, follow=True).context["messages"])
    for number in range(views.MOST):
        owner.post(VIEWS, {"name": f"n{number}", "query": "visit=never"})
    owner.post(VIEWS, {"name": "one more", "query": "visit=never"})
    owner.post(VIEWS, {"name": "n0", "query": "visit=30"})
    assert SavedView.objects.count() == views.MOST
    assert SavedView.objects.get(name="n0").query == "visit=30"


def test_a_kept_filter_leads_nowhere_else(house: House, owner: Client) -> None:
    owner.post(VIEWS, {"name": "x", "query": "//evil.example/?a=1"})
    page = owner.get(LIST).content.decode()
    assert 'href="//evil' not in page
    assert f'href="{LIST}?' in page
