// SPDX-License-Identifier: Apache-2.0
// The page as a whole: views, who is asking, looks, keys, and whether the service answers.
import * as api from "./api.js";
import * as cluster from "./cluster.js";
import * as compare from "./compare.js";
import { showNamed } from "./details.js";
import { $, announce, note, setText } from "./dom.js";
import { reconnect, watch } from "./events.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import "./queue.js";
import { changed, state, subscribe } from "./state.js";

const views = { draw: changed, gallery: gallery.enter, compare: compare.enter, cluster: cluster.enter };
let current = null;
let lastHash = "#/draw";

function showView(name) {
  for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== `view-${name}`;
  for (const link of document.querySelectorAll("nav a")) link.ariaCurrent = link.hash === `#/${name}` ? "page" : null;
  document.title = `retom: ${name.replace("-", " ")}`;
}

async function route() {
  if (state.connection === "locked" || !state.capabilities) return;
  const [path, query] = location.hash.slice(2).split("?");
  const [name, id, index] = path.split("/");
  const isPicture = name === "picture";
  const next = name in views ? name : isPicture && current || "draw";
  showView(next);
  if (next !== current && current) {
    scrollTo(0, 0);
    $("content").focus({ preventScroll: true });
  }
  current = next;
  if (!isPicture) {
    lastHash = location.hash;
    return views[next](new URLSearchParams(query));
  }
  const isShown = await showNamed(id, Number(index)).catch((error) => say(`The picture can't be shown: ${error.message}.`));
  if (!isShown) leavePicture();
}

function leavePicture() {
  if (location.hash.startsWith("#/picture")) history.replaceState(null, "", lastHash || "#/draw");
}

window.addEventListener("hashchange", route);
$("details").addEventListener("close", leavePicture);

const say = (text) => note($("banner"), text);
let wasOffline = false;

subscribe(() => {
  const { connection, reason } = state;
  $("connection").dataset.state = connection;
  setText($("connection"), connection);
  $("sign-out").hidden = !api.hasSession();
  if (connection === "offline") {
    wasOffline = true;
    say(reason || "The service does not answer; trying again. What it accepted is not lost.");
  } else if (connection === "live" && wasOffline) {
    wasOffline = false;
    say("");
    announce("Connected again.");
  } else if (connection === "locked" && $("view-sign-in").hidden) {
    signIn();
  }
});

/** Whenever the stream opens: the service may have other limits than before. */
async function begin() {
  try {
    const isFirst = !state.capabilities;
    state.capabilities = await api.capabilities();
    if (isFirst) for (const part of [form, gallery, compare]) part.offer(state.capabilities);
    if (!current) route();
  } catch (error) {
    if (error.status) say(error.message);
  }
}

const key = $("sign-in").elements.key;

function signIn(problem = "") {
  current = null;
  showView("sign-in");
  if (api.hasSession()) problem = "The session has ended; enter the key again.";
  api.forgetSession();
  setText($("key-problem"), problem);
  key.ariaInvalid = Boolean(problem);
  key.value = "";
  key.focus();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = key.value.trim();
  if (!/^[!-~]+$/.test(text)) return signIn("Enter the key as it was printed: rtm_…");
  showView("signing-in");
  state.connection = "connecting";
  try {
    await api.signIn(text);
  } catch ({ status, message }) {
    return signIn(status === 401 ? "The service does not know this key. Check it, or ask for another." : message);
  }
  key.value = "";
  reconnect();
});
// A reload leaves nothing of the caller on the screen.
$("sign-out").addEventListener("click", () => api.signOut().then(() => location.reload(), ({ message }) => say(message)));

const { dataset } = document.documentElement;
function setTheme(theme) {
  dataset.theme = theme;
  setText($("theme"), `Theme: ${theme}`);
  localStorage.setItem("retom.theme", theme);
}
setTheme(dataset.theme);
$("theme").addEventListener("click", () => setTheme({ auto: "light", light: "dark" }[dataset.theme] ?? "auto"));

$("help").addEventListener("click", () => $("keys").showModal());
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, target } = event;
  if (document.querySelector("dialog[open]")) return;
  if (key === "Enter" && (ctrlKey || metaKey) && current === "draw") $("form").requestSubmit();
  if (ctrlKey || metaKey || altKey || target.matches("input:not([type=range]), textarea, select")) return;
  if (key === "?") $("keys").showModal();
  if (key !== "/" || !current) return;
  event.preventDefault();
  if (current !== "gallery") location.hash = "#/gallery";
  setTimeout(() => $("q").focus(), 50);
});
$("q").addEventListener("keydown", ({ key }) => {
  if (key === "ArrowDown") $("pictures").querySelector("button")?.focus();
});

watch(begin);
