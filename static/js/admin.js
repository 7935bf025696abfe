// "/" opens the search from anywhere, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  const on = document.activeElement;
  const typing = on && (/^(input|textarea|select)$/i.test(on.tagName) || on.isContentEditable);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    window.dispatchEvent(new CustomEvent("opencommand"));
  }
});
