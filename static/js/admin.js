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
