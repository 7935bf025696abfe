"""A birthday gift over HTTP: set up from a date, awaited on the card, given at night, told."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import time_machine
from django.test import Client
from django.urls import reverse

from loyalty import tasks
from loyalty.models import BirthdayGift, GiftPack, PlannedChange, RuleSet, Tier
from loyalty.services import rule_changes
from members.services import outbox
from tests.admin.conftest import House
from tests.admin.test_tiers_grid import GRID, grid, key
from tests.factories import AT
from tests.loyalty.card.conftest import logged_in

HEALTH = reverse("admin:loyalty_nightlyrun_changelist")
# 03:20 in Shanghai on 1 June.
NIGHT = dt.datetime(2026, 5, 31, 19, 20, tzinfo=dt.UTC)


def words(browser: Client, address: str) -> str:
    answer: Any = browser.get(address)
    assert answer.status_code == 200
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S)
    return " ".join(unescape(text).split())


def test_from_the_grid_to_the_card(
    house: House, owner: Client, at_work: time_machine.Traveller
) -> None:
    pack = GiftPack(name="金卡生日礼", points=200)
    rule_changes.save_pack(pack=pack, coupons=[(house.template, 1)], actor=house.owner, at=AT)
    form = grid(owner) | {key(house, "金卡", "birthday_pack"): pack.pk}
    assert "Each year on the birthday: 200 points + 满80减20." in words_of_counts(owner, form)
    assert owner.post(GRID, {**form, "effective_from": "2026-06-01"}).status_code == 302
    assert "birthday gift" in words(owner, GRID)
    [change] = PlannedChange.objects.all()
    assert change.lines[0]["after"] == {"birthday_pack": pack.pk}

    at_work.move_to(NIGHT - dt.timedelta(hours=4))  # the evening before
    card = logged_in(house.member)
    form = {"name": "王小敏", "year": "1990", "month": "6", "day": "1"}
    assert card.post("/m/me/profile", form).status_code == 302
    at_work.move_to(NIGHT)
    for _hour in range(2):
        tasks.nightly_birthdays()
    assert Tier.objects.get(name="金卡").birthday_pack == pack
    version = RuleSet.objects.latest("pk")
    told = words(owner, reverse("admin:loyalty_ruleset_change", args=[version.pk]))
    assert "Tier “金卡” birthday gift – 金卡生日礼" in told
    assert BirthdayGift.objects.get().member == house.member
    assert "Gives the tiers' birthday gifts" in words(owner, HEALTH)
    assert "birthday gifts 1、members for whom nothing was left 0" in words(owner, HEALTH)

    while outbox.drain_batch(at=NIGHT).claimed:
        pass
    assert "Happy birthday! A gift for you alone" in words(card, "/m/inbox")
    assert "200 points + 满80减20" in words(card, "/m/inbox")
    assert "Birthday gift · through" in words(card, "/m/coupons")
    assert "Birthday gift" in words(card, "/m/points")
    assert "On your birthday: 200 points + 满80减20" in words(card, "/m/tiers")
    page = reverse("admin:members_member_change", args=[house.member.pk])
    assert "Birthday gift “金卡生日礼”" in words(owner, page)
    answer = owner.post(reverse("admin:loyalty_giftpack_delete", args=[pack.pk]), follow=True)
    assert GiftPack.objects.filter(pk=pack.pk).exists(), answer.content.decode()


def words_of_counts(browser: Client, form: dict[str, Any]) -> str:
    answer: Any = browser.post(reverse("admin:loyalty_tier_counts"), form)
    return " ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split())
