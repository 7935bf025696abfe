"""An owner dresses the card; the member's phone shows it; what is too large is turned away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from loyalty.card import access
from members import clock
from members.models import CardFace, Member
from members.services import member_sessions
from tests import factories
from tests.browser.conftest import Watched
from tests.browser.test_office_from_nothing import Office
from tests.members.test_pictures import picture

LATER = 20_000  # milliseconds: the machine may be busy


@pytest.fixture
def member(live_db: object) -> Member:
    factories.owner()
    factories.policy()
    return factories.member(tier="金卡", card="9012000000000011")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A logo on a clear ground, a photo, and something far too large."""
    found = {name: tmp_path / name for name in ("logo.png", "photo.jpg", "large.png")}
    Image.new("RGBA", (400, 200), (255, 200, 80, 128)).save(found["logo.png"])
    found["photo.jpg"].write_bytes(picture(1600, 1200, "JPEG", quality=60))
    with found["large.png"].open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    return found


def signed_in(browser: Browser, site: str) -> tuple[BrowserContext, Page, Office]:
    context = browser.new_context(viewport={"width": 1366, "height": 900}, locale="zh-CN")
    page = context.new_page()
    office = Office(page, site)
    office.log_in("/admin/login/", "zhou", factories.PASSWORD)
    return context, page, office


def test_a_card_with_its_pictures(
    member: Member, files: dict[str, Path], browser: Browser, site: str
) -> None:
    context, page, office = signed_in(browser, site)
    watched = Watched(page)
    office.open("members/cardface/add/")
    office.fill(name="经典", slogan="每一次消费,都离特权更近")
    page.set_input_files("[name=logo_file]", files["logo.png"])
    page.set_input_files("[name=background_file]", files["photo.jpg"])
    front = page.locator(".ht-card").first
    expect(front).to_have_css("background-image", re.compile("blob:"), timeout=LATER)
    office.send()
    office.open(f"members/cardface/{CardFace.objects.get().pk}/change/")
    expect(page.locator(".ht-card img")).to_have_count(2, timeout=LATER)
    assert [one for one in watched.complaints if "ERR_ABORTED" not in one] == []
    context.close()

    phone = browser.new_context(viewport={"width": 390, "height": 844})
    now = clock.now()
    token = member_sessions.token(member=member, proved_at=now, at=now)
    phone.add_cookies([{"name": access.COOKIE, "value": token, "url": f"{site}/m/"}])
    card = phone.new_page()
    seen = Watched(card)
    card.goto(f"{site}/m/")
    logo = card.locator(".face .logo")
    expect(logo).to_be_visible()
    assert logo.evaluate("image => image.complete && image.naturalWidth") > 0
    face = CardFace.objects.get()
    ground = card.locator(".face").evaluate("face => getComputedStyle(face).backgroundImage")
    assert f"/m/face/{face.background_id}.webp" in ground
    assert seen.complaints == []
    phone.close()


def test_what_is_far_too_large(
    member: Member, files: dict[str, Path], browser: Browser, site: str
) -> None:
    context, page, office = signed_in(browser, site)
    office.open("members/cardface/add/")
    office.fill(name="大")
    page.set_input_files("[name=logo_file]", files["large.png"])
    field = page.locator("[name=logo_file]")
    # The page says so before anything is sent …
    assert field.evaluate("field => field.validationMessage").startswith("文件超过 5 MB")
    expect(page.get_by_role("alert")).to_have_text(re.compile("^文件超过 5 MB"))
    # … and the server to whoever sends it all the same.
    page.locator("#cardface_form").evaluate("form => { form.noValidate = true; }")
    with page.expect_navigation(timeout=60_000) as sent:
        page.click("[name=_save]")
    assert sent.value is not None
    assert sent.value.status == 413
    assert "图片最大 5 MB" in page.inner_text("main")
    assert not CardFace.objects.exists()
    context.close()
