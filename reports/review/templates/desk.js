"use strict";
// Keys for what the page's forms and links do anyway.
(() => {
  const form = document.getElementById("opinion");
  if (!form) return;
  const help = document.querySelector(".keys");
  const single = document.getElementById("single");
  help.hidden = false;
  single.checked = sessionStorage.getItem("single") !== "no";
  single.addEventListener("change", () => sessionStorage.setItem("single", single.checked ? "yes" : "no"));

  const isText = (element) => element.matches("textarea, input:not([type=radio], [type=checkbox])");
  const save = form.querySelector("button[value=save]");

  const press = (control) => {
    if (control.matches("textarea")) control.focus();
    else control.click();
  };

  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    if (event.isComposing || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); save.click(); return; }
    if (event.ctrlKey) return;
    if (isText(at)) {
      if (event.key === "Escape") at.blur();
      return;
    }
    if (!single.checked) return;
    if (event.key === "Enter" && at.matches("a, button, summary")) return;
    const key = CSS.escape(event.key);
    const control = form.querySelector(`[data-key="${key}"]`);
    const links = { n: "a[rel=next]", p: "a[rel=prev]", o: ".passages summary" };
    const other = Object.hasOwn(links, event.key) && document.querySelector(links[event.key]);
    if (!control && !other) return;
    event.preventDefault();
    press(control || other);
  });

  // A form that is sent twice is one opinion; its buttons rest until the next page is there.
  form.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
  window.addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });
})();
