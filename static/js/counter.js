// Everything works without this file. It adds: pages that change in place, so that the camera
// stays on; one press is one request, sent again with the same key when the network fails; the
// working of an amount while it is typed; keys; the seconds of "undo".
"use strict";

// The counter's other scripts join in here.
const Counter = {};

const AMOUNT = /^[¥0-9０-９.。]{1,10}$/;
const PENDING = "counter-pending";
const RETRY_MS = 2000;
const PATIENCE_MS = 10000;
const FAILURES = 3; // of the server's own, before it is said

const one = (selector) => document.querySelector(selector);
const all = (selector) => document.querySelectorAll(selector);
const entry = () => one("#entry");

// --- Sending ---------------------------------------------------------------------------------

let sending = false;

function bodyOf(form, submitter, extra) {
  const data = new URLSearchParams(new FormData(form));
  if (submitter?.name) data.set(submitter.name, submitter.value);
  for (const [name, value] of Object.entries(extra || {})) data.set(name, value);
  return data;
}

async function answerOf(action, body) {
  const answer = await fetch(action, {
    method: "POST",
    body,
    credentials: "same-origin",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (answer.status >= 500 && !answer.headers.has("X-Refused")) {
    throw new TypeError("server", { cause: answer.status });
  }
  return answer;
}

// Sends the form and shows what follows. While the network is gone the very same request is
// tried again: its key and its turn make it count once. What the server itself cannot do, time
// after time, may be left: the last sales tell what became of it.
Counter.send = async (form, submitter, extra) => {
  if (sending) return;
  sending = true;
  document.body.setAttribute("aria-busy", "true");
  const action = submitter?.getAttribute("formaction") || form.action;
  const request = { action, body: bodyOf(form, submitter, extra).toString() };
  sessionStorage.setItem(PENDING, JSON.stringify(request));
  await deliver(request);
};

async function deliver({ action, body }) {
  for (let failed = 0; ; ) {
    try {
      const answer = await answerOf(action, new URLSearchParams(body));
      const html = await answer.text();
      sessionStorage.removeItem(PENDING);
      one("#offline").hidden = one("#stuck").hidden = true;
      sending = false;
      document.body.removeAttribute("aria-busy");
      show(html, answer.url);
      return;
    } catch (error) {
      failed += error.cause === 500 ? 1 : 0;
      const isStuck = failed >= FAILURES;
      one("#offline").hidden = isStuck;
      one("#stuck").hidden = !isStuck;
      await pause();
    }
  }
}

let wake = () => {};
function pause() {
  return new Promise((done) => {
    wake = done;
    setTimeout(done, RETRY_MS);
  });
}
window.addEventListener("online", () => wake());

// --- Showing ---------------------------------------------------------------------------------

function show(html, url) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (!page.querySelector("#tools")) {
    location.assign(url); // a page of another kind, such as the login
    return;
  }
  const isOpen = one("#sheet")?.checked && new URL(url).pathname === location.pathname;
  document.title = page.title;
  document.body.className = page.body.className;
  const tools = one("#tools");
  for (const node of [...document.body.children]) if (node !== tools) node.remove();
  for (const node of [...page.body.children]) if (node.id !== "tools") tools.before(node);
  if (url === location.href) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  if (isOpen && one("#sheet") && !one(".verdict")) one("#sheet").checked = true; // a verdict is read first
  window.scrollTo(0, 0);
  Counter.ready(true);
}

window.addEventListener("popstate", () => location.reload());

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]") || !one("#tools")) return;
  event.preventDefault();
  submit(form, event.submitter);
});

async function submit(form, submitter) {
  // Enter on an empty field of the result does nothing: the sale is settled already.
  if (form.matches(".next") && !entry().value.trim()) return;
  await Counter.looked();
  Counter.send(form, submitter);
}

// --- The working while an amount is typed --------------------------------------------------------

let looking = null;
let lookTimer = 0;
let shown = "";

function look() {
  clearTimeout(lookTimer);
  lookTimer = 0;
  const form = one("form.sale");
  const words = entry().value.trim();
  if (!form || words === shown) return;
  const asked = AMOUNT.test(words) ? words : "";
  if (asked === shown) return;
  const mine = answerOf(form.action, bodyOf(form, null, { entry: asked, do: "look" }))
    .then((answer) => answer.text())
    .then((html) => {
      if (looking !== mine || !form.isConnected) return; // overtaken by a newer one
      const page = new DOMParser().parseFromString(html, "text/html");
      for (const part of all("[data-live]")) {
        const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
        if (fresh) part.replaceChildren(...fresh.childNodes);
      }
      shown = asked;
    })
    .catch(() => {}) // out of reach: Enter says so
    .finally(() => {
      // An answer that comes after a scan changed the page must not end the wait for the new one.
      if (looking === mine) looking = null;
      if (form.isConnected && entry().value.trim() !== words) look();
    });
  looking = mine;
}

// Enter waits for the quote of what stands in the field.
Counter.looked = async () => {
  if (!one("form.sale[data-member]") || !AMOUNT.test(entry()?.value.trim() || "")) return;
  if (lookTimer) look();
  while (looking) await looking;
};

document.addEventListener("input", (event) => {
  document.body.classList.remove("told"); // the next thing has begun
  if (event.target.id !== "entry" || !one("form.sale")) return;
  clearTimeout(lookTimer);
  lookTimer = setTimeout(look, 120);
});

Counter.typed = (words) => {
  const field = entry();
  if (!field) return;
  field.value = words;
  field.focus();
  look();
};

// --- Keys ------------------------------------------------------------------------------------

function press(key) {
  const target = one(`main [data-hotkey="${CSS.escape(key)}"]`) || one(`[data-hotkey="${CSS.escape(key)}"]`);
  if (target) target.click();
  return Boolean(target);
}

function clear() {
  const field = entry();
  if (field && field.value) {
    Counter.typed("");
    return;
  }
  if (!press("Escape")) one(".brand")?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey) return;
  const inField = event.target.matches("input:not([type=radio]), textarea");
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
  let done = false;
  if (digit && (event.altKey || !inField)) done = press(digit);
  else if (event.altKey && /^Key[A-Z]$/.test(event.code)) done = press(event.code);
  else if (event.altKey) return;
  else if (event.key === "Escape") {
    clear();
    done = true;
  } else done = /^F[0-9]+$/.test(event.key) && press(event.key);
  if (done) event.preventDefault();
  else if (!inField && event.key.length === 1 && entry() && !event.target.closest("button, a, label")) entry().focus();
});

function numberOffers() {
  [...all("[data-offers] button")].slice(0, 9).forEach((button, index) => {
    button.dataset.hotkey = String(index + 1);
    button.setAttribute("aria-keyshortcuts", `Alt+${index + 1}`);
  });
}

// --- Each page, also the first -------------------------------------------------------------------

let countdown = 0;

function countDown() {
  clearInterval(countdown);
  const form = one("[data-vanish]");
  if (!form) return;
  const seconds = form.querySelector("[data-seconds]");
  const end = performance.now() + Number(form.dataset.vanish) * 1000;
  countdown = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) seconds.textContent = left;
    else {
      clearInterval(countdown);
      form.hidden = true;
    }
  }, 250);
}

let calm = 0;

// The full colour gives way to the sale's papers after a moment.
function calmDown() {
  clearTimeout(calm);
  if (document.body.classList.contains("fresh")) {
    calm = setTimeout(() => document.body.classList.remove("fresh"), 8000);
  }
}

async function waitForMember() {
  const form = one("[data-wait]");
  if (!form) return;
  const address = form.dataset.wait;
  while (form.isConnected) {
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      const { status } = await answer.json();
      if (!form.isConnected) return;
      if (status === "approved") return void Counter.send(form, null, { do: "go" });
      if (status !== "pending") return location.reload();
    } catch {
      // Out of reach: asked again.
    }
    await new Promise((done) => setTimeout(done, 700));
  }
}

Counter.ready = (isAnswer) => {
  shown = "";
  looking = null;
  clearTimeout(lookTimer);
  lookTimer = 0;
  const field = one("[autofocus]");
  if (isAnswer) field?.focus();
  for (const button of all("[data-needs-script]")) button.hidden = false;
  // On a phone our own pad lies under the thumb; the keyboard would cover it.
  if (one(".pad") && matchMedia("(max-width: 520px) and (pointer: coarse)").matches) entry()?.setAttribute("inputmode", "none");
  numberOffers();
  countDown();
  calmDown();
  waitForMember();
  const words = one("[data-tone]");
  if (isAnswer && words) {
    one("#spoken").textContent = words.querySelector(".word, span")?.textContent || "";
    Counter.tell?.(words);
  } else if (isAnswer) one("#spoken").textContent = "";
  one("[data-print]")?.addEventListener("click", () => window.print());
};

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-retry]")) wake();
  if (event.target.closest("[data-leave]")) sessionStorage.removeItem(PENDING);
  const key = event.target.closest("[data-pad]")?.dataset.pad;
  if (key === undefined || !entry()) return;
  const words = entry().value;
  entry().value = key === "back" ? words.slice(0, -1) : words + key;
  entry().dispatchEvent(new Event("input", { bubbles: true }));
});

// A tap on the field itself asks for letters.
document.addEventListener("pointerdown", (event) => {
  if (event.target.id === "entry") event.target.setAttribute("inputmode", "text");
});

document.addEventListener("DOMContentLoaded", () => {
  Counter.ready(false);
  const pending = sessionStorage.getItem(PENDING);
  if (pending && one("#tools")) {
    sending = true;
    deliver(JSON.parse(pending));
  }
});
