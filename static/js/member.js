// The card works without this file: the page reloads itself every half minute. It adds: the next
// code without a reload, seconds counting down, news within a second, a screen that stays awake,
// and a code that sends itself once its six digits are there.
"use strict";

const FRESH = "/m/code/fresh";
let shownAt = performance.now();

// --- The live code ---------------------------------------------------------------------------

const panel = () => document.querySelector("[data-code]");
const seconds = () => Number(panel()?.dataset.renew || 0);
let renewing = false;

async function renew() {
  if (renewing || !panel()) return;
  renewing = true;
  try {
    const answer = await fetch(FRESH, { credentials: "same-origin", redirect: "error" });
    if (answer.ok) {
      panel().outerHTML = await answer.text();
      shownAt = performance.now();
    }
  } catch {
    // Out of reach: the old code stays; the next second tries again.
  } finally {
    renewing = false;
  }
}

function tick() {
  if (document.hidden || !seconds()) return;
  const left = Math.ceil(seconds() - (performance.now() - shownAt) / 1000);
  const shown = panel().querySelector("[data-left]");
  if (shown) shown.textContent = Math.max(left, 0);
  if (left <= 0) renew();
}

// --- What happened at the counter --------------------------------------------------------------

const live = document.querySelector("[data-live]");
const opened = performance.now();
let isSoon = false; // the code was read at a counter: news is on its way
let hurryUntil = 0;
let wake = () => {};

async function look() {
  try {
    const answer = await fetch(live.dataset.live, { credentials: "same-origin" });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return;
    const news = await answer.json();
    if (news.soon && !isSoon) hurryUntil = performance.now() + 30000;
    isSoon = news.soon;
    if (news.confirm) location.assign(news.confirm);
    else if (String(news.version) !== live.dataset.version) {
      hurryUntil = 0; // it has come
      await follow(String(news.version));
    }
  } catch {
    // Out of reach: asked again.
  }
}

// Someone at the till looks at the card; after three minutes it lies on the table.
async function watch() {
  for (;;) {
    if (!document.hidden) await look();
    const now = performance.now();
    const pause = now < hurryUntil ? 250 : isSoon || now - opened < 180000 ? 600 : 5000;
    await new Promise((done) => {
      wake = done;
      setTimeout(done, pause);
    });
  }
}

async function follow(version) {
  live.dataset.version = version;
  if (live.dataset.leave) {
    location.assign(live.dataset.leave);
    return;
  }
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["[data-swap]", "[data-code]", ".tabs"]) {
    const [now, next] = [document.querySelector(part), page.querySelector(part)];
    if (now && next) now.replaceWith(next);
  }
  shownAt = performance.now();
}

if (panel()) setInterval(tick, 250);
if (live) watch();

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) wake();
  if (!document.hidden && seconds() && performance.now() - shownAt > 20000) renew();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// --- The screen stays awake while the code is large ----------------------------------------------

async function stayAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // Refused or not there: the screen dims as usual.
  }
}
if (document.querySelector("[data-awake]")) {
  stayAwake();
  document.addEventListener("visibilitychange", () => document.hidden || stayAwake());
}

// --- Forms ---------------------------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
});

for (const input of document.querySelectorAll("[data-digits]")) {
  input.addEventListener("input", (event) => {
    if (event.isComposing) return;
    const digits = input.value.normalize("NFKC").replace(/\D/g, "");
    if (digits.length === Number(input.dataset.digits)) input.form.requestSubmit();
  });
}

// A question that is void after its seconds.
const until = document.querySelector("[data-until]");
if (until) {
  const end = performance.now() + Number(until.dataset.until) * 1000;
  const words = until.textContent;
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    until.textContent = words.replace(/\d+/, Math.max(left, 0));
    if (left < 0) {
      clearInterval(timer);
      location.reload();
    }
  }, 250);
}

// Who has the inbox open has read it.
const unread = document.querySelector("[data-read]");
if (unread) {
  fetch(location.href, { method: "POST", credentials: "same-origin", body: new FormData(unread) }).then(
    () => {
      unread.hidden = true;
      document.querySelector(".tabs .count")?.remove();
    },
    () => {},
  );
}
