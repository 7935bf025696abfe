// Everything works without this file. It adds: one press settles once, keys F2 F3 F8,
// and the seconds of "undo" counting down.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  // After the submitter's own value has been taken.
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  });
});

// Back to a page that the browser kept: it may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const target = document.querySelector(`[data-hotkey="${CSS.escape(event.key)}"]`);
  if (target) {
    event.preventDefault();
    target.click();
  }
});

for (const form of document.querySelectorAll("[data-vanish]")) {
  const shown = form.querySelector("[data-seconds]");
  const end = performance.now() + Number(form.dataset.vanish) * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      shown.textContent = left;
    } else {
      clearInterval(timer);
      form.hidden = true;
    }
  }, 250);
}
