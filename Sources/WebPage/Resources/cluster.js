// SPDX-License-Identifier: Apache-2.0
// Workers, queue and model.
import * as api from "./api.js";
import { $, h, term } from "./dom.js";
import { state } from "./state.js";
import { duration, number } from "./words.js";

const interval = 3000;
let timer;

/** Seconds per step of a worker: the median of the pictures that this page knows. */
function stepSeconds(worker) {
  const known = [...state.images.values()].filter((image) => image.worker === worker && image.request && image.sampling_seconds)
    .map(({ sampling_seconds: seconds, request }) => seconds / request.steps).sort((a, b) => a - b);
  return known.length ? duration(known[known.length >> 1]) : "–";
}

const columns = {
  worker: ({ name }) => name,
  state: ({ state: name, reason }) => [h("span", { class: "state", "data-state": name }, name), reason && h("p", { class: "hint" }, reason)],
  cores: ({ cores }) => `${cores ?? "–"}`,
  pictures: ({ images }) => number(images),
  "per step": ({ name }) => stepSeconds(name),
  kernels: ({ kernel_class: kernels = "–" }) => h("span", { class: "hint" }, kernels),
};

function render({ workers, queue, version }) {
  const ready = workers.filter(({ state: name }) => name === "ready").length;
  const figures = {
    [`workers ready, of ${workers.length}`]: number(ready), "pictures wait or are made": number(queue.images),
    "open batches": number(queue.batches), "callers with work": number(queue.callers),
    "per picture": queue.image_seconds ? duration(queue.image_seconds) : "–",
  };
  $("tiles").replaceChildren(...Object.entries(figures).map(([name, figure]) => h("div", {}, h("b", {}, figure), name)));
  const rows = workers.map((worker) => h("tr", {}, Object.values(columns).map((cell) => h("td", {}, cell(worker)))));
  // What is as it was stays, with the reader's place in it.
  const table = workers.length
    ? h("div", { class: "scroll card", tabindex: 0, role: "region", "aria-label": "Workers" }, h("table", {},
      h("thead", {}, h("tr", {}, Object.keys(columns).map((name) => h("th", {}, name)))), h("tbody", {}, rows)))
    : h("p", { class: "empty" }, "There are no workers. Start retom-serve with --local-workers 2 or --workers hosts.txt.");
  if (!$("workers").firstElementChild.isEqualNode(table)) $("workers").replaceChildren(table);
  const models = state.capabilities.models.flatMap(Object.entries);
  $("models").replaceChildren(...[...models, ["version", version]].flatMap(term));
}

export async function enter() {
  clearTimeout(timer);
  if ($("view-cluster").hidden || document.hidden) return;
  // Without an answer what was known stays; the banner says the rest.
  await api.cluster().then(render, () => {});
  clearTimeout(timer);
  timer = setTimeout(enter, interval);
}

document.addEventListener("visibilitychange", enter);
