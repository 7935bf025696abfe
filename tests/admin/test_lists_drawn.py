"""What a list draws: each of its parts once, however many rows there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.test.signals import template_rendered
from django.urls import reverse
from django.utils import translation
from unfold.admin import checkbox

from members.admin.lists import select_box
from members.models import Tag
from tests import factories
from tests.admin.conftest import House

LIST = reverse("admin:members_member_changelist")


def drawn(browser: Client) -> list[str]:
    """The names of the templates that the list takes, one for each time."""
    names: list[str] = []

    def note(template: Any = None, **_more: Any) -> None:
        names.append(template.name or "")

    template_rendered.connect(note)
    try:
        assert browser.get(LIST).status_code == 200
    finally:
        template_rendered.disconnect(note)
    return names


def test_more_members_take_no_more_heads_and_boxes(house: House, owner: Client) -> None:
    drawn(owner)  # the box is drawn once for as long as the process lives
    few = [name for name in drawn(owner) if "checkbox" in name or "switch" in name]
    for number in range(20):
        factories.member(f"+861390000{number:04}", f"王{number}")
    many = [name for name in drawn(owner) if "checkbox" in name or "switch" in name]
    assert many == few


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_box_is_the_one_that_unfold_draws(house: House, language: str) -> None:
    with translation.override(language):
        for row in (house.member, house.tag):
            assert select_box(row) == checkbox.render(ACTION_CHECKBOX_NAME, str(row.pk))


def test_every_row_has_its_own_box_and_its_tags(house: House, owner: Client) -> None:
    other = factories.member("+8613900001111", "王小二", tier="银卡")
    other.tags.set([house.tag, Tag.objects.create(name="新客")])
    page = owner.get(LIST).content.decode()
    boxes = re.findall(r'name="_selected_action" value="(\d+)"', page)
    assert boxes == [str(other.pk), str(house.member.pk)]
    assert "常客、新客" in page or "新客、常客" in page
