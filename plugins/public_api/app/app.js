// An example of an app: chargers nearby, start, live values, stop, log. Text of others goes into the page as text only.
"use strict";

const find = (id) => document.getElementById(id);
const WORDS = {
  AVAILABLE: "free", CHARGING: "in use", BLOCKED: "blocked", RESERVED: "reserved", INOPERATIVE: "not working",
  OUTOFORDER: "out of order", PLANNED: "planned", UNKNOWN: "not known",
};
const PLUGS = { IEC_62196_T2: "Type 2", IEC_62196_T2_COMBO: "CCS", IEC_62196_T1: "Type 1", CHADEMO: "CHAdeMO" };
const LONGEST_PAUSE = 30000;

let keys = JSON.parse(sessionStorage.getItem("keys") || "null");
let socket = null;
let pause = 1000;
let search = null;
let next = null;
const sessions = new Map();
const starts = new Map();

class Refused extends Error {}

async function call(method, path, body) {
  const headers = { "x-api-key": keys.key, authorization: `Bearer ${keys.token}` };
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused("The server can not be reached. Are you online?");
  }
  if (answer.ok) return answer;
  const { error } = await answer.json();
  throw new Refused(error.hint ? `${error.message}: ${error.hint}` : error.message);
}

const get = async (path) => (await call("GET", path)).json();
const post = async (path, body) => (await call("POST", path, body)).json();

function tell(problem) {
  find("problem").textContent = problem;
  find("problem").hidden = !problem;
}

// Runs what a button does: it can not be pressed twice, and what goes wrong is shown.
async function attempt(button, work) {
  if (button) button.disabled = true;
  tell("");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(error.message);
  } finally {
    if (button) button.disabled = false;
  }
}

function make(kind, { text, name, ...rest }, ...children) {
  const made = document.createElement(kind);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  Object.assign(made, rest);
  made.append(...children);
  return made;
}

// Places

async function look(more) {
  const query = new URLSearchParams(search);
  if (more && next) query.set("cursor", next);
  const page = await get(`/v1/locations?${query}`);
  next = page.next;
  if (!more) find("places").replaceChildren();
  find("places").append(...page.items.map(placeShown));
  find("none").hidden = find("places").children.length > 0;
  find("more").hidden = !next;
}

function placeShown(place) {
  const away = place.metres === null ? "" : place.metres < 1000 ? `${place.metres} m` : `${(place.metres / 1000).toFixed(1)} km`;
  const open = place.opening ? `${place.opening.words}${place.opening.now === false ? ", closed now" : ""}` : "";
  return make("li", {},
    make("h3", { text: place.name }),
    make("p", { name: "soft", text: [away, place.address, place.city, place.operator, open].filter(Boolean).join(" · ") }),
    ...place.evses.map((evse) => evseShown(place, evse)));
}

function evseShown(place, evse) {
  const plugs = evse.connectors.map((each) => `${PLUGS[each.standard] || each.standard} ${each.kw} kW`).join(", ");
  const price = evse.connectors.map((each) => each.price?.words).find(Boolean) || "price not told";
  const free = evse.status === "AVAILABLE";
  const button = make("button", { text: "Start", disabled: !free || !evse.remote_start });
  button.setAttribute("aria-label", `Start at ${place.name} ${evse.reference || evse.id}`);
  const state = make("span", { name: `state ${evse.status}`, text: WORDS[evse.status] || evse.status.toLowerCase() });
  const line = make("p", { name: "soft", text: price });
  button.addEventListener("click", () => attempt(null, () => start(place, evse, button, line)));
  return make("div", { name: "evse" },
    make("div", {}, make("div", {}, state, ` ${[evse.reference, plugs].filter(Boolean).join(" · ")}`), line), button);
}

async function start(place, evse, button, line) {
  button.disabled = true;
  try {
    const where = { party: place.party, location: place.id, evse: evse.uid, connector: evse.connectors[0]?.id };
    const command = await post("/v1/sessions", where);
    line.textContent = "Starting …";
    starts.set(command.id, { line, button });
    await settle(command.id);
  } catch (error) {
    button.disabled = false;
    throw error;
  }
}

// What came of a command may have been told before we knew its id.
async function settle(id) {
  const command = await get(`/v1/commands/${id}`);
  if (command.state !== "sent") ended(command);
}

function ended(command) {
  const waiting = starts.get(command.id);
  if (!waiting) return;
  starts.delete(command.id);
  if (command.kind === "stop") {
    if (command.state !== "accepted") tell(`It was not stopped: ${command.message}`);
    waiting.button.disabled = false;
    return;
  }
  const good = command.state === "accepted";
  waiting.line.textContent = good ? command.message || "Charging begins" : `Not started: ${command.message}`;
  waiting.button.disabled = good;
}

// Sessions

function sessionShown(session) {
  const figures = [["kWh", session.kwh.toFixed(2)]];
  if (session.kw !== null) figures.push(["kW", session.kw.toFixed(1)]);
  if (session.charged !== null) figures.push(["charged", `${Math.round(session.charged)} %`]);
  if (session.cost) figures.push(["so far", money(session.cost)]);
  const button = make("button", { text: "Stop" });
  button.addEventListener("click", () => attempt(null, async () => {
    button.disabled = true;
    try {
      const command = await post(`/v1/sessions/${session.id}/stop`);
      starts.set(command.id, { button });
      await settle(command.id);
    } catch (error) {
      button.disabled = false;
      throw error;
    }
  }));
  const shown = figures.map(([label, value]) => make("div", { name: "figure" }, make("b", { text: value }), label));
  const since = new Date(session.started).toLocaleTimeString([], { timeStyle: "short" });
  return make("div", {},
    make("p", { name: "soft", text: `${session.party} · ${session.location} · ${session.evse} · since ${since}` }),
    make("div", { name: "session" }, ...shown, button));
}

function drawSessions() {
  find("sessions").replaceChildren(...[...sessions.values()].map(sessionShown));
  find("charging").hidden = sessions.size === 0;
}

function changed(session) {
  if (session.active) sessions.set(session.id, session);
  else sessions.delete(session.id);
  drawSessions();
}

// Log

function money(cost) {
  const amount = cost.incl_vat ?? cost.excl_vat;
  return `${amount.toFixed(2)} ${cost.currency}`;
}

async function drawLog() {
  const { items } = await get("/v1/log?limit=20");
  const rows = items.map((each) => make("tr", {},
    make("td", { text: new Date(each.ended).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) }),
    make("td", { text: [each.place, each.city].filter(Boolean).join(", ") }),
    make("td", { name: "number", text: each.kwh.toFixed(2) }),
    make("td", { name: "number", text: money(each.cost) })));
  find("log").tBodies[0].replaceChildren(...rows);
  find("log").hidden = find("csv").hidden = !rows.length;
  find("log-none").hidden = rows.length > 0;
}

// The socket: it comes again by itself, each time a little later.

function linked(words, live) {
  find("link").hidden = false;
  find("link").classList.toggle("live", live);
  find("link-words").textContent = words;
}

async function listen() {
  const mine = keys;
  let ticket;
  try {
    ({ ticket } = await post("/v1/tickets"));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (keys === mine) again();
    return;
  }
  if (keys !== mine) return;
  const opened = new WebSocket(`${location.origin.replace("http", "ws")}/v1/live?ticket=${ticket}`);
  socket = opened;
  opened.addEventListener("message", ({ data }) => heard(JSON.parse(data)));
  opened.addEventListener("open", () => { pause = 1000; linked("live", true); });
  opened.addEventListener("close", () => { if (socket === opened) again(); });
}

function again() {
  linked("not live", false);
  setTimeout(() => keys && listen(), pause);
  pause = Math.min(pause * 2, LONGEST_PAUSE);
}

function heard(message) {
  if (message.type === "sessions") {
    sessions.clear();
    message.sessions.forEach((each) => sessions.set(each.id, each));
    drawSessions();
  } else if (message.type === "session") changed(message.session);
  else if (message.type === "command") ended(message.command);
  else if (message.type === "entry") attempt(null, async () => { await drawLog(); await look(false); });
}

// Doors

async function enter() {
  const { items } = await get("/v1/cards");
  if (!items.some((each) => each.type === "APP_USER")) await post("/v1/cards", { label: "example app" });
  sessionStorage.setItem("keys", JSON.stringify(keys));
  find("door").hidden = true;
  find("inside").hidden = find("leave").hidden = false;
  search = new FormData(find("search"));
  await drawLog();
  await look(false);
  await listen();
}

function leave() {
  keys = null;
  sessionStorage.removeItem("keys");
  const old = socket;
  socket = null;
  old?.close();
  location.reload();
}

function asked() {
  const given = new FormData(find("search"));
  given.set("available", given.has("available") ? "true" : "false");
  return given;
}

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  keys = { key: given.get("key").trim(), token: given.get("token").trim() };
  attempt(event.submitter, enter);
});
find("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search = asked();
  attempt(event.submitter, () => look(false));
});
find("more").addEventListener("click", (event) => attempt(event.target, () => look(true)));
find("leave").addEventListener("click", leave);
find("csv").addEventListener("click", (event) => attempt(event.target, async () => {
  const url = URL.createObjectURL(await (await call("GET", "/v1/log.csv")).blob());
  make("a", { href: url, download: "charging-log.csv" }).click();
  URL.revokeObjectURL(url);
}));
find("here").addEventListener("click", () => navigator.geolocation.getCurrentPosition(
  ({ coords }) => {
    find("search").elements.lat.value = coords.latitude.toFixed(5);
    find("search").elements.lon.value = coords.longitude.toFixed(5);
    find("search").requestSubmit();
  },
  () => tell("The browser does not say where you are. Type it in."),
));
if (keys) attempt(null, enter);
