// SPDX-License-Identifier: Apache-2.0
// My batches: place, step, time left, why they wait; and their pictures as they come.
import * as api from "./api.js";
import { $, announce, button, h, note, setText } from "./dom.js";
import { imageOf, isFinal, loadImages, putBatch, state, subscribe } from "./state.js";
import { count, duration, moment, number, statusName } from "./words.js";

const [openMax, endedMax] = [30, 10]; // batches
const tileMax = 12; // pictures of one

/** The pictures that a card shows: those around the one that is sampled. */
function windowOf({ image_count: all, finished, faulted }) {
  const size = Math.min(all, tileMax);
  return { first: Math.max(0, Math.min(finished + faulted - 5, all - size)), size };
}

function facts(batch) {
  const done = batch.finished + batch.faulted;
  const facts = [statusName(batch.status), `${number(done)} of ${count(batch.image_count, "picture")}`];
  if (batch.faulted) facts.push(`${batch.faulted} failed`);
  if (isFinal(batch)) return [...facts, moment(batch.completed ?? batch.created)];
  if (!batch.is_possible) facts.push(batch.reason ?? "no worker can make it now");
  else if (!batch.processing && batch.queue_position) facts.push(`${count(batch.queue_position, "picture")} before it`);
  if (batch.eta_seconds > 0) facts.push(`about ${duration(Math.ceil(batch.eta_seconds))} left`);
  return [...facts, batch.priority];
}

class Tile {
  constructor(id, index) {
    Object.assign(this, { id, index });
    this.image = h("img", { alt: "" });
    this.text = h("span");
    this.bar = h("progress", { "aria-label": `Picture ${index + 1}` });
    this.element = h("a", { class: "tile", href: `#/picture/${id}/${index}` }, this.image, this.text, this.bar);
    this.image.addEventListener("load", () => setText(this.text, ""));
  }

  /** Shows an image; returns which part of it is sampled while it is. */
  update({ status = "queued", step, steps, request, error = "", preview = "" } = {}) {
    this.bar.hidden = status !== "generating" || !(step / steps);
    if (!this.bar.hidden) this.bar.value = step / steps;
    if (request) this.element.style.aspectRatio = `${request.width} / ${request.height}`;
    this.element.dataset.status = status;
    this.element.title = error;
    this.element.ariaLabel = `Picture ${this.index + 1}: ${statusName(status)}`;
    if (status !== "completed") {
      if (preview !== this.preview) this.image.src = this.preview = preview;
      setText(this.text, preview ? "" : this.bar.hidden ? statusName(status) : `step ${step} of ${steps}`);
    } else if (!this.isShown) {
      this.isShown = true;
      setText(this.text, "…");
      api.showPicture(this.image, this.id, this.index);
    }
    return this.bar.hidden ? 0 : this.bar.value;
  }
}

class Card {
  constructor(id) {
    this.id = id;
    this.tiles = new Map();
    this.title = h("h3", { class: "prompt", dir: "auto" });
    this.facts = h("p", { class: "facts-line" });
    this.bar = h("progress", { "aria-label": "Progress" });
    this.cancel = button("Cancel", () => this.end());
    this.note = h("p", { class: "hint" });
    this.grid = h("div", { class: "tile-row" });
    this.element = h("article", { class: "card batch" },
      h("header", {}, h("div", { class: "grow" }, this.title, this.facts), this.cancel), this.bar, this.note, this.grid);
  }

  async end() {
    this.cancel.disabled = true;
    await api.cancel(this.id).then(putBatch, (error) => { this.problem = `Not cancelled: ${error.message}.`; });
    this.cancel.disabled = false;
  }

  update(batch) {
    const { first, size } = windowOf(batch);
    loadImages(this.id, first, size);
    setText(this.title, batch.prompt);
    setText(this.facts, facts(batch).join(" · "));
    this.bar.hidden = this.cancel.hidden = isFinal(batch);
    note(this.note, [this.problem ?? "", ...batch.warnings].join(" ").trim());
    for (const [index, { element }] of this.tiles)
      if (index < first || index >= first + size) { element.remove(); this.tiles.delete(index); }
    let done = batch.finished + batch.faulted;
    for (let index = first; index < first + size; index++) {
      const tile = this.tiles.get(index) ?? new Tile(this.id, index);
      if (!tile.element.isConnected) this.grid.append(tile.element);
      this.tiles.set(index, tile);
      done += tile.update(imageOf(this.id, index));
    }
    this.bar.value = done / batch.image_count;
    // Each state is said once, and not the past ones of a reload.
    if (this.status && this.status !== batch.status && isFinal(batch))
      announce(`${statusName(batch.status)}: ${this.title.textContent}`);
    this.status = batch.status;
  }
}

const cards = new Map();

subscribe(() => {
  const list = $("batches");
  const all = [...state.batches.values()].sort((a, b) => b.created - a.created);
  const shown = [...all.filter((batch) => !isFinal(batch)).slice(0, openMax), ...all.filter(isFinal).slice(0, endedMax)];
  const ids = new Set(shown.map(({ id }) => id));
  for (const [id, { element }] of cards) if (!ids.has(id)) { element.remove(); cards.delete(id); }
  shown.forEach((batch, place) => {
    const card = cards.get(batch.id) ?? new Card(batch.id);
    cards.set(batch.id, card);
    // Only where the order changed: moving an element takes the focus from it.
    if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] ?? null);
    card.update(batch);
  });
  note($("no-batches"), shown.length ? "" : state.isLoaded ? "Nothing yet. Say what the picture shows, then press Ctrl+Enter." : "Loading…");
});
