// Keeps the parts of a page live that the server draws anew. Without this script every page works, and stands still.
"use strict";

const main = document.getElementById("main");
const alive = document.getElementById("alive");

function show(state) {
  alive.hidden = false;
  alive.textContent = state;
  alive.dataset.state = state;
}

// What a person is doing in a part is kept: the focus, what is folded open, how far it is scrolled.
function replace(part, html) {
  const opened = new Set([...part.querySelectorAll("details[open][id]")].map((each) => each.id));
  const scrolled = [...part.querySelectorAll(".scroll")].map((each) => [each.scrollLeft, each.scrollTop]);
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const address = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.getAttribute("href") && `[href="${CSS.escape(focused.getAttribute("href"))}"]`);
  part.innerHTML = html;
  for (const id of opened) {
    const each = document.getElementById(id);
    if (each) each.open = true;
  }
  part.querySelectorAll(".scroll").forEach((each, place) => {
    if (scrolled[place]) [each.scrollLeft, each.scrollTop] = scrolled[place];
  });
  if (address) part.querySelector(address)?.focus({ preventScroll: true });
}

function busy(part) {
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return true;
  if (part.dataset.patient === undefined) return false;
  const reads = performance.now() - (moved.get(part) ?? -READING) < READING;
  return reads || part.contains(document.activeElement) || part.getBoundingClientRect().top < 0;
}

// What came while somebody was busy waits for that part to be left. In a patient part, to read is to be busy, too.
const READING = 4000;
const moved = new WeakMap();
const waiting = new Map();

function settle() {
  for (const [part, html] of waiting) {
    if (busy(part)) continue;
    waiting.delete(part);
    replace(part, html);
  }
  for (const each of document.querySelectorAll("[data-waits]")) each.hidden = !waiting.has(document.getElementById(each.dataset.waits));
}

for (const part of document.querySelectorAll("[data-patient]")) part.addEventListener("pointermove", () => moved.set(part, performance.now()));
for (const each of document.querySelectorAll("[data-waits]")) {
  each.addEventListener("click", () => {
    const part = document.getElementById(each.dataset.waits);
    if (!waiting.has(part)) return;
    document.getSelection()?.removeAllRanges();
    replace(part, waiting.get(part));
    waiting.delete(part);
    settle();
    part.scrollIntoView({ block: "nearest" });
  });
}
setInterval(() => {
  if (waiting.size) settle();
}, 500);

function same(part, html) {
  const drawn = document.createElement("template");
  drawn.innerHTML = html;
  return drawn.innerHTML === part.innerHTML;
}

function listen() {
  const source = new EventSource(main.dataset.live);
  source.addEventListener("open", () => show("live"));
  source.addEventListener("error", () => show(source.readyState === EventSource.CLOSED ? "not live" : "connecting"));
  source.addEventListener("part", (event) => {
    const { id, html } = JSON.parse(event.data);
    const part = document.getElementById(id);
    if (!part || same(part, html)) return;
    waiting.set(part, html);
    settle();
  });
  source.addEventListener("over", () => {
    source.close();
    show("logged out");
  });
  return source;
}

if (main?.dataset.live && document.querySelector('[id^="live_"]')) {
  let source = listen();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) source.close();
    else if (source.readyState === EventSource.CLOSED) source = listen();
  });
}

// After a form was sent, the address is that of the page again: to load it anew does not send the form anew.
if (main?.dataset.here && location.pathname !== main.dataset.here) history.replaceState(null, "", main.dataset.live);

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
}
