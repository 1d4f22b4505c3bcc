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

  const buttons = { confirm: form.querySelector("button[value=confirm]"), save: form.querySelector("button[value=save]") };
  const save = () => {
    const said = selection && (selection.any() || form.elements.words.value.trim());
    return buttons.confirm && !said ? buttons.confirm : buttons.save;
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
    if (!control && !link) return;
    event.preventDefault();
    if ((control || link).matches("textarea")) control.focus();
    else (control || link).click();
  });

  // A form that is sent twice is one opinion; its buttons rest until the next page is there.
  form.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
  window.addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });

  // Words of the contract: a caret moves in its text, which nothing can change. What is selected is
  // shown beside the form, and is sent with what was taken before.
  function selected(text) {
    const field = form.elements.spans;
    const list = form.querySelector(".chosen ol");
    const now = form.querySelector(".chosen .now");
    const read = () => { try { return JSON.parse(field.value || "[]"); } catch { return []; } };

    const place = (node, offset) => {
      const before = document.createRange();
      before.setStart(text, 0);
      before.setEnd(node, offset);
      return [...before.toString()].length; // characters, not halves of surrogate pairs
    };
    const current = () => {
      const at = getSelection();
      if (!at.rangeCount) return null;
      const range = at.getRangeAt(0);
      const inside = text.contains(range.startContainer) && text.contains(range.endContainer);
      return inside && range.toString().trim() ? range : null;
    };
    const show = () => {
      list.replaceChildren(...read().map(([, words]) => Object.assign(document.createElement("li"), { textContent: words })));
      now.textContent = current() || (read().length ? "" : "Nothing yet: select the answer in the contract.");
      for (const button of Object.values(buttons)) {
        if (button) button.querySelector("kbd").hidden = button !== save();
      }
    };
    const take = () => {
      const range = current();
      if (!range) return;
      field.value = JSON.stringify([...read(), [place(range.startContainer, range.startOffset), range.toString()]]);
      getSelection().collapseToEnd();
      show();
    };
    form.querySelector("[data-key=s]").addEventListener("click", take);
    form.querySelector("[data-key=r]").addEventListener("click", () => {
      field.value = "";
      if (current()) getSelection().collapseToStart();
      show();
    });
    for (const button of form.querySelectorAll("button")) {
      button.addEventListener("mousedown", (event) => event.preventDefault()); // which would deselect
    }
    form.addEventListener("submit", (event) => { if (event.submitter === buttons.save) take(); });
    document.addEventListener("selectionchange", show);
    form.elements.words.addEventListener("input", show);

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
    // Who comes by keyboard begins at the answer; a browser would begin at the top.
    let arrived = false;
    text.addEventListener("pointerdown", () => { arrived = true; });
    text.addEventListener("focus", () => {
      if (arrived || !answer) return;
      arrived = true;
      getSelection().collapse(answer.firstChild, 0);
      answer.scrollIntoView({ block: "nearest" });
    });
    form.querySelector(".chosen").hidden = false;
    setTimeout(show);

    return { any: () => read().length || current() };
  }
})();
