// What the pages do in the browser beside htmx: the theme, rows that are added, files that are dropped, live events.
"use strict";
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (stored()) root.dataset.theme = stored();

  // htmx is for what a reader does: it comes once the page is painted. A page in the background is painted later, and has it at once.
  const htmx = document.currentScript.dataset.htmx;
  const loadHtmx = () => {
    const script = document.createElement("script");
    script.src = htmx;
    document.head.append(script);
  };
  addEventListener("load", () => (document.hidden ? loadHtmx() : requestAnimationFrame(() => setTimeout(loadHtmx))));

  const switchTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts as long as the page */ }
  };

  // data-add="#rows": one more row like the last one, with empty fields.
  const addRow = (rows) => {
    const row = rows.lastElementChild.cloneNode(true);
    row.querySelectorAll("input, textarea").forEach((field) => { field.value = ""; });
    rows.append(row);
    row.querySelector("input, select").focus();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("#theme")) return switchTheme();
    const add = event.target.closest("[data-add]");
    if (add) addRow(document.querySelector(add.dataset.add));
  });

  // Parts that are fetched again and again: not while the page is hidden; and what a reader has opened, scrolled and focused there
  // stays so.
  const repeated = '[hx-trigger^="every"]';
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.matches(repeated)) event.preventDefault();
  });
  const nameOf = (part) => `${part.tagName} ${part.getAttribute("aria-label") || part.getAttribute("href") || part.textContent}`;
  const parts = (target, selector) => [...target.querySelectorAll(selector)];
  const find = (target, name) => parts(target, "details > summary, .wide, a, button").find((part) => nameOf(part) === name);
  let kept = null;
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (!target.matches(repeated)) return;
    kept = {
      open: parts(target, "details[open] > summary").map(nameOf),
      scrolled: parts(target, ".wide").filter((part) => part.scrollLeft).map((part) => [nameOf(part), part.scrollLeft]),
      focus: target.contains(document.activeElement) ? nameOf(document.activeElement) : null,
    };
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (!kept || !target.matches(repeated)) return;
    for (const name of kept.open) find(target, name)?.parentElement.setAttribute("open", "");
    for (const [name, left] of kept.scrolled) {
      const part = find(target, name);
      if (part) part.scrollLeft = left;
    }
    if (kept.focus) (find(target, kept.focus) || target.querySelector("button"))?.focus({ preventScroll: true });
    kept = null;
  });

  // data-all="key": chooses every box of that name in the form.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-all]");
    if (all) all.form.querySelectorAll(`[name="${all.dataset.all}"]`).forEach((box) => { box.checked = all.checked; });
    if (event.target.matches(".drop input[type=file]")) sendFile(event.target.closest(".drop"), event.target.files[0]);
  });

  // .drop: a file that is dropped or chosen is sent as the body of a POST; the answer is shown in data-target.
  const sendFile = async (drop, file) => {
    if (!file) return;
    const target = document.querySelector(drop.dataset.target);
    const form = drop.closest("form");
    const query = new URLSearchParams(new FormData(form));
    query.delete("file");
    query.set("name", file.name);
    target.textContent = `Sending ${file.name} …`;
    try {
      const answer = await fetch(`${form.action}?${query}`, {
        method: "POST", body: file,
        headers: { "x-hashrange-console": "1", "hx-request": "true", "content-type": "application/octet-stream" },
      });
      target.innerHTML = await answer.text(); // a part of a page, escaped by the server
    } catch (error) {
      target.textContent = `The file was not sent: ${error.message}`;
    }
  };
  for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(name, (event) => {
      const drop = event.target.closest?.(".drop");
      if (!drop) return;
      event.preventDefault();
      drop.classList.toggle("over", over);
      if (name === "drop") sendFile(drop, event.dataTransfer.files[0]);
    });
  }

  // data-events="ADDRESS": each event's data is a row (a part of a page, escaped by the server) that is put first; at most
  // data-most rows are kept, and none is taken while the page is hidden, so that a tab left open stays small.
  const follow = (list) => {
    let source = null;
    const status = document.querySelector(list.dataset.status);
    const say = (text) => { if (status) status.textContent = text; };
    const keepMost = () => {
      while (list.children.length > Number(list.dataset.most || 200)) list.lastElementChild.remove();
    };
    // Records that the server left out: a row over all columns, where they would be.
    const addGap = (text) => {
      const cell = document.createElement("td");
      cell.colSpan = 100;
      cell.className = "refusal";
      cell.textContent = text;
      const row = document.createElement("tr");
      row.append(cell);
      list.prepend(row);
      keepMost();
    };
    const open = () => {
      source = new EventSource(list.dataset.events);
      source.onopen = () => say("live");
      // A browser tries again after a connection that broke, and not after an answer that rejects it.
      source.onerror = () => say(source?.readyState === EventSource.CLOSED ? "not connected; load the page again" : "not connected; trying again");
      source.onmessage = (event) => {
        list.insertAdjacentHTML("afterbegin", event.data);
        keepMost();
      };
      source.addEventListener("gap", (event) => addGap(event.data));
    };
    const close = () => { source?.close(); source = null; say("paused while the page is hidden"); };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : source || open()));
    // A page that is opened in the background is hidden from its beginning.
    if (document.hidden) close(); else open();
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-events]").forEach(follow));
})();
