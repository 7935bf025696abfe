// What a cashier hears and feels without looking: a tone for each of the four colours, a short
// buzz, and the amount spoken for who wants it.
"use strict";

(() => {
// Hertz and seconds, one after the other.
const TONES = {
  ok: [[880, 0.09], [1320, 0.14]],
  warn: [[560, 0.14], [0, 0.06], [560, 0.14]],
  bad: [[330, 0.16], [220, 0.28]],
  ask: [[660, 0.08], [880, 0.08], [660, 0.08]],
};
const BUZZ = { ok: [40], warn: [60, 60, 60], bad: [200], ask: [40, 40, 40] };
const VOICE = "counter-voice";

let sound = null;

function play(tone) {
  try {
    sound ??= new AudioContext();
    if (sound.state === "suspended") sound.resume();
    let at = sound.currentTime;
    for (const [hertz, seconds] of TONES[tone]) {
      if (hertz) {
        const pitch = sound.createOscillator();
        const loudness = sound.createGain();
        pitch.frequency.value = hertz;
        pitch.type = tone === "bad" ? "square" : "sine";
        loudness.gain.setValueAtTime(0.12, at);
        loudness.gain.exponentialRampToValueAtTime(0.001, at + seconds);
        pitch.connect(loudness).connect(sound.destination);
        pitch.start(at);
        pitch.stop(at + seconds);
      }
      at += seconds;
    }
  } catch {
    // A machine without sound still shows the colour.
  }
}

const speaks = () => localStorage.getItem(VOICE) === "on";

function say(words) {
  if (!words || !speaks() || !window.speechSynthesis) return;
  const speech = new SpeechSynthesisUtterance(words);
  speech.lang = document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en";
  speechSynthesis.cancel();
  speechSynthesis.speak(speech);
}

Counter.tell = (element) => {
  const tone = element.dataset.tone;
  if (!TONES[tone]) return;
  play(tone);
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(BUZZ[tone]);
  say(element.dataset.say);
};

function mark() {
  for (const button of document.querySelectorAll("[data-voice]")) {
    button.setAttribute("aria-pressed", String(speaks()));
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-voice]")) return;
  localStorage.setItem(VOICE, speaks() ? "off" : "on");
  mark();
  if (speaks()) say(document.querySelector("[data-voice]").dataset.voice);
});

const ready = Counter.ready;
Counter.ready = (isAnswer) => {
  ready(isAnswer);
  mark();
};
})();
