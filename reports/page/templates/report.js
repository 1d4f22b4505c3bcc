"use strict";
// Draws the cases from the data that the page carries. Data reaches the page as text nodes only.
(() => {
  const PAGE = 50;
  const FIELDS = ["q", "model", "category", "contract", "kind", "metric", "side", "limit", "missed", "error"];
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const list = document.getElementById("list");
  const entries = data.cases.map((item) => ({ item, results: [], words: null }));
  for (const result of data.results) entries[result.case].results.push(result);
  const models = [...new Set(data.results.map((result) => result.model))];
  let found = entries;
  let page = 0;

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  // ---- finding ----

  function words(entry) {
    const { item, results } = entry;
    entry.words ??= [item.question, item.slug, item.category, item.contract,
      ...item.expected.map((span) => span.text),
      ...results.flatMap((result) => [result.answer, result.error ?? ""])].join("\n").toLowerCase();
    return entry.words;
  }

  const filters = () => Object.fromEntries(
    [...new FormData(form)].filter(([, value]) => value !== ""));

  const shown = (entry, wanted) =>
    wanted.model ? entry.results.filter((result) => result.model === wanted.model) : entry.results;

  function fits(result, wanted) {
    if (wanted.missed && !result.missed.length) return false;
    if (wanted.error && result.error === null) return false;
    if (!wanted.metric || wanted.limit === undefined) return true;
    const value = result.scores[wanted.metric];
    if (value === null || value === undefined) return false;
    return wanted.side === "above" ? value > Number(wanted.limit) : value < Number(wanted.limit);
  }

  function matches(entry, wanted) {
    const { item } = entry;
    return (!wanted.category || item.category === wanted.category)
      && (!wanted.contract || item.contract === wanted.contract)
      && (!wanted.kind || (item.expected.length > 0) === (wanted.kind === "answerable"))
      && shown(entry, wanted).some((result) => fits(result, wanted))
      && (!wanted.q || words(entry).includes(wanted.q.toLowerCase()));
  }

  // ---- one case ----

  const missedOf = (results) => results.filter((result) => result.missed.length);

  function line(entry) {
    const wanted = filters();
    const results = shown(entry, wanted);
    const flags = el("span", { class: "flags" });
    const name = (result) => (models.length > 1 ? ` ${result.model}` : "");
    for (const result of missedOf(results)) flags.append(el("span", { class: "badge fail" }, `✗ missed${name(result)}`));
    for (const result of results) {
      if (result.error !== null) flags.append(el("span", { class: "badge unsure" }, `! error${name(result)}`));
    }
    const box = el("details", { class: "case", id: `case-${entry.item.slug}` },
      el("summary", {},
        el("span", { class: "heading" }, el("b", {}, entry.item.category), " ",
          el("span", { class: "contract" }, entry.item.contract)),
        flags,
        el("span", { class: "question" }, entry.item.question)));
    box.addEventListener("toggle", () => {
      if (box.open && box.children.length === 1) box.append(body(entry.item, results));
    });
    return box;
  }

  function body(item, results) {
    return el("div", { class: "body" },
      el("div", { class: "answers" }, expected(item), ...results.map(answer)),
      el("div", { class: "evidence" }, scores(results), el("div", {}, ...passages(item, results))),
      el("p", { class: "link" }, el("a", { href: `#case=${encodeURIComponent(item.slug)}` }, "Link to this case"),
        " ", el("code", {}, item.slug)));
  }

  function expected(item) {
    const spans = item.expected.map((span) => el("blockquote", {}, span.text));
    if (!spans.length) spans.push(el("p", { class: "quiet" }, "The contract does not answer this question; the model should say so."));
    return el("section", { class: "expected" },
      el("h3", {}, item.expected.length > 1 ? "Expected, any of" : "Expected"), ...spans);
  }

  function answer(result) {
    const text = result.error !== null
      ? el("p", { class: "error" }, el("b", {}, "Error: "), result.error)
      : el("p", { class: "said" }, result.answer || "(empty answer)");
    const thought = result.reasoning
      ? el("details", { class: "thought" }, el("summary", {}, "Reasoning, which is not scored"),
        el("p", { class: "excerpt" }, result.reasoning))
      : null;
    const cost = [`${result.latency.toFixed(2)} s`, `${result.tokens_in.toLocaleString("en")} tokens in`,
      `${result.tokens_out.toLocaleString("en")} out`, result.asked ? "asked in this exam" : "not asked anew"];
    if (result.finish_reason !== "stop") cost.push(result.finish_reason === "length" ? "cut off at its longest length" : `ended by ${result.finish_reason}`);
    return el("section", {},
      el("h3", {}, `Answer of ${result.model}`), text, thought,
      result.missed.length ? el("p", {}, el("span", { class: "badge fail" }, "✗ missed"), ` ${result.missed.join(", ")}`) : null,
      el("p", { class: "quiet" }, cost.join(" · ")));
  }

  function scores(results) {
    const asked = Object.keys(data.metrics).concat(results.flatMap((result) => Object.keys(result.scores)));
    const names = [...new Set(asked)].filter((name) => results.some((result) => name in result.scores));
    const cell = (result, name) => {
      if (!(name in result.scores)) return el("td", { class: "quiet" }, "not asked");
      const value = result.scores[name];
      const reason = result.reasons[name] ?? (value === null ? "no reason given" : "");
      return el("td", {}, value === null ? el("em", {}, "unscored") : figure(value, data.metrics[name]?.unit),
        reason ? el("small", {}, reason) : null);
    };
    return el("table", { class: "scores" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Score"),
        ...results.map((result) => el("th", { scope: "col" }, result.model)))),
      el("tbody", {}, ...names.map((name) => el("tr", {}, el("th", { scope: "row" }, name),
        ...results.map((result) => cell(result, name))))));
  }

  function figure(value, unit) {
    if (unit === "tokens") return value.toLocaleString("en");
    return unit === "s" ? `${value.toFixed(2)} s` : value.toFixed(3);
  }

  function passages(item, results) {
    const lists = new Map();
    for (const result of results) {
      const key = result.passages.join();
      lists.set(key, [...(lists.get(key) ?? []), result]);
    }
    return [...lists.values()].map((same) => {
      const title = lists.size > 1 ? `Passages shown to ${same.map((result) => result.model).join(", ")}` : "Passages shown";
      return el("section", { class: "passages" }, el("h3", {}, title), ...passageList(item, same[0].passages));
    });
  }

  function passageList(item, numbers) {
    if (!numbers.length) return [el("p", { class: "quiet" }, "The model was shown no passages.")];
    const boxes = numbers.map((number, rank) => passage(item, data.passages[number], rank + 1));
    const placed = item.expected.some((span) => span.start !== null);
    if (placed && !boxes.some((box) => box.open)) {
      boxes.unshift(el("p", {}, el("span", { class: "badge unsure" }, "!"), " No passage shown holds an expected answer."));
    }
    return boxes;
  }

  // Offsets count code points, JavaScript counts UTF-16 units: texts beyond the BMP become arrays.
  const points = (text) => (/[\ud800-\udfff]/.test(text) ? Array.from(text) : text);

  function passage(item, { contract, start, end, text }, rank) {
    const chars = points(text);
    const cut = (from, to) => (chars === text ? text.slice(from, to) : chars.slice(from, to).join(""));
    const marks = contract !== item.contract ? [] : item.expected
      .filter((span) => span.start !== null)
      .map((span) => [Math.max(0, span.start - start), Math.min(chars.length, span.start + points(span.text).length - start)])
      .filter(([from, to]) => from < to)
      .sort((one, other) => one[0] - other[0]);
    const content = el("p", { class: "excerpt" });
    let at = 0;
    for (const [from, to] of marks) {
      if (to <= at) continue;
      content.append(cut(at, Math.max(at, from)), el("mark", {}, cut(Math.max(at, from), to)));
      at = to;
    }
    content.append(cut(at, chars.length));
    const box = el("details", {}, el("summary", {}, `${rank}. Characters ${start.toLocaleString("en")}–${end.toLocaleString("en")} `,
      marks.length ? el("span", { class: "badge gold" }, "holds an expected answer") : null), content);
    box.open = marks.length > 0;
    return box;
  }

  // ---- the list ----

  function draw() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * PAGE;
    list.replaceChildren(...found.slice(first, first + PAGE).map(line));
    for (const place of document.querySelectorAll(".place")) place.textContent = `Page ${page + 1} of ${pages}`;
    for (const button of document.querySelectorAll("[data-step]")) {
      button.disabled = button.dataset.step < 0 ? page === 0 : page === pages - 1;
    }
    const last = Math.min(first + PAGE, found.length);
    document.getElementById("count").textContent = found.length
      ? `${(first + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${found.length.toLocaleString("en")} cases`
      : "No case fits these filters.";
  }

  function find() {
    const wanted = filters();
    found = entries.filter((entry) => matches(entry, wanted));
    page = 0;
    draw();
  }

  function remember() {
    const wanted = filters();
    if (!wanted.metric || wanted.limit === undefined) delete wanted.side;
    const text = new URLSearchParams(wanted).toString();
    history.replaceState(null, "", text ? `#${text}` : "#cases");
  }

  function open(slug) {
    const index = entries.findIndex((entry) => entry.item.slug === slug);
    if (index < 0) return;
    page = Math.floor(index / PAGE);
    draw();
    const box = list.children[index % PAGE];
    box.open = true;
    box.firstChild.focus({ preventScroll: true });
    box.scrollIntoView();
  }

  function follow() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const known = FIELDS.filter((name) => wanted.has(name));
    if (!known.length && !wanted.has("case")) return;
    form.reset();
    for (const name of known) {
      const field = form.elements[name];
      if (field.type === "checkbox") field.checked = true;
      else field.value = wanted.get(name);
    }
    find();
    if (wanted.has("case")) open(wanted.get("case"));
    else document.getElementById("cases").scrollIntoView();
  }

  function fill(name, values) {
    for (const value of values) form.elements[name].append(el("option", { value }, value));
  }

  let waiting = 0;
  const changed = () => { find(); remember(); };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(changed, 120); });
  document.getElementById("clear").addEventListener("click", () => { form.reset(); changed(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      page += Number(button.dataset.step);
      draw();
      document.getElementById("count").scrollIntoView();
    });
  }
  window.addEventListener("hashchange", follow);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "/") {
      event.preventDefault();
      form.elements.q.focus();
    } else if (event.key === "j" || event.key === "k") {
      const boxes = [...list.children];
      const at = boxes.indexOf(document.activeElement.closest(".case"));
      const next = boxes[at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)];
      if (next) next.firstChild.focus();
    }
  });

  // ---- sorting tables ----

  function sort(table, column, header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.v ?? (column && !row.cells[column].classList.contains("text") ? null : row.cells[column].textContent);
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    const order = (one, other) => (isNaN(one) || isNaN(other) ? String(one).localeCompare(other) : one - other);
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      return down ? order(other, one) : order(one, other);
    });
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      header.firstElementChild.addEventListener("click", () => sort(table, column, header));
    });
  }

  fill("model", models);
  fill("category", [...new Set(data.cases.map((item) => item.category))].sort());
  fill("contract", [...new Set(data.cases.map((item) => item.contract))].sort());
  fill("metric", Object.keys(data.metrics));
  find();
  follow();
})();
