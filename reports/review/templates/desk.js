"use strict";
// Keys for what the page's forms and links do anyway; and the selection of a contract's words.
(() => {
  const form = document.getElementById("opinion");
  if (!form) return;
  const help = document.querySelector(".keys");
  const single = document.getElementById("single");
  help.hidden = false;
  single.checked = sessionStorage.getItem("single") !== "no";
  single.addEventListener("change", () => sessionStorage.setItem("single", single.checked ? "yes" : "no"));

  const isText = (element) => element.matches("textarea, input:not([type=radio], [type=checkbox])");
  const contract = document.getElementById("contract");
  const selection = contract ? selected(contract) : null;

  const save = () => {
    const confirm = form.querySelector("button[value=confirm]");
    const said = selection && (selection.count() || form.elements.words.value.trim());
    return confirm && !said ? confirm : form.querySelector("button[value=save]");
  };

  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    if (event.isComposing || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); save().click(); return; }
    if (event.ctrlKey) return;
    if (isText(at)) {
      if (event.key === "Escape") at.blur();
      return;
    }
    if (!single.checked) return;
    if (at.matches("a, button, summary") && (event.key === "Enter" || event.key === " ")) return;
    if (at === contract && event.key.startsWith("Arrow")) return;
    const key = CSS.escape(event.key);
    const control = event.key === "Enter" ? save() : form.querySelector(`[data-key="${key}"]`);
    const links = { n: "a[rel=next]", p: "a[rel=prev]", o: ".passages summary" };
    const link = Object.hasOwn(links, event.key) && document.querySelector(links[event.key]);
    const acts = selection ? { s: selection.take, r: selection.clear } : {};
    const act = Object.hasOwn(acts, event.key) && acts[event.key];
    if (!control && !link && !act) return;
    event.preventDefault();
    if (act) act();
    else if ((control || link).matches("textarea")) control.focus();
    else (control || link).click();
  });

  // A form that is sent twice is one opinion; its buttons rest until the next page is there.
  form.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
  window.addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });

  // Words of the contract: a caret moves in its text, which nothing can change.
  function selected(text) {
    const field = form.elements.spans;
    const list = form.querySelector(".chosen");
    const read = () => { try { return JSON.parse(field.value || "[]"); } catch { return []; } };
    const show = () => {
      const spans = read();
      list.hidden = !spans.length;
      list.querySelector("ol").replaceChildren(...spans.map(([, chosen]) => {
        const item = document.createElement("li");
        item.textContent = chosen;
        return item;
      }));
    };

    const place = (node, offset) => {
      const before = document.createRange();
      before.setStart(text, 0);
      before.setEnd(node, offset);
      return [...before.toString()].length; // characters, not halves of surrogate pairs
    };

    text.contentEditable = "true";
    text.spellcheck = false;
    for (const kind of ["beforeinput", "drop", "paste", "cut"]) {
      text.addEventListener(kind, (event) => event.preventDefault());
    }
    const answer = document.getElementById("answer");
    if (answer) {
      answer.scrollIntoView({ block: "center" });
      window.scrollTo(0, 0);
    }
    text.addEventListener("focus", () => {
      const now = getSelection();
      if (now.rangeCount && text.contains(now.anchorNode) && now.anchorNode !== text) return;
      now.collapse(answer ? answer.firstChild : text.firstChild, 0);
    });
    show();

    return {
      count: () => read().length,
      clear: () => { field.value = ""; show(); },
      take: () => {
        const now = getSelection();
        if (!now.rangeCount || now.isCollapsed) return;
        const range = now.getRangeAt(0);
        if (!text.contains(range.startContainer) || !text.contains(range.endContainer)) return;
        const start = place(range.startContainer, range.startOffset);
        field.value = JSON.stringify([...read(), [start, range.toString()]]);
        show();
      },
    };
  }
})();
