// SPDX-License-Identifier: Apache-2.0
// One picture with everything that made it; the form stays as it is until somebody wants otherwise.
import * as api from "./api.js";
import { pick } from "./compare.js";
import { $, button, h, term } from "./dom.js";
import { use, useSeed } from "./form.js";
import { facts } from "./words.js";

const dialog = $("details");
let entries = [];
let place = 0;

function render() {
  const { batch, image: { index, request } } = entries[place];
  const picture = h("img", { alt: request.prompt, width: request.width, height: request.height });
  const download = h("a", { class: "button", download: `${String(index).padStart(5, "0")}-${request.seed}.png` }, "Download");
  picture.src = download.href = api.pictureURL(batch.id, index);
  const then = (act) => () => { dialog.close(); act(); };
  const draw = (act) => then(() => { act(); location.hash = "#/draw"; });
  const step = (text, by) => button(text, () => move(by), "quiet", { disabled: !entries[place + by] });
  dialog.replaceChildren(h("div", { class: "details" }, picture,
    h("div", { class: "details-text" },
      h("header", { class: "row" }, h("h2", { class: "grow" }, `Picture ${index + 1} of ${batch.image_count}`),
        button("✕", () => dialog.close(), "quiet square", { "aria-label": "Close" })),
      h("div", { class: "row" }, button("Use these settings", draw(() => use(request)), "primary"),
        button("Use seed", draw(() => useSeed(request.seed))), button("Compare", then(() => pick(entries[place]))), download),
      h("dl", { class: "facts" }, facts(entries[place]).flatMap(term)),
      entries.length > 1 && h("div", { class: "row" }, step("← Previous", -1), step("Next →", 1)))));
}

function move(by) {
  if (!entries[place + by]) return;
  place += by;
  render();
  dialog.focus();
}

/** Opens one of some pictures. */
export function show(pictures, index) {
  [entries, place] = [pictures, index];
  render();
  if (!dialog.open) dialog.showModal();
}

/** Opens a picture by its name, among those of its batch that are near. */
export async function showNamed(id, index) {
  const [batch, images] = await Promise.all([api.batch(id), api.images(id, Math.max(0, index - 30), 60)]);
  const finished = images.filter(({ status }) => status === "completed");
  const at = finished.findIndex((image) => image.index === index);
  if (at >= 0) show(finished.map((image) => ({ batch, image })), at);
  return at >= 0;
}

dialog.addEventListener("keydown", ({ key }) => {
  if (key === "ArrowLeft") move(-1);
  if (key === "ArrowRight") move(1);
});
