"""What scripts show after a page has come: in Chinese no English sentence, in English no Chinese.

``tests/site/test_words.py`` reads every page as the server wrote it. Here the pages are moved: the
camera is refused, the network goes, an amount is typed, a picture is too heavy. After each step all
of the page is read by the same rule, and what the step brought must be there, in its own language.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route

from loyalty.card import access
from loyalty.models import BulkIssue
from loyalty.services import bulk, checkout, confirmations, rules
from loyalty.services.checkout import Cart, CartLine
from members import clock
from members.models import Member, Staff
from members.pictures import MAX_UPLOAD_BYTES
from members.services import member_sessions
from tests import factories
from tests.browser.test_counter import Cashier
from tests.members.test_pictures import picture
from tests.site.test_words import CHINESE, CJK, ENGLISH, LATIN, strange, written

LANGUAGES = (CHINESE, ENGLISH)
SOON = 20_000  # milliseconds: the machine may be busy
# A camera that answers as it is told, and a voice that is written down.
STAGED = """
  window.spoken = [];
  speechSynthesis.speak = (words) => spoken.push(words.text);
  speechSynthesis.cancel = () => {};
  window.camera = "NotAllowedError";
  navigator.mediaDevices.getUserMedia = async () => {
    if (camera) throw new DOMException("", camera);
    const canvas = document.createElement("canvas");
    setInterval(() => canvas.getContext("2d").fillRect(0, 0, 9, 9), 50);
    return canvas.captureStream();
  };
"""
NO_CODE = {"name": "a.png", "mimeType": "image/png", "buffer": picture()}


class Reader:
    """Reads a page after each step, and keeps what is in the other language."""

    def __init__(self, page: Page, language: str, heavy: Path) -> None:
        self.page, self.language, self.heavy = page, language, heavy
        self.own = written()
        self.found: dict[str, set[str]] = {}

    def read(self, state: str, brought: Locator) -> None:
        """All of the page; ``brought`` is what the step put there."""
        brought.wait_for(timeout=SOON)
        words = brought.inner_text() or brought.get_attribute("aria-label") or ""
        mine = CJK if self.language == CHINESE else LATIN
        assert mine.search(words), f"{state} ({self.language}) brought nothing: {words!r}"
        self.hear(state, [])

    def hear(self, state: str, more: list[str]) -> None:
        html = self.page.content() + "".join(f"<p>{words}</p>" for words in more)
        wrong = strange(html, self.language, self.own)
        if wrong:
            self.found[f"{state} ({self.language})"] = wrong


@pytest.fixture
def shop(live_db: object) -> Member:
    """A member with points, value and a coupon; an owner, who is also the cashier."""
    now = clock.now()
    owner = factories.owner()
    factories.shop()
    factories.menu()
    factories.policy(checkin_points=2)
    factories.gold_discount()
    person = factories.member(tier="金卡", principal_fen=100000, bonus_fen=2000)
    factories.give_points(person, 1280, expires_at=now + member_sessions.LIFE)
    template = factories.coupon_template("满80减20", 2000, 8000)
    factories.coupon(person, template, expires_at=now + member_sessions.LIFE)
    rules.publish(actor=owner, at=now)
    return person


@pytest.fixture
def opened(browser: Browser, site: str) -> Iterator[dict[str, BrowserContext]]:
    """One window for each language, both signed in by the owner's one session."""
    visitor = Client()
    visitor.force_login(Staff.objects.get(), backend="members.backends.StaffBackend")
    session = visitor.cookies[settings.SESSION_COOKIE_NAME].value
    found = {}
    for language in LANGUAGES:
        found[language] = browser.new_context(
            viewport={"width": 1366, "height": 900}, base_url=site, reduced_motion="reduce"
        )
        cookies = {settings.SESSION_COOKIE_NAME: session, "django_language": language}
        found[language].add_cookies(
            [{"name": name, "value": value, "url": site} for name, value in cookies.items()]
        )
    yield found
    for context in found.values():
        context.close()


# --- the counter ---------------------------------------------------------------------------------


def the_camera(reader: Reader) -> None:
    page = reader.page
    page.add_init_script(STAGED)
    page.goto("/counter/")
    said = page.locator("#camera [data-say-when]:visible")
    for state, error in (("refused", "NotAllowedError"), ("absent", "NotFoundError")):
        page.evaluate("(name) => { window.camera = name }", error)
        page.click(".one-field [data-camera]")
        page.locator(f"#camera [data-say-when={state}]").wait_for(timeout=SOON)
        reader.read(f"camera {state}", said)
        if state == "refused":
            page.click("#camera [data-camera]")
    page.set_input_files("#camera input[type=file]", NO_CODE)  # type: ignore[arg-type]
    page.locator("#camera [data-say-when=nothing]").wait_for(timeout=SOON)
    reader.read("a photo without a code", said)
    page.reload()
    page.route("**/ponyfill.js", lambda route: route.abort())
    page.evaluate("() => { window.camera = '' }")
    page.click(".one-field [data-camera]")
    page.locator("#camera [data-say-when=unreadable]").wait_for(timeout=SOON)
    reader.read("no reader", said)
    page.unroute("**/ponyfill.js")
    page.click("#camera [data-camera]")
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = undefined }")
    page.click(".one-field [data-camera]")
    page.locator("#camera [data-say-when=insecure]").wait_for(timeout=SOON)
    reader.read("no secure address", said)
    page.click("#camera [data-camera]")
    page.click("[data-voice]")
    reader.hear("the voice", page.evaluate("() => window.spoken"))


def the_look_ahead(reader: Reader) -> None:
    page, cashier = reader.page, Cashier(reader.page, "")
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.write("50")
    page.locator("[data-live=work] .sum").wait_for(timeout=SOON)
    reader.read("an amount is typed", page.locator("[data-live=side] [data-reason] .why").first)
    Member.objects.update(status=Member.Status.FROZEN)
    page.fill("#entry", "60")
    page.keyboard.press("Enter")
    reader.read("what the look ahead refused", page.locator(".verdict"))
    Member.objects.update(status=Member.Status.ACTIVE)


def the_network(reader: Reader) -> None:
    """Gone when a sale is sent, still gone when the page is loaded anew, then back."""
    page, cashier = reader.page, Cashier(reader.page, "")
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.types("cake")

    def gone(route: Route) -> None:
        route.abort() if route.request.method == "POST" else route.continue_()

    page.route("**/counter/**", gone)
    page.focus("#entry")
    page.keyboard.press("Enter")
    reader.read("the network is gone", page.locator("#offline"))
    page.reload()
    reader.read("a sale is held until it is back", page.locator("#offline"))
    page.unroute("**/counter/**")
    page.click("#offline [data-retry]")
    reader.read("the seconds of undo", page.locator(".undo:has([data-seconds])"))
    reader.hear("the amount is spoken", page.evaluate("() => window.spoken"))
    cashier.press(".undo")
    reader.read("undone", page.locator(".result"))


def the_member_is_asked(reader: Reader) -> None:
    page, cashier = reader.page, Cashier(reader.page, "")
    page.goto("/counter/")
    cashier.types("13800001234")
    cashier.types("2*150")
    page.click("button[value='stored:on']")
    page.locator("button[value='stored:off']").wait_for()
    page.focus("#entry")
    cashier.enter()
    reader.read("the member is asked", page.locator("[data-state=pending]"))
    member = Member.objects.get()
    asked = confirmations.pending(member_id=member.pk, at=clock.now())
    assert asked is not None
    confirmations.refuse(confirmation_id=asked.pk, member_id=member.pk, at=clock.now())
    page.locator("button[value=ask]").wait_for(timeout=SOON)
    reader.read("the member said no", page.locator("main"))


# --- the back office -----------------------------------------------------------------------------


def the_palette(reader: Reader) -> None:
    page = reader.page
    page.goto("/admin/")
    page.keyboard.press("/")
    page.locator("#search-input-command").press_sequentially("qqqq")
    reader.read("nothing found", page.locator("#command-results > *").first)
    page.fill("#search-input-command", "1234")
    reader.read("a member found", page.locator("#command-results-list li").first)


def a_heavy_picture(reader: Reader) -> None:
    page = reader.page
    page.goto("/admin/members/cardface/add/")
    reader.read("the face beside its form", page.locator(".ht-aside .ht-note").first)
    page.set_input_files("[name=logo_file]", reader.heavy)
    reader.read("a picture is too heavy", page.locator(".ht-error:visible"))
    said = page.eval_on_selector("[name=logo_file]", "(field) => field.validationMessage")
    reader.hear("what the field says", [said])


def a_list_of_lines(reader: Reader) -> None:
    """A search in a line of a table that finds nothing."""
    page = reader.page
    page.goto("/admin/loyalty/benefit/add/")
    page.select_option("[name=kind]", "member_price")
    page.locator("#member_prices-group .select2-selection:visible").first.click()
    page.locator(".select2-search__field").last.press_sequentially("qq")
    empty = page.locator(".select2-results__message")
    reader.read("no such article", empty)


def a_filter_that_finds_nothing(reader: Reader) -> None:
    """And the calendars that stand in it."""
    page = reader.page
    page.goto("/admin/members/event/")
    page.locator("[x-on\\:click*=filterOpen]:visible").first.click()
    page.locator(".select2-selection:visible").first.click()
    page.locator(".select2-search__field").last.press_sequentially("qq")
    reader.read("no such filter", page.locator(".select2-results__message"))


def many_are_chosen(reader: Reader) -> None:
    page = reader.page
    page.goto("/admin/members/member/")
    page.check("#action-toggle")
    reader.hear("all are chosen", [])


def how_far_it_is(reader: Reader) -> None:
    at, owner = clock.now(), Staff.objects.get()
    issue_id = bulk.start(
        key=uuid.uuid4(),
        template_id=Member.objects.get().coupons.get().template_id,
        audience=Member.objects.all(),
        actor=owner,
        at=at,
    )
    page = reader.page
    page.goto(reverse("admin:loyalty_bulkissue_change", args=[issue_id]))
    reader.read("a coupon for many begun", page.locator("#progress [role=status]"))
    bulk.cancel(issue_id=issue_id, actor=owner, at=clock.now())
    page.locator("#progress .is-warn").wait_for(timeout=SOON)
    reader.read("stopped", page.locator("#progress [role=status]"))
    assert BulkIssue.objects.get(pk=issue_id).status == BulkIssue.Status.CANCELLED


# --- the member's card ---------------------------------------------------------------------------


def joining(reader: Reader) -> None:
    page = reader.page
    page.goto("/m/join")
    page.fill("#phone", "139 0000 1234")
    page.check("input[name=terms]")
    page.click("form:has(#phone) button")
    page.locator("#code").press_sequentially("000000")
    reader.read("a wrong code sends itself", page.locator("[role=alert]"))


def the_card(reader: Reader) -> None:
    page, at, member = reader.page, clock.now(), Member.objects.get()
    token = member_sessions.token(member=member, proved_at=at, at=at)
    page.context.add_cookies(
        [{"name": access.COOKIE, "value": token, "domain": "127.0.0.1", "path": access.PATH}]
    )
    page.goto("/m/")
    before = page.locator("[data-code] [data-left]").inner_text()
    assert re.fullmatch(r"\d+", before)
    page.evaluate("() => { shownAt = -Infinity; return renew() }")
    reader.read("the next code", page.locator("[data-code]"))
    checkout.settle(
        key=uuid.uuid4(),
        cart=Cart((CartLine(amount_fen=4000),), member_id=member.pk),
        expected_hash=None,
        tender="cash",
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    page.locator("[data-swap]", has_text="40").first.wait_for(timeout=SOON)
    reader.read("news from the counter", page.locator("[data-swap]").first)


def a_question(reader: Reader) -> None:
    page, member = reader.page, Member.objects.get()
    asked = confirmations.request(
        member_id=member.pk,
        stored_fen=25000,
        points=0,
        points_fen=0,
        cart_hash=reader.language,
        shop=factories.shop(),
        actor=None,
        at=clock.now(),
    )
    page.goto(f"/m/confirm/{asked.pk}")
    reader.read("the seconds of a question", page.locator("[data-until]"))
    confirmations.refuse(confirmation_id=asked.pk, member_id=member.pk, at=clock.now())


STEPS = (
    *(the_camera, the_look_ahead, the_network, the_member_is_asked),
    *(the_palette, a_heavy_picture, a_list_of_lines, a_filter_that_finds_nothing),
    *(many_are_chosen, how_far_it_is),
    *(joining, the_card, a_question),
)


@pytest.mark.long
def test_what_scripts_show_is_in_one_language(
    shop: Member, opened: dict[str, BrowserContext], tmp_path: Path
) -> None:
    """One server and one browser for all of it, in both languages."""
    heavy = tmp_path / "heavy.png"
    with heavy.open("wb") as file:
        file.truncate(MAX_UPLOAD_BYTES + 1)
    found: dict[str, set[str]] = {}
    for language, context in opened.items():
        reader = Reader(context.new_page(), language, heavy)
        for step in STEPS:
            step(reader)
        found |= reader.found
    assert found == {}
