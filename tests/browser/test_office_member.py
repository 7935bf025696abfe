"""One member in a real browser: what one sees first, a note, two cards made one."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Browser

from loyalty.services import rules
from members.models import Member, MemberNote, Tag
from tests import factories
from tests.browser.conftest import Watched
from tests.browser.test_office_from_nothing import Office
from tests.browser.test_office_many import shot
from tests.factories import AT


@pytest.fixture
def two(live_db: object) -> tuple[Member, Member]:
    owner = factories.owner()
    factories.policy()
    factories.gold_discount()
    template = factories.coupon_template("满80减20", 2000, 8000)
    rules.publish(actor=owner, at=AT)
    kept = factories.member(tier="金卡", card="9012000000000011", points=1280, principal_fen=5000)
    other = factories.member("+8613900005678", "王小敏", principal_fen=2000, bonus_fen=400)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    factories.coupon(other, template, expires_at=later)
    kept.tags.add(Tag.objects.create(name="常客"))
    return kept, other


def test_a_note_and_two_cards_made_one(
    two: tuple[Member, Member], browser: Browser, site: str
) -> None:
    kept, other = two
    page = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN").new_page()
    watched = Watched(page)
    office = Office(page, site)
    office.log_in("/admin/login/", "zhou", factories.PASSWORD)
    office.open(f"members/member/{kept.pk}/change/")
    office.fill(text="不加糖,喜欢靠窗")
    office.send("button:has-text('记下')")
    assert "不加糖,喜欢靠窗" in page.inner_text(".ht-timeline")
    page.click("summary:has-text('更多')")
    shot(page, "member")
    office.send("a:has-text('与另一张卡合并')")
    shot(page, "merge-search")
    office.send(f"a[href='?with={other.pk}']")
    shot(page, "merge-preview")
    page.set_viewport_size({"width": 390, "height": 844})
    shot(page, "merge-phone")
    office.send("button[name=seen]")
    assert "¥74.00" in page.inner_text(".ht-tiles")
    page.set_viewport_size({"width": 390, "height": 844})
    shot(page, "merged-phone")
    office.open(f"members/member/{kept.pk}/close/")
    shot(page, "close-phone")
    other.refresh_from_db()
    assert other.merged_into_id == kept.pk
    assert MemberNote.objects.get().member_id == kept.pk
    assert watched.complaints == []
