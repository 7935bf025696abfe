"""What a counter is fed on a bad day, in a real browser."""

from __future__ import annotations

from contextlib import closing

from playwright.sync_api import Browser, Request

from loyalty.models import Order
from members import clock
from members.models import Member
from members.services import live_codes
from tests.browser.chromium import find_chromium
from tests.browser.test_counter import DESKTOP, PHONE, Cashier, open_page
from tests.browser.test_live_code import gold, shoot, shop, until  # noqa: F401


def at_work(browser: Browser, site: str, size: tuple[int, int] = DESKTOP) -> Cashier:
    """A cashier signed in at a blank sale, in English."""
    cashier = Cashier(open_page(browser, site, size, "en").page, site)
    cashier.log_in()
    return cashier


def test_no_network_then_the_same_request_again(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
) -> None:
    cashier = at_work(browser, site)
    page = cashier.page
    cashier.types("cake")
    sent: list[str] = []

    def note(one: Request) -> None:
        if one.method == "POST":
            sent.append(one.post_data or "")

    page.on("request", note)
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    until(page, "The network is gone. Nothing is lost")
    page.keyboard.press("Enter")  # impatient: nothing more is sent
    assert page.locator(".lines .number").inner_text() == "1"
    page.context.set_offline(False)
    page.locator("[data-retry]").click()
    page.locator('.result[data-state="settled"]').wait_for()
    assert page.locator("#offline").is_hidden()
    assert Order.objects.count() == 1
    assert len(set(sent)) == 1


def test_a_page_loaded_anew_while_the_network_is_gone_goes_on(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
) -> None:
    cashier = at_work(browser, site)
    page = cashier.page
    cashier.types("cake")
    page.route("**/counter/sale/**", lambda route: route.abort())
    page.keyboard.press("Enter")
    until(page, "The network is gone. Nothing is lost")
    page.unroute("**/counter/sale/**")
    page.reload()
    page.locator('.result[data-state="settled"]').wait_for()
    assert Order.objects.count() == 1


def test_full_width_digits_and_a_gun_under_an_input_method(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
) -> None:
    cashier = at_work(browser, site)
    page = cashier.page
    # The input method holds the keys: their names say "Process", their places stay.
    page.locator("#entry").focus()
    digits = live_codes.issue(member_id=gold.pk, at=clock.now()).digits
    page.evaluate(
        """digits => {
          const press = (code) => document.activeElement.dispatchEvent(new KeyboardEvent(
            "keydown", {code, key: "Process", isComposing: true, bubbles: true, cancelable: true}));
          for (const digit of digits) press(`Digit${digit}`);
          press("Enter");
        }""",
        digits,
    )
    until(page, "by the live code")
    page.locator("#entry:focus").wait_for()
    page.keyboard.insert_text("１００")
    page.locator(".pay .sum").wait_for()
    cashier.enter()
    assert page.get_attribute(".result", "data-state") == "settled"
    order = Order.objects.get()
    assert (order.member_id, order.gross_fen) == (gold.pk, 10000)


def test_a_camera_that_is_refused_and_one_that_is_absent(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
) -> None:
    program = find_chromium()
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    for more, words in (
        (["--use-fake-device-for-media-stream", "--deny-permission-prompts"], "may not use"),
        ([], "No camera was found"),
    ):
        till = browser.browser_type.launch(executable_path=program, args=[*arguments, *more])
        with closing(till):
            page = at_work(till, site).page
            page.click("[data-camera] >> nth=0")
            until(page, words)
            assert page.locator("#camera input[type=file]").count() == 1


def test_a_refusal_is_not_hidden_by_the_sheet_of_a_phone(
    gold: Member,  # noqa: F811
    site: str,
    browser: Browser,
) -> None:
    cashier = at_work(browser, site, PHONE)
    page = cashier.page
    cashier.types("13800001234")
    cashier.types("cake")
    cashier.open_sheet()
    page.locator("button[value^='benefit-off']").click()
    page.locator("button[value^='benefit-on']").wait_for()
    assert page.locator("#sheet").is_checked()  # what changes in it is seen in it
    shoot(cashier, "690000000000000001")
    assert not page.locator("#sheet").is_checked()
    assert page.get_attribute(".verdict", "data-code") == "code_foreign"
    assert page.get_attribute("body", "class") == "told warn"
    page.locator(".verdict a").click()
    page.locator(".verdict").wait_for(state="detached")
    assert page.locator(".lines .number").inner_text() == "1"
