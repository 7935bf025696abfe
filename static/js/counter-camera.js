// The camera as a scanner: a tap away, then it stays on from sale to sale. Browsers without a
// reader of their own load ours; without a camera a photo can be read.
"use strict";

(() => {
const LOOK_MS = 200;
const TWICE_MS = 1500;
const SPENT_MS = 60000; // a member's code is read once; it lies there until the phone renews it
const SEEN = "counter-seen";
const FORMATS = ["qr_code", "code_128", "ean_13", "ean_8"];

const camera = document.querySelector("#camera");
const video = camera?.querySelector("video");
let stream = null;
let reader = null;
let timer = 0;

const say = (name) => {
  for (const words of camera.querySelectorAll("[data-say-when]")) {
    words.hidden = words.dataset.sayWhen !== name;
  }
};

function load(address) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
}

async function readerOf() {
  if (reader) return reader;
  const known = (await window.BarcodeDetector?.getSupportedFormats?.().catch(() => [])) || [];
  if (known.includes("qr_code")) {
    reader = new window.BarcodeDetector({ formats: FORMATS.filter((one) => known.includes(one)) });
    return reader;
  }
  await load(camera.dataset.reader);
  const library = window.BarcodeDetectionAPI;
  library.setZXingModuleOverrides({ locateFile: () => camera.dataset.wasm });
  reader = new library.BarcodeDetector({ formats: FORMATS });
  return reader;
}

function take(text) {
  // What still lies before the camera was read already, also by the page before this one.
  const seen = JSON.parse(sessionStorage.getItem(SEEN) || "{}");
  const isSame = text === seen.text && Date.now() - seen.at < (text.length === 18 ? SPENT_MS : TWICE_MS);
  sessionStorage.setItem(SEEN, JSON.stringify({ text, at: Date.now() }));
  if (!isSame && /^[0-9]{6,24}$/.test(text)) Counter.scanned(text);
}

async function look() {
  timer = 0;
  if (!stream) return;
  try {
    if (video.readyState >= 2 && !document.hidden) {
      const [found] = await (await readerOf()).detect(video);
      if (found) take(found.rawValue);
    }
  } catch {
    say("unreadable");
  }
  if (stream) timer = setTimeout(look, LOOK_MS);
}

async function start() {
  camera.hidden = false;
  say("starting");
  if (!navigator.mediaDevices?.getUserMedia) return say("insecure");
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } },
    });
  } catch (error) {
    return say(error.name === "NotAllowedError" ? "refused" : "absent");
  }
  video.srcObject = stream;
  await video.play().catch(() => {});
  video.hidden = false;
  say("on");
  const light = stream.getVideoTracks()[0].getCapabilities?.().torch;
  camera.querySelector("[data-torch]").hidden = !light;
  sessionStorage.setItem("counter-camera", "on");
  look();
}

function stop() {
  clearTimeout(timer);
  for (const track of stream?.getTracks() || []) track.stop();
  stream = null;
  video.srcObject = null;
  video.hidden = camera.hidden = true;
  sessionStorage.removeItem("counter-camera");
}

async function torch(button) {
  const isOn = button.getAttribute("aria-pressed") !== "true";
  await stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: isOn }] }).catch(() => {});
  button.setAttribute("aria-pressed", String(isOn));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-camera]")) stream || !camera.hidden ? stop() : start();
  else if (event.target.closest("[data-torch]")) torch(event.target.closest("[data-torch]"));
});

camera?.querySelector("input[type=file]").addEventListener("change", async (event) => {
  const [photo] = event.target.files;
  if (!photo) return;
  try {
    const [found] = await (await readerOf()).detect(await createImageBitmap(photo));
    if (found) take(found.rawValue);
    else say("nothing");
  } catch {
    say("nothing");
  }
  event.target.value = "";
});

// After a page that was loaded anew it goes on.
if (camera && sessionStorage.getItem("counter-camera")) start();
})();
