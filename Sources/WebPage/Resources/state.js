// SPDX-License-Identifier: Apache-2.0
// What the page knows of the service, and who wants to hear of changes.
import * as api from "./api.js";

export const state = {
  /** connecting, live, offline, locked (needs a key) or paused (not seen); and why */
  connection: "connecting",
  reason: "",
  capabilities: null,
  /** By id. */
  batches: new Map(),
  /** By `id/index`. */
  images: new Map(),
  isLoaded: false,
};

export const isFinal = ({ status }) => ["completed", "failed", "cancelled"].includes(status);
export const imageOf = (id, index) => state.images.get(`${id}/${index}`);

const listeners = new Set();
let isScheduled = false;

export const subscribe = (listener) => listeners.add(listener);

/** Tells listeners, once per frame. */
export function changed() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    for (const listener of listeners) listener();
  });
}

export function setConnection(connection, reason = "") {
  Object.assign(state, { connection, reason });
  changed();
}

/** Images that had not ended may have, without an event: then they are asked for again. */
function forget(id, isGone = false) {
  for (const [name, image] of state.images)
    if (name.startsWith(id) && (isGone || !isFinal(image))) state.images.delete(name);
}

export function putBatch(batch) {
  if (isFinal(batch)) forget(batch.id);
  state.batches.set(batch.id, batch);
  changed();
}

export function putImage(id, image) {
  state.images.set(`${id}/${image.index}`, { ...imageOf(id, image.index), ...isFinal(image) && { preview: "" }, ...image });
  changed();
}

/** What the event stream says. */
export function apply(type, data) {
  if (type === "batch") putBatch(data);
  if (type === "deleted") {
    forget(`${data.id}/`, true);
    if (state.batches.delete(data.id)) changed();
  }
  if (type === "image") putImage(data.batch, data.image);
  if (type === "progress" || type === "preview") {
    const { batch, ...image } = data;
    if (!isFinal(imageOf(batch, image.index) ?? {})) putImage(batch, { status: "generating", ...image });
  }
  if (type === "snapshot") {
    forget("");
    state.batches.clear();
    state.isLoaded = true;
    changed();
    data.batches.forEach(putBatch);
  }
}

const asked = new Set();

/** Asks for what is not known yet of a batch's images, one answer at a time. */
export async function loadImages(id, first, limit) {
  let missing = first;
  while (missing < first + limit && imageOf(id, missing)?.request) missing++;
  if (missing === first + limit || asked.has(id)) return;
  asked.add(id);
  try {
    for (const image of await api.images(id, missing, first + limit - missing)) {
      // An event may have been faster than this answer.
      const known = imageOf(id, image.index);
      putImage(id, known && !isFinal(image) ? { ...image, ...known } : image);
    }
    setTimeout(changed, 600);
  } catch { /* Asked again when something changes. */ }
  setTimeout(() => asked.delete(id), 500);
}
