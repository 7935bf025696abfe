// Scanner guns type: digits a few milliseconds apart, then Enter. Told by the key's place on the
// keyboard, so that an input method or a lost focus changes nothing.
"use strict";

(() => {
const GAP_MS = 30;
const END_MS = 60;
const SHORTEST = 8;
const SURE = 12; // in a field that is not ours, only what no one types that fast
const TWICE_MS = 1500;
const WHOLE = /^(?:1[0-9]{10}|8[0-9]{13}|[0-9]{16}|[0-9]{18})$/;

const burst = { digits: "", at: 0, field: null, before: "" };
const last = { digits: "", at: -TWICE_MS };

Counter.scanned = async (digits) => {
  const now = performance.now();
  const isSame = digits === last.digits && now - last.at < TWICE_MS;
  last.digits = digits;
  last.at = now;
  if (isSame) return false;
  const field = document.querySelector("#entry");
  const form = field?.form || document.querySelector("#scan");
  if (!form) return false;
  const typed = form.matches(".sale") ? field.value.trim() : "";
  const deed = form.querySelector("[data-takes]")?.value || "take";
  await Counter.send(form, null, { entry: digits, do: deed, seen: "" });
  // An amount that was typed before the scan is still meant.
  if (/^[0-9.]{1,7}$/.test(typed)) Counter.typed(typed);
  return true;
};

document.addEventListener(
  "keydown",
  (event) => {
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
    if (digit && !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey) {
      if (event.timeStamp - burst.at > GAP_MS) {
        burst.digits = "";
        burst.field = document.activeElement;
        burst.before = burst.field?.value ?? "";
      }
      burst.digits += digit;
      burst.at = event.timeStamp;
      return;
    }
    const digits = burst.digits;
    burst.digits = "";
    if (event.key !== "Enter" && event.key !== "Tab" && event.code !== "Enter") return;
    const isOurs = burst.field?.id === "entry" || !burst.field?.matches?.("input, textarea");
    if (digits.length < (isOurs ? SHORTEST : SURE) || event.timeStamp - burst.at > END_MS) return;
    if (burst.field?.type === "password") return;
    // A machine that hesitated in the middle of a number: the field holds all of it.
    if (isOurs && !WHOLE.test(digits) && WHOLE.test(burst.before + digits)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.isComposing) burst.field?.blur();
    if (burst.field?.matches?.("input, textarea")) burst.field.value = burst.before;
    Counter.scanned(digits);
  },
  true,
);
})();
