"""A coupon for many from the members' list: asked, shown, confirmed, watched, stopped."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from zeal import zeal_context

from loyalty import tasks
from loyalty.models import BulkIssue, Coupon
from members.models import Member
from tests import factories
from tests.admin.conftest import House, SignedIn

pytestmark = pytest.mark.django_db

LIST = reverse("admin:members_member_changelist")


@pytest.fixture
def others(house: House) -> list[Member]:
    house.bulk_issue.members.all().delete()
    house.bulk_issue.delete()
    return [
        factories.member(f"+8613900005{number:03}", f"张{number}", tier="银卡")
        for number in range(3)
    ]


def step(client: Client, members: list[Member], query: str = "", **more: Any) -> Any:
    chosen = [member.pk for member in members]
    form = {"action": "give_coupon", "_selected_action": chosen, **more}
    return client.post(LIST + query, form)


def give(client: Client, house: House, members: list[Member], query: str = "", **more: Any) -> Any:
    more["template"] = house.template.pk
    page = step(client, members, query, **more)
    more |= {"seen": page.context["preview"].mark, "key": page.context["key"]}
    return step(client, members, query, **more)


def test_the_chosen_get_it(house: House, others: list[Member], owner: Client) -> None:
    asked = step(owner, others[:2])
    assert "2 members are chosen." in asked.content.decode()
    assert house.template.name in asked.content.decode()
    shown = step(owner, others[:2], template=house.template.pk)
    assert (shown.context["preview"].gets, BulkIssue.objects.count()) == (2, 0)
    done = give(owner, house, others[:2])
    issue = BulkIssue.objects.get()
    here = reverse("admin:loyalty_bulkissue_change", args=[issue.pk])
    assert (done.status_code, done["Location"]) == (302, here)
    assert "0 of 2 members" in owner.get(here).content.decode()
    tasks.give_bulk(issue.pk)
    with zeal_context():
        page = owner.get(here)
    assert "2 of 2 members" in page.content.decode()
    assert set(Coupon.objects.filter(source="bulk").values_list("member_id", flat=True)) == {
        others[0].pk,
        others[1].pk,
    }


def test_all_that_match_are_more_than_the_page_shows(
    house: House, others: list[Member], owner: Client
) -> None:
    tier = f"?stats__tier__id__exact={house.tiers['银卡'].pk}"
    give(owner, house, others[:1], tier, select_across="1")
    issue = BulkIssue.objects.get()
    chosen = set(issue.members.values_list("member_id", flat=True))
    assert chosen == {member.pk for member in others}


def test_pressed_twice_it_is_given_once(house: House, others: list[Member], owner: Client) -> None:
    page = step(owner, others, template=house.template.pk)
    sent = {"template": house.template.pk, "key": page.context["key"], "seen": "3:3"}
    answers = {step(owner, others, **sent)["Location"] for _twice in range(2)}
    assert len(answers) == BulkIssue.objects.count() == 1


def test_what_changed_meanwhile_is_shown_again(
    house: House, others: list[Member], owner: Client
) -> None:
    page = step(owner, others, template=house.template.pk)
    Member.objects.filter(pk=others[0].pk).update(status="frozen")
    again = step(
        owner,
        others,
        template=house.template.pk,
        seen=page.context["preview"].mark,
        key=page.context["key"],
    )
    assert "The list has changed in the meantime" in again.content.decode()
    assert "left out: card frozen" in again.content.decode()
    assert not BulkIssue.objects.exists()


def test_it_is_stopped_and_taken_back(
    house: House, others: list[Member], owner: Client, signed_in: SignedIn
) -> None:
    give(owner, house, others)
    issue = BulkIssue.objects.get()
    stop = reverse("admin:loyalty_bulkissue_stop", args=[issue.pk])
    take_back = reverse("admin:loyalty_bulkissue_take_back", args=[issue.pk])
    for refused in (stop, take_back):
        assert signed_in("cashier").post(refused).status_code == 403
    assert owner.get(stop).status_code == 302
    assert BulkIssue.objects.get().status == "running"
    tasks.give_bulk(issue.pk)
    assert "over already" in owner.post(stop, follow=True).content.decode()
    assert "3 coupons taken back." in owner.post(take_back, follow=True).content.decode()
    assert not Coupon.objects.filter(source="bulk", status="active").exists()
    give(owner, house, others)
    second = BulkIssue.objects.latest("pk")
    owner.post(reverse("admin:loyalty_bulkissue_stop", args=[second.pk]))
    tasks.give_bulk(second.pk)
    second.refresh_from_db()
    assert (second.status, second.given_count) == ("cancelled", 0)


def test_a_cashier_gives_nothing(house: House, others: list[Member], signed_in: SignedIn) -> None:
    give_page = step(signed_in("cashier"), others, template=house.template.pk, seen="3:3")
    assert give_page.context is None or "preview" not in give_page.context
    assert not BulkIssue.objects.exists()


def test_the_part_that_renews_itself_stops_when_it_is_over(
    house: House, others: list[Member], owner: Client
) -> None:
    give(owner, house, others)
    issue = BulkIssue.objects.get()
    part = reverse("admin:loyalty_bulkissue_progress", args=[issue.pk])
    assert f'hx-get="{part}"' in owner.get(part).content.decode()
    tasks.give_bulk(issue.pk)
    assert "hx-get" not in owner.get(part).content.decode()


@pytest.mark.parametrize("query", ["?q=zs", "?holds=coupons", "?visit=never"])
def test_a_search_and_each_filter_choose_whom(
    house: House, others: list[Member], owner: Client, query: str
) -> None:
    Member.objects.filter(pk__in=[member.pk for member in others]).update(pinyin="zs")
    factories.coupon(others[0], house.template, "80000000000022")
    shown = list(owner.get(LIST + query).context["cl"].result_list)
    assert shown
    give(owner, house, shown[:1], query, select_across="1")
    chosen = set(BulkIssue.objects.get().members.values_list("member_id", flat=True))
    assert chosen == {member.pk for member in shown}


def test_a_tag_is_put_on_all_that_match(house: House, others: list[Member], owner: Client) -> None:
    tier = f"?stats__tier__id__exact={house.tiers['银卡'].pk}"
    sent = {"action": "put_tag_on", "_selected_action": [others[0].pk], "select_across": "1"}
    assert "3 members are chosen." in owner.post(LIST + tier, sent).content.decode()
    owner.post(LIST + tier, {**sent, "tag": house.tag.pk})
    tagged = set(house.tag.members.values_list("pk", flat=True))
    assert tagged == {house.member.pk, *(member.pk for member in others)}
