"""A colleague goes on at an open counter by PIN: a session of their own, for the counter only."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from members.models import Shop, Staff
from members.services import staff as staff_service
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

PIN = "4071"


@pytest.fixture
def lin(client: Client) -> Staff:
    """Who stands there already."""
    return Staff.objects.get(pk=at_the_counter(client))


@pytest.fixture
def mei(lin: Staff) -> Staff:
    return colleague("mei", "小梅")


def colleague(username: str, name: str, **more: object) -> Staff:
    person = factories.staff(username, name=name, **more)  # type: ignore[arg-type]
    staff_service.set_pin(staff_id=person.pk, pin=PIN, actor=person, at=AT)
    return person


def take_over(client: Client, person: Staff, pin: str = PIN) -> tuple[int, str]:
    answer = client.post(reverse("counter:take_over"), {"person": person.pk, "pin": pin})
    return answer.status_code, answer.text


def at_the_counter(client: Client) -> int:
    return int(client.session["_auth_user_id"])


def test_by_pin_the_next_one_stands_at_the_same_counter(client: Client, mei: Staff) -> None:
    before = client.session.session_key
    page = client.get(reverse("counter:shop")).text
    assert f'<option value="{mei.pk}">小梅</option>' in page
    assert take_over(client, mei)[0] == 302
    assert (at_the_counter(client), client.session["shop_id"]) == (mei.pk, factories.shop().pk)
    assert client.session.session_key != before
    assert client.get(reverse("counter:home"), follow=True).status_code == 200


def test_the_back_office_wants_the_password(client: Client, mei: Staff) -> None:
    owner = factories.owner()
    staff_service.set_pin(staff_id=owner.pk, pin="9024", actor=owner, at=AT)
    assert take_over(client, owner, "9024")[0] == 302
    assert client.get(reverse("admin:index")).status_code == 302
    said = {"username": owner.username, "password": factories.PASSWORD}
    client.post(reverse("admin:login"), said)
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize(
    ("pin", "code", "status"), [("4072", "pin_wrong", 403), ("", "pin_wrong", 403)]
)
def test_a_wrong_pin_leaves_who_was_there(
    client: Client, lin: Staff, mei: Staff, pin: str, code: str, status: int
) -> None:
    found, page = take_over(client, mei, pin)
    assert (found, f'data-code="{code}"' in page) == (status, True)
    assert f'<option value="{mei.pk}" selected>' in page
    assert at_the_counter(client) == lin.pk


def test_after_five_wrong_ones_even_the_right_one_waits(
    client: Client, lin: Staff, mei: Staff
) -> None:
    for _try in range(5):
        assert take_over(client, mei, "1379")[0] == 403
    found, page = take_over(client, mei)
    assert (found, 'data-code="pin_locked"' in page) == (429, True)
    assert at_the_counter(client) == lin.pk


def test_only_who_serves_this_shop_and_has_a_pin(client: Client, lin: Staff) -> None:
    park = Shop.objects.create(code="park", name="公园店")
    strangers = [
        colleague("far", "远方", shops=(park,)),
        factories.staff("new", name="新人"),
        colleague("gone", "离职"),
        lin,
    ]
    Staff.objects.filter(username="gone").update(is_active=False)
    for person in strangers:
        found, page = take_over(client, person)
        assert found == 400
        assert f'<option value="{person.pk}"' not in page
    answer = client.post(reverse("counter:take_over"), {"person": "x", "pin": PIN})
    assert (answer.status_code, at_the_counter(client)) == (400, lin.pk)


def test_nobody_takes_over_a_counter_that_is_closed(client: Client, mei: Staff) -> None:
    client.logout()
    assert take_over(client, mei)[0] == 302
    assert "_auth_user_id" not in client.session
