"""What nobody would type: an answer, never a breakdown."""

from __future__ import annotations

import pytest
from django.test import Client

from members.models import Event
from tests.admin.conftest import House

PLACES = [
    "members/member/{}/change/",
    "members/member/{}/change/?show=points",
    "members/tag/{}/delete/",
    "members/tag/{}/change/",
    "loyalty/order/{}/change/",
    "loyalty/bulkissue/{}/change/",
    "loyalty/ruleset/{}/change/",
    "loyalty/nightlyrun/{}/change/",
    "loyalty/benefit/{}/change/",
]


@pytest.mark.parametrize("number", ["²", "9" * 30, "9" * 5000])
def test_an_address_of_nothing(house: House, owner: Client, number: str) -> None:
    for place in PLACES:
        answer = owner.get("/admin/" + place.format(number))
        assert answer.status_code in (302, 404), place


@pytest.mark.parametrize("number", ["²", "9" * 30, "9" * 5000])
def test_a_number_of_nothing_in_a_form(house: House, owner: Client, number: str) -> None:
    member = f"/admin/members/member/{house.member.pk}/"
    assert owner.get(f"{member}change/", {"before": number}).status_code == 200
    assert owner.get(f"{member}merge/", {"with": number}).status_code == 404
    for page, field in (("note/", "remove"), ("tag/", "on"), ("forget-phone/", "phone")):
        assert owner.post(member + page, {field: number}).status_code == 302
    views = owner.post("/admin/members/member/views/", {"remove": number})
    assert views.status_code == 302
    chosen = {"action": "put_tag_on", "_selected_action": house.member.pk, "tag": number}
    assert owner.post("/admin/members/member/", chosen).status_code in (200, 302)


def test_a_letter_that_no_database_holds(house: House, owner: Client) -> None:
    member = f"/admin/members/member/{house.member.pk}/"
    assert owner.post(f"{member}note/", {"text": "喜欢\x00靠窗"}).status_code == 302
    assert house.member.notes.get().text == "喜欢 靠窗"
    kept = {"name": "回头\x00客", "query": "q=1"}
    assert owner.post("/admin/members/member/views/", kept).status_code == 302
    assert [view.name for view in house.owner.views.all()] == ["回头 客"]
    assert owner.post(f"{member}freeze/", {"reason": "丢\x00了"}).status_code == 302
    told = Event.objects.get(member=house.member, kind="frozen")
    assert told.data == {"reason": "丢 了"}
