"""Gifts for days running on the page of points: typed, said in words, refused, told later."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import Policy, RuleSet, StreakStep
from loyalty.services.checkins import check_in
from tests.admin.conftest import House, SignedIn, form_of
from tests.factories import AT

SHEET = reverse("admin:loyalty_policy_change", args=[1])
PREVIEW = reverse("admin:loyalty_policy_preview", args=[1])


def step(number: int, days: object, pack: int, *, repeats: bool = True) -> dict[str, Any]:
    line = {f"streak_steps-{number}-days": days, f"streak_steps-{number}-pack": pack}
    return line | ({f"streak_steps-{number}-repeats": "on"} if repeats else {})


def sheet(owner: Client, *steps: dict[str, Any]) -> dict[str, Any]:
    page = form_of(owner.get(SHEET))
    form = {name: value for name, value in page.items() if not name.startswith("streak_steps-0-")}
    for line in steps:
        form |= line
    return form | {"streak_steps-TOTAL_FORMS": len(steps)}


def stored() -> list[tuple[int, int, bool]]:
    return list(StreakStep.objects.values_list("days", "pack", "repeats"))


def test_two_steps_are_typed_and_hold_at_once(house: House, owner: Client) -> None:
    pack = house.pack.pk
    form = sheet(owner, step(0, 30, pack, repeats=False), step(1, 7, pack))
    said = owner.post(PREVIEW, form).content.decode()
    assert "Who checks in 7 days running gets ¥100.00 bonus; again on day 14 and so on" in said
    assert "Who checks in 30 days running gets ¥100.00 bonus, once until a day is missed." in said
    assert stored() == []
    assert owner.post(SHEET, form).status_code == 302
    assert stored() == [(7, pack, True), (30, pack, False)]
    ruleset = RuleSet.objects.get(pk=Policy.objects.get().ruleset_id or 0)
    assert ruleset.snapshot["policy"]["streaks"] == [[7, pack, True], [30, pack, False]]
    version = owner.get(reverse("admin:loyalty_ruleset_change", args=[ruleset.pk])).content.decode()
    assert "each 7 days 送100" in version
    assert "after 30 days 送100" in version


def test_a_step_is_taken_away(house: House, owner: Client) -> None:
    owner.post(SHEET, sheet(owner, step(0, 7, house.pack.pk)))
    form = form_of(owner.get(SHEET)) | {"streak_steps-0-DELETE": "on"}
    assert "days running" not in owner.post(PREVIEW, form).content.decode()
    assert owner.post(SHEET, form).status_code == 302
    assert stored() == []


@pytest.mark.parametrize("days", ["1", "366", "", "often"])
def test_only_two_to_365_days(house: House, owner: Client, days: str) -> None:
    before = RuleSet.objects.count()
    answer = owner.post(SHEET, sheet(owner, step(0, days, house.pack.pk)))
    assert answer.status_code == 200
    [inline] = answer.context["inline_admin_formsets"]
    assert list(inline.formset.errors[0]) == ["days"]
    assert (stored(), RuleSet.objects.count()) == ([], before)


def test_the_same_days_twice_are_refused(house: House, owner: Client) -> None:
    form = sheet(owner, step(0, 7, house.pack.pk), step(1, 7, house.pack.pk))
    assert owner.post(SHEET, form).status_code == 200
    assert stored() == []


def test_two_editors_do_not_overwrite_each_other(house: House, owner: Client) -> None:
    mine = sheet(owner, step(0, 7, house.pack.pk))
    owner.post(SHEET, sheet(owner, step(0, 5, house.pack.pk)))
    answer = owner.post(SHEET, mine)
    assert answer.status_code == 200
    assert "Somebody changed this while you had it open" in answer.content.decode()
    assert stored() == [(5, house.pack.pk, True)]


def test_it_may_wait_for_a_day(house: House, owner: Client) -> None:
    form = sheet(owner, step(0, 7, house.pack.pk)) | {"effective_from": "2026-06-01"}
    answer = owner.post(SHEET, form, follow=True)
    assert "each 7 days 送100" in answer.content.decode()
    assert stored() == []


def test_whoever_may_not_write_rules_only_looks(house: House, signed_in: SignedIn) -> None:
    manager = signed_in("manager")
    assert manager.get(SHEET).status_code == 200
    form = {"streak_steps-TOTAL_FORMS": 1, "streak_steps-INITIAL_FORMS": 0}
    assert manager.post(SHEET, form | step(0, 7, house.pack.pk)).status_code == 403
    assert stored() == []


def test_the_timeline_names_the_gift(house: House, owner: Client) -> None:
    owner.post(SHEET, sheet(owner, step(0, 2, house.pack.pk)))
    for day in (19, 20):
        check_in(member_id=house.member.pk, shop=house.shop, actor=None, at=AT.replace(day=day))
    page = owner.get(reverse("admin:members_member_change", args=[house.member.pk]))
    assert "Checked in, 2 days running: gift “送100”" in page.content.decode()
