// "/" opens the search from anywhere, unless somebody is typing. A list takes it for its own field.
document.addEventListener("keydown", (event) => {
  const on = document.activeElement;
  const typing = on && (/^(input|textarea|select)$/i.test(on.tagName) || on.isContentEditable);
  const list = document.getElementById("searchbar");
  if (event.key === "/" && !typing && !list && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    window.dispatchEvent(new CustomEvent("opencommand"));
  }
});

// A picture is shown on the card beside the form as soon as it is chosen. One that would be refused
// for its weight is not even sent.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (!field.matches || !field.matches("input[type=file][data-picture]")) return;
  const part = field.dataset.picture;
  const file = field.files[0];
  const heavy = Boolean(file) && file.size > Number(field.dataset.maxBytes);
  field.setCustomValidity(heavy ? field.dataset.tooHeavy : "");
  const frame = field.parentNode.parentNode.parentNode;
  let said = frame.nextElementSibling;
  if (!said || !said.matches(".ht-error")) {
    said = document.createElement("p");
    said.className = "ht-error";
    said.setAttribute("role", "alert");
    frame.after(said);
  }
  said.textContent = heavy ? field.dataset.tooHeavy : "";
  const root = document.documentElement;
  const shows = Boolean(file) && !heavy;
  root.classList.toggle(`has-${part}`, shows);
  root.style.setProperty(`--ht-${part}`, shows ? `url("${URL.createObjectURL(file)}")` : "none");
});

// Unfold opens the filters and the search by a click on what no key reaches: Tab finds them now.
document.addEventListener("DOMContentLoaded", () => {
  const openers = "a[x-on\\:click*='filterOpen = true'], div[x-on\\:click*='opencommand']";
  for (const opener of document.querySelectorAll(openers)) {
    opener.tabIndex = 0;
    opener.setAttribute("role", "button");
    opener.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      opener.click();
    });
  }
});

// What libraries say of their own comes from the page, in its language.
document.addEventListener("DOMContentLoaded", () => {
  const words = document.getElementById("script-words")?.dataset;
  if (!words) return;
  for (const frame of document.querySelectorAll("[data-simplebar]")) {
    frame.dataset.simplebarAriaLabel = words.scrolls;
  }
  window.django?.jQuery?.fn.select2?.defaults.set("language", {
    noResults: () => words.none,
    searching: () => words.searching,
    loadingMore: () => words.searching,
    errorLoading: () => words.failed,
    removeAllItems: () => words.clear,
    removeItem: () => words.clear,
  });
});
