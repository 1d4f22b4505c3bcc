"use strict";
// Finds, sorts and turns the cases. Each is drawn already, in the page or in cases.json, by a
// template that escapes whatever a model or a contract said.
(() => {
  const PAGE = 50;
  const PRINTED = 500;
  const embedded = document.getElementById("data");
  const data = JSON.parse(embedded.textContent);
  const form = document.getElementById("filters");
  const table = document.getElementById("matrix");
  const count = document.getElementById("count");
  if (!table) return;

  const drawn = new Map([...table.tBodies].map((body) => [body.id, body]));
  let entries = data.cases.map((item) => ({ ...item, node: drawn.get(`case-${item.slug}`) }));
  let beside = null;
  let found = entries;
  let page = 0;

  // ---- one case ----

  function node(entry) {
    if (!entry.node) {
      const body = document.createElement("tbody");
      body.className = "case";
      body.id = `case-${entry.slug}`;
      body.innerHTML = beside.read(beside.rows[entry.at]) + beside.read(beside.opened[entry.at]);
      for (const place of body.querySelectorAll("[data-passage]")) {
        place.textContent = beside.read(beside.passages[place.dataset.passage]);
      }
      for (const place of body.querySelectorAll("[data-turn]")) {
        place.append(...document.querySelector(`#turn-${place.dataset.turn}`).cloneNode(true).childNodes);
      }
      entry.node = body;
    }
    return entry.node;
  }

  // What is searched: the row's own text. The template writes these five entities alone.
  const ENTITIES = { "&lt;": "<", "&gt;": ">", "&#34;": '"', "&#39;": "'", "&amp;": "&" };
  function words(entry) {
    entry.words ??= (entry.node ? entry.node.rows[0].textContent
      : beside.read(beside.rows[entry.at]).replace(/<[^>]*>/g, "")
        .replace(/&(?:lt|gt|#34|#39|amp);/g, (entity) => ENTITIES[entity])).toLowerCase();
    return entry.words;
  }

  // ---- finding ----

  function filters() {
    const given = new FormData(form);
    const wanted = Object.fromEntries([...given].filter(([name, value]) => value !== "" && name !== "tag"));
    return { ...wanted, tags: given.getAll("tag") };
  }

  const answers = (entry, wanted) => (wanted.model
    ? [entry.results[data.models.indexOf(wanted.model)]] : entry.results).filter(Boolean);

  function holds(entry, tag, wanted) {
    const own = ["missed", "error", "cut"].includes(tag) && wanted.model;
    return own ? answers(entry, wanted).some((result) => result.tags.includes(tag)) : entry.tags.includes(tag);
  }

  function scored(entry, wanted) {
    if (!wanted.metric || wanted.limit === undefined) return true;
    const at = data.metrics.indexOf(wanted.metric);
    const limit = Number(wanted.limit);
    return answers(entry, wanted).map((result) => result.scores[at]).some((value) => value !== null
      && (wanted.side === "above" ? value > limit : value < limit));
  }

  function matches(entry, wanted) {
    return (!wanted.category || entry.category === wanted.category)
      && (!wanted.contract || entry.contract === wanted.contract)
      && (!wanted.model || answers(entry, wanted).length > 0)
      && wanted.tags.every((tag) => holds(entry, tag, wanted))
      && scored(entry, wanted)
      && (!wanted.q || words(entry).includes(wanted.q.toLowerCase()));
  }

  // ---- sorting: what is unscored comes last, whichever way ----

  function sorted(list, wanted) {
    if (!wanted.sort) return list;
    const at = data.metrics.indexOf(wanted.sort.replace(/^metric:/, ""));
    const key = ["category", "contract"].includes(wanted.sort) ? (entry) => entry[wanted.sort]
      : (entry) => answers(entry, wanted)[0]?.scores[at] ?? null;
    const way = wanted.order === "descending" ? -1 : 1;
    const order = (one, other) => (typeof one === "string" ? one.localeCompare(other) : one - other);
    return list.map((entry) => [key(entry), entry])
      .sort(([one, first], [other, second]) => (one === null || other === null
        ? (one === null) - (other === null) : way * order(one, other)) || first.place - second.place)
      .map(([, entry]) => entry);
  }

  // ---- the page of the list ----

  const figure = (value) => value.toLocaleString("en");

  function show(first, last) {
    const head = table.tHead;
    table.replaceChildren(head, ...found.slice(first, last).map(node));
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * PAGE;
    const last = Math.min(first + PAGE, found.length);
    show(first, last);
    for (const place of document.querySelectorAll(".place")) place.textContent = `Page ${page + 1} of ${pages}`;
    for (const button of document.querySelectorAll("[data-step]")) {
      button.disabled = button.dataset.step < 0 ? page === 0 : page === pages - 1;
    }
    count.textContent = found.length
      ? `${figure(first + 1)}–${figure(last)} of ${figure(found.length)} cases` : "No case fits these filters.";
  }

  function find() {
    const wanted = filters();
    found = sorted(entries.filter((entry) => matches(entry, wanted)), wanted);
    page = 0;
    draw();
  }

  // ---- the address ----

  const FIELDS = ["q", "model", "category", "contract", "metric", "side", "limit", "sort", "order"];

  function remember() {
    const { tags, ...wanted } = filters();
    if (!wanted.metric || wanted.limit === undefined) delete wanted.side;
    if (!wanted.sort) delete wanted.order;
    const address = new URLSearchParams(wanted);
    for (const tag of tags) address.append("tag", tag);
    history.replaceState(null, "", `${address}` ? `#${address}` : "#cases");
  }

  function open(slug) {
    const index = found.findIndex((entry) => entry.slug === slug);
    if (index < 0) return false;
    page = Math.floor(index / PAGE);
    draw();
    const box = node(found[index]);
    box.querySelector("details").open = true;
    box.querySelector("summary").focus({ preventScroll: true });
    box.scrollIntoView();
    return true;
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {  // a lone % that somebody typed
      return text;
    }
  }

  function follow() {
    const hash = location.hash.slice(1);
    const slug = hash.startsWith("case-") ? decoded(hash.slice(5)) : null;
    const wanted = new URLSearchParams(slug === null ? hash : "");
    const known = FIELDS.filter((name) => wanted.has(name));
    const tags = wanted.getAll("tag");
    if (!known.length && !tags.length && slug === null) return;
    form.reset();
    for (const name of known) form.elements[name].value = wanted.get(name);
    for (const box of form.querySelectorAll("[name=tag]")) box.checked = tags.includes(box.value);
    find();
    if (slug === null) document.getElementById("cases").scrollIntoView();
    else if (!open(slug)) count.textContent = `There is no case ${slug} here.`;
  }

  // ---- the cases beside the page ----

  // The file is an object of lists, an element a line: bytes are kept, and read where they are
  // needed. Many cases are more than a string should hold.
  function elements(bytes) {
    const decoder = new TextDecoder();
    const lists = [];
    for (let start = 0, end; (end = bytes.indexOf(10, start)) >= 0; start = end + 1) {
      if (start === 0 || bytes[start] === 93) lists.push([]);  // {"NAME":[ or ],"NAME":[
      else lists.at(-1).push([start, bytes[end - 1] === 44 ? end - 1 : end]);
    }
    const [passages, cases, rows, opened] = lists;
    const read = ([start, end]) => JSON.parse(decoder.decode(bytes.subarray(start, end)));
    return { passages, cases, rows, opened, read };
  }

  async function join() {
    const note = document.getElementById("others");
    if (!note || !location.protocol.startsWith("http")) return;
    note.textContent = "Reading the other cases …";
    try {
      const reply = await fetch(embedded.dataset.others, { integrity: embedded.dataset.integrity });
      if (!reply.ok) throw new Error(`${reply.status} ${reply.statusText}`);
      beside = elements(new Uint8Array(await reply.arrayBuffer()));
      const others = beside.cases.map((line, at) => ({ ...beside.read(line), at }));
      entries = [...entries, ...others].sort((one, other) => one.place - other.place);
      note.textContent = `All ${figure(entries.length)} cases are here: the others were read from ${embedded.dataset.others}.`;
    } catch (error) {
      note.textContent = `${embedded.dataset.others} could not be read, or is not of this page (${error.message}): only the cases of the page are shown.`;
    }
    const at = page;
    find();
    page = at;
    draw();
    follow();
  }

  // ---- what a reader does ----

  let waiting = 0;
  const changed = () => { find(); remember(); };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(changed, 120); });
  document.getElementById("clear").addEventListener("click", () => { form.reset(); changed(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      page += Number(button.dataset.step);
      draw();
      count.scrollIntoView();
    });
  }
  window.addEventListener("hashchange", follow);
  window.addEventListener("beforeprint", () => show(0, PRINTED));
  window.addEventListener("afterprint", draw);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "/") {
      event.preventDefault();
      form.elements.q.focus();
    } else if (event.key === "j" || event.key === "k") {
      const boxes = [...table.tBodies];
      const at = boxes.indexOf(document.activeElement.closest(".case"));
      const next = boxes[at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)];
      next?.querySelector("summary").focus();
    }
  });

  for (const part of document.querySelectorAll("#filters, .pager, .keys")) part.hidden = false;
  find();
  follow();
  join();
})();
