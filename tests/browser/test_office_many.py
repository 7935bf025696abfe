"""A coupon for all members that match, in a real browser, from the list to the last one given."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser, Page

from loyalty import tasks
from loyalty.models import BulkIssue, Coupon
from loyalty.services import rules
from members.models import Member
from tests import factories
from tests.browser.conftest import Watched
from tests.browser.test_office_from_nothing import Office
from tests.factories import AT

MEMBERS = 60  # more than a page of the list


@pytest.fixture
def many(live_db: object) -> list[Member]:
    owner = factories.owner()
    factories.policy()
    factories.coupon_template("满80减20", 2000, 8000, per_member_limit=1)
    rules.publish(actor=owner, at=AT)
    return [
        factories.member(f"+8613900001{number:03}", f"王{number}", tier="银卡")
        for number in range(MEMBERS)
    ]


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("LOOK"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_coupon_for_all_that_match(many: list[Member], browser: Browser, site: str) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN").new_page()
    watched = Watched(page)
    office = Office(page, site)
    office.log_in("/admin/login/", "zhou", factories.PASSWORD)
    office.open("members/member/?status__exact=active")
    shot(page, "list")
    page.check("#action-toggle")
    page.locator(".question:visible a, .actions a:visible").first.click()
    page.select_option("select[name=action]", value="give_coupon")
    shot(page, "list-chosen")
    with page.expect_navigation():
        page.locator("#changelist-form button[name=index]").click()
    assert f"已选 {MEMBERS} 位会员" in page.inner_text("#main")
    shot(page, "which")
    office.send("button:has-text('满80减20')")
    shot(page, "preview")
    office.send("button[name=seen]")
    shot(page, "under-way")
    assert f"已处理 0 / {MEMBERS} 位会员" in page.inner_text("#progress")
    tasks.sweep_bulk()
    page.wait_for_selector(f"text=已处理 {MEMBERS} / {MEMBERS} 位会员")
    page.set_viewport_size({"width": 390, "height": 844})
    shot(page, "done-phone")
    assert Coupon.objects.count() == BulkIssue.objects.get().given_count == MEMBERS
    assert watched.complaints == []
