// SPDX-License-Identifier: Apache-2.0
// Two pictures with a divider between them: how alike they are, and what each cost.
import * as api from "./api.js";
import { $, announce, button, h, note, setText } from "./dom.js";
import { submit } from "./form.js";
import { loadImages, state, subscribe } from "./state.js";
import { facts, mergeText, methodName, statusName } from "./words.js";

/** `id/index` of the two. */
let names = [];
let drawn = "";

const imageAt = (side) => state.images.get(names[side]);
const go = (...next) => { location.hash = `#/compare?${next.join("&")}`; };

/** Takes a picture: the first is left, the second right. */
export function pick({ batch, image }) {
  const name = `${batch.id}/${image.index}`;
  announce("Taken for the comparison.");
  if (names.length === 1 && names[0] !== name) go(names[0], name);
  else go(name);
}

export function enter(parameters) {
  names = [...parameters.keys()].filter((name) => /^\w+\/\d+$/.test(name)).slice(0, 2);
  drawn = "";
  render();
}

/** Peak signal-to-noise ratio of 8-bit RGB in dB; infinite for equal pictures. */
function psnr(left, right) {
  let sum = 0;
  for (let index = 0; index < left.length; index++)
    if (index % 4 < 3) sum += (left[index] - right[index]) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / (left.length * 0.75)));
}

async function pixels(image, name) {
  image.src = api.pictureURL(...name.split("/"));
  await image.decode();
  const canvas = h("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** Shows what is there, and how alike it is. */
async function draw() {
  const there = names.filter((_, side) => imageAt(side)?.status === "completed");
  const key = there.join();
  if (drawn === key) return;
  drawn = key;
  $("right").hidden = there.length < 2;
  setText($("psnr"), "–");
  try {
    const [left, right] = await Promise.all(there.map((name, side) => pixels($(side ? "right" : "left"), name)));
    if (!right || drawn !== key) return;
    const likeness = left.length === right.length ? psnr(left, right) : NaN;
    setText($("psnr"), likeness === Infinity ? "identical" : likeness ? `${likeness.toFixed(1)} dB` : "different sizes");
  } catch (error) {
    if (drawn === key) note($("compare-problem"), `A picture can't be shown: ${error.message}.`);
  }
}

function render() {
  for (const [id, index] of names.map((name) => name.split("/"))) loadImages(id, Number(index), 1);
  const [left, right] = [imageAt(0), imageAt(1)];
  $("comparison").hidden = !left?.request;
  note($("no-comparison"), left?.request ? "" : names.length ? "Loading…"
    : "Open a picture of the gallery and choose Compare; then a second one, or make the first again.");
  if (!left?.request) return;
  const { width, height } = left.request;
  $("stage").style.aspectRatio = `${width} / ${height}`;
  note($("left-tag"), mergeText(left.request.token_merging));
  note($("right-tag"), right?.request && mergeText(right.request.token_merging));
  note($("stage-state"), names[1] && right?.status !== "completed"
    ? right?.step ? `step ${right.step} of ${right.steps}` : right?.error ?? statusName(right?.status ?? "queued") : "");
  const ratio = left.sampling_seconds / right?.sampling_seconds;
  setText($("speed-up"), ratio ? `${ratio.toFixed(2)} ×` : "–");
  $("divider").disabled = right?.status !== "completed";
  const [ours, theirs] = [left, right].map((image) => (image?.request ? Object.fromEntries(facts({ image })) : {}));
  const rows = right?.request ? Object.keys({ ...ours, ...theirs }).filter((name) => ours[name] !== theirs[name]) : [];
  const row = (kind, name, ...cells) => h("tr", {}, h("th", {}, name), cells.map((cell = "–") => h(kind, {}, cell)));
  $("differences").replaceChildren(row("th", "setting", "left", "right"), ...rows.map((name) => row("td", name, ours[name], theirs[name])));
  draw();
}

/** Generates the left picture with other merging. */
async function again(method) {
  const { request } = imageAt(0);
  const { token_merging: standard } = state.capabilities.defaults;
  const token_merging = method === "none" ? { method } : { ...standard, method, ratio: request.token_merging.ratio || standard.ratio };
  note($("compare-problem"));
  try {
    const { id } = await submit({ prompts: [{ ...request, token_merging }], priority: "interactive" });
    go(names[0], `${id}/0`);
  } catch (error) {
    note($("compare-problem"), error.message);
  }
}

export const offer = ({ merge_methods: methods }) => $("again").replaceChildren(
  ...["none", "retom", "tome"].filter((name) => methods.includes(name)).map((name) =>
    button(name === "none" ? "without merging" : `with ${methodName(name)}`, () => again(name))));

const divide = () => $("stage").style.setProperty("--divider", `${$("divider").value}%`);
$("divider").addEventListener("input", divide);
divide();
subscribe(() => { if (!$("view-compare").hidden) render(); });
