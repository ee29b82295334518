// SPDX-License-Identifier: Apache-2.0
// All finished pictures, newest first, filtered by what the URL says.
import * as api from "./api.js";
import { pick } from "./compare.js";
import { show } from "./details.js";
import { $, announce, button, fill, h, note } from "./dom.js";
import { count, mergeText, methodName } from "./words.js";

const shownAtOnce = 48; // pictures
const imageLimit = 60; // of a batch in one answer
const list = $("pictures");
const filters = $("filters");

let shown = [];
let source = null;
let controller = null;

const query = () => Object.fromEntries([...new FormData(filters)].filter(([, value]) => value.trim()));

function matches({ status, request }, { q = "", merge, size, seed }) {
  const [width, height = width] = (size ?? "").split(/\D+/).map(Number);
  return status === "completed" && request.prompt.toLowerCase().includes(q.toLowerCase())
    && (!merge || request.token_merging?.method === merge)
    && (!size || request.width === width && request.height === height) && (!seed || `${request.seed}` === seed.trim());
}

/** The pictures that a query wants, as they are found. */
async function* find(query, signal) {
  const { q, merge } = query;
  for (let page, before; page?.length !== 0; before = page.at(-1)?.id) {
    page = await api.batches({ q, merge, before }, signal);
    for (const batch of page.filter(({ finished }) => finished))
      for (let from = 0, images = [1]; from < batch.image_count && images.length; from += images.length) {
        images = await api.images(batch.id, from, imageLimit, signal);
        for (const image of images) if (matches(image, query)) yield { batch, image };
      }
  }
}

function card(entry) {
  const { batch, image: { index, request } } = entry;
  const { prompt, seed, width, height, token_merging: merging } = request;
  const image = h("img", { alt: "", width, height });
  api.showPicture(image, batch.id, index);
  return h("div", { role: "listitem" }, h("button", { class: "card open", onclick: () => show(shown, shown.indexOf(entry)) }, image,
    h("span", { class: "prompt", dir: "auto" }, prompt || "(no prompt)"), h("span", { class: "hint" }, `seed ${seed} · ${mergeText(merging)}`)));
}

async function more() {
  const own = controller;
  const empty = $("no-pictures");
  $("more").hidden = true;
  if (!shown.length) note(empty, "Loading…");
  try {
    for (let added = 0; added < shownAtOnce; added++) {
      const { value, done } = await source.next();
      if (own !== controller) return;
      if (done) {
        announce(count(shown.length, "picture"));
        return note(empty, shown.length ? "" : "No pictures like that. Clear the filters, or make one.");
      }
      note(empty);
      shown.push(value);
      list.append(card(value));
    }
    $("more").hidden = false;
  } catch (error) {
    if (own !== controller) return;
    note(empty, `The pictures can't be listed: ${error.message}. `);
    empty.append(button("Try again", start));
  }
}

function start() {
  controller?.abort();
  controller = new AbortController();
  source = find(query(), controller.signal);
  shown = [];
  list.replaceChildren();
  more();
}

/** Shows the gallery with the filters of a URL. */
export function enter(parameters) {
  for (const control of filters.querySelectorAll("[name]")) control.value = parameters.get(control.name) ?? "";
  start();
}

export function offer({ merge_methods: methods }) {
  fill(filters.elements.merge, [["", "any"], ...methods.map((name) => [name, methodName(name)])]);
}

let timer;
function filter(wait) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    history.replaceState(null, "", `#/gallery?${new URLSearchParams(query())}`);
    start();
  }, wait);
}
filters.addEventListener("input", () => filter(250));
filters.addEventListener("submit", (event) => { event.preventDefault(); filter(0); });
$("clear").addEventListener("click", () => { filters.reset(); filter(0); });
$("more").addEventListener("click", more);

list.addEventListener("keydown", ({ key, target }) => {
  const place = [...list.children].indexOf(target.parentElement);
  const row = getComputedStyle(list).gridTemplateColumns.split(" ").length;
  const next = place + ({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[key] ?? 0);
  if (next !== place && list.children[next]) list.children[next].firstChild.focus();
  if (key === "c") pick(shown[place]);
});
