// Background work as it happens: data-work="ADDRESS" is a list of events of the engine, newest first. After events the part of the
// page that asks for `engine-work` is fetched again, and the partitions that they were about are marked. A hidden page listens to
// nothing.
"use strict";
(() => {
  const MOST = 50;
  const changed = new Set();
  let source = null;
  let timer = 0;

  const add = (list, text, isFailure) => {
    const entry = document.createElement("li");
    entry.textContent = text;
    if (isFailure) entry.className = "failure";
    list.prepend(entry);
    while (list.children.length > MOST) list.lastElementChild.remove();
  };
  const refresh = () => {
    clearTimeout(timer);
    timer = setTimeout(() => document.body.dispatchEvent(new CustomEvent("engine-work")), 300);
  };
  const open = (list) => {
    source = new EventSource(list.dataset.work);
    source.addEventListener("work", (message) => {
      const event = JSON.parse(message.data);
      add(list, event.text, event.is_failure);
      if (event.partition !== null) changed.add(event.partition);
      refresh();
    });
    source.addEventListener("lost", (message) => add(list, `${message.data} events were left out: this page was too slow`, true));
  };
  document.addEventListener("htmx:afterSettle", () => {
    for (const partition of changed) {
      document.querySelectorAll(`[data-partition="${partition}"]`).forEach((part) => part.classList.add("changed"));
    }
    changed.clear();
  });
  document.addEventListener("DOMContentLoaded", () => {
    const list = document.querySelector("[data-work]");
    if (!list) return;
    if (!document.hidden) open(list);
    document.addEventListener("visibilitychange", () => {
      source?.close();
      source = null;
      if (!document.hidden) {
        open(list);
        refresh();
      }
    });
  });
})();
