"""A shop without data: each list says what belongs there and what to do first, with one button."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import translation

from config.admin.empty import FIRST_STEPS
from members.models import Staff
from members.services import staff_changes
from tests import factories
from tests.admin.test_who_sees_what import ROUTES
from tests.factories import AT

pytestmark = pytest.mark.django_db

# Never without rows, or pages of their own that say it in their own way.
OTHERWISE = {"members_staff", "members_event", "loyalty_nightlyrun", "loyalty_tier"}
LISTS = sorted(
    name.removesuffix("_changelist")
    for name, (_roles, thing) in ROUTES.items()
    if name.endswith("_changelist") and not thing
)


@pytest.fixture
def browser(at_work: time_machine.Traveller) -> Client:
    """The owner's, in English."""
    staff_changes.first_owner(login="owner", password=factories.PASSWORD, at=AT)
    client = Client()
    client.cookies["django_language"] = "en"
    client.force_login(Staff.objects.get(), backend="members.backends.StaffBackend")
    return client


@pytest.mark.parametrize("table", [name for name in LISTS if name not in OTHERWISE])
def test_a_list_says_what_to_do_first(browser: Client, table: str) -> None:
    page = browser.get(reverse(f"admin:{table}_changelist")).content.decode()
    empty = re.search(r'<div class="ht-empty">(.*?)</div>', page, re.DOTALL)
    assert empty, table
    with translation.override("en"):
        assert str(FIRST_STEPS[table.partition("_")[2]].text) in empty[1]
    (link,) = re.findall(r'<a class="ht-button is-main" href="([^"]+)"', empty[1])
    assert browser.get(link, follow=True).status_code == 200


def test_a_search_without_a_hit_leads_back_to_all(browser: Client) -> None:
    page = browser.get(reverse("admin:members_member_changelist"), {"q": "nobody"})
    assert "Nothing fits this search." in page.content.decode()


def test_the_counter_sends_an_owner_to_enter_the_shop(browser: Client) -> None:
    page = browser.get(reverse("counter:home"), follow=True).content.decode()
    assert reverse("admin:members_shop_add") in page
    cashier = factories.staff("lin", Staff.Role.CASHIER, shops=())
    browser.force_login(cashier, backend="members.backends.StaffBackend")
    page = browser.get(reverse("counter:home"), follow=True).content.decode()
    assert reverse("admin:members_shop_add") not in page
    assert "Ask the owner to give you one." in page


def test_the_first_owner_is_made_once() -> None:
    assert staff_changes.first_owner(login="owner", password="one", at=AT) is not None
    assert staff_changes.first_owner(login="second", password="two", at=AT) is None
    assert list(Staff.objects.values_list("username", "role")) == [("owner", "owner")]
    assert staff_changes.opens(login="owner", password="one")
    assert not staff_changes.opens(login="owner", password="two")
    assert not staff_changes.opens(login="nobody", password="one")
