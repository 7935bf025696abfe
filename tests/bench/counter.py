"""The counter in a real browser: from the scan to the quote, from Enter to the result.

Measured inside the page, from the key to the frame after the words stand there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from playwright.sync_api import Page, sync_playwright

from members import clock
from members.services import live_codes
from tests.bench import sales, seed
from tests.bench.load import percentile
from tests.bench.report import Report
from tests.bench.stand import EMPTY_NAME, Stand
from tests.browser.chromium import MISSING, find_chromium

NAME = "bench_counter"
MEMBERS = 5000
SALES, WARM_UP = 100, 10
SCAN_P95_MS, ENTER_P95_MS = 300.0, 500.0

# Resolves with milliseconds once ``isThere`` holds, at the start of the frame after the next one:
# then it has been painted.
UNTIL = """
window.until = (isThere, start) => new Promise((done, failed) => {
  setTimeout(() => failed(new Error(document.body.innerText)), 20000);
  const look = () => {
    if (!isThere()) return false;
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start())));
    return true;
  };
  const watch = new MutationObserver(() => look() && watch.disconnect());
  watch.observe(document, { childList: true, subtree: true, attributes: true });
});
"""
# The keys of a gun, all in one go; the quote is there when the member and the total are.
SCAN = """
async (digits) => {
  const at = document.activeElement || document.body;
  const press = (code, key) =>
    at.dispatchEvent(new KeyboardEvent("keydown", { code, key, bubbles: true, cancelable: true }));
  for (const digit of digits) press(`Digit${digit}`, digit);
  const began = performance.now();
  const quoted = until(
    () => document.querySelector("aside .person .chip") && document.querySelector(".pay .sum"),
    () => began,
  );
  press("Enter", "Enter");
  return quoted;
}
"""
# The next Enter is a real one: the clock starts with its key.
ENTER = """
() => {
  let pressed = 0;
  document.addEventListener("keydown", (event) => (pressed = event.timeStamp), {
    capture: true,
    once: true,
  });
  window.settled = until(
    () => document.querySelector('.result[data-state="settled"]'),
    () => pressed,
  );
}
"""


def measure(stand: Stand, report: Report) -> None:
    """Sales by live code and Enter; every other one with the amount typed before the scan."""
    print(f"A cashier's sales in the browser, {MEMBERS:,} members …", flush=True)
    at = clock.now().replace(microsecond=0)
    session = sales.Till().session or ""
    connection.close()  # a database that somebody uses is copied by nobody
    if stand.postgres.create_database(NAME, template=EMPTY_NAME):
        seed.seed(stand.postgres.url(NAME), members=MEMBERS, at=at)
    scans: list[float] = []
    enters: list[float] = []
    with stand.web(NAME) as port, _counter(f"http://127.0.0.1:{port}", session) as page:
        for number in range(WARM_UP + SALES):
            scan, enter = _sell(page, number, is_amount=number % 2 == 0)
            if number >= WARM_UP:
                scans.append(scan)
                enters.append(enter)
    _judge(report, "counter: scan to quote", scans, SCAN_P95_MS)
    _judge(report, "counter: Enter to result", enters, ENTER_P95_MS)


def _judge(report: Report, what: str, found: list[float], bar: float) -> None:
    p95 = percentile(found, 0.95)
    report.tell(f"{what} p50", f"{percentile(found, 0.50):.0f} ms")
    report.judge(f"{what} p95", f"{p95:.0f} ms", f"≤ {bar:.0f} ms", is_met=p95 <= bar)


def _sell(page: Page, number: int, *, is_amount: bool) -> tuple[float, float]:
    """One sale: (milliseconds from the scan to the quote, from Enter to the result)."""
    page.goto("/counter/")
    member = number * sales.STRIDE % MEMBERS + 1
    page.locator("#entry:focus").wait_for()
    if is_amount:
        page.keyboard.type(str(20 + number % 60))
        page.locator(".pay .sum").wait_for()  # keys right before the gun's would be the gun's
    else:
        page.locator(".tiles button").first.click()
        page.locator(".lines .number").wait_for()
    code = live_codes.issue(member_id=member, at=clock.now())
    scan = float(page.evaluate(SCAN, code.digits))
    page.evaluate(ENTER)
    page.keyboard.press("Enter")
    enter = float(page.evaluate("() => window.settled"))
    return scan, enter


@contextmanager
def _counter(address: str, session: str) -> Iterator[Page]:
    """A page of a cashier's browser that is logged in; no statement is run while it is open."""
    program = find_chromium()
    if program is None:
        raise SystemExit(MISSING)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(viewport={"width": 1366, "height": 900}, base_url=address)
        context.add_cookies([{"name": "huitou_session", "value": session, "url": address}])
        context.add_init_script(UNTIL)
        yield context.new_page()
        browser.close()
