// SPDX-License-Identifier: Apache-2.0
// Settings in, a batch out. What was typed survives a reload, and a service that is away.
import * as api from "./api.js";
import { $, announce, fill, h, note, setText } from "./dom.js";
import { putBatch, state } from "./state.js";
import { count, methodName, samplers } from "./words.js";

const draft = "retom.draft";
const form = $("form");
const field = (name) => form.elements[name];
const names = [...form.querySelectorAll("[name]:not(output)")].map(({ name }) => name);
/** Merging of a picture that no profile describes. */
let ownMerging = null;
const ownName = "as in the picture";
let isSending = false;

const same = (text) => [text, text.replaceAll("_", " ")];

/** Fills in choices, limits, and what was typed before. */
export function offer({ schedulers, merge_methods: methods, priorities, limits, models }) {
  fill(field("sampler_name"), samplers());
  fill(field("scheduler"), schedulers.map(same));
  fill(field("merging"), methods.map((name) => [name, methodName(name)]));
  fill(field("priority"), priorities.map(same));
  fill(field("model"), models.map(({ name }) => same(name)));
  fill(field("forecast"), Array.from({ length: limits.forecast }, (_, index) =>
    [index + 1, index ? `one call in ${index + 1} steps` : "off"]));
  for (const name of ["width", "height"])
    Object.assign(field(name), { min: limits.side_min, max: limits.side_max, step: limits.side_step });
  field("steps").max = limits.steps;
  field("count").max = limits.images_per_batch;
  field("cfg_scale").max = limits.cfg_scale;
  const values = JSON.parse(localStorage.getItem(draft));
  ownMerging = values?.ownMerging;
  write({ ...defaults(), ...values });
}

function defaults() {
  const { defaults: request, priorities, models } = state.capabilities;
  const { method, ratio } = request.token_merging;
  return { forecast: 1, ...request, count: 1, seed: "", merging: method, ratio, profile: "default", priority: priorities[0], model: models[0].name };
}

const profiles = () => ({
  default: state.capabilities.defaults.token_merging, ...state.capabilities.merge_profiles, ...(ownMerging && { [ownName]: ownMerging }),
});

const read = () => Object.fromEntries(names.map((name) => [name, field(name).value]));

function write(values) {
  fill(field("profile"), Object.keys(profiles()).map(same));
  for (const name of names) {
    if (name in values) field(name).value = values[name];
    // What was chosen may not be there any more.
    if (field(name).selectedIndex === -1) field(name).selectedIndex = 0;
  }
  save();
}

function save() {
  show();
  localStorage.setItem(draft, JSON.stringify({ ...read(), ownMerging }));
}

/** Puts a picture's settings into the form. */
export function use(request) {
  const { token_merging: merging = { method: "none", ratio: 0 } } = request;
  const plain = (configuration) => JSON.stringify({ ...configuration, method: "", ratio: 0 });
  const profile = Object.entries(profiles()).find(([, other]) => plain(other) === plain(merging))?.[0];
  ownMerging = profile === undefined && merging.method !== "none" ? merging : null;
  write({ forecast: 1, ...request, merging: merging.method, ratio: merging.ratio, profile: ownMerging ? ownName : profile ?? "default" });
}

export const useSeed = (seed) => write({ seed });

function body() {
  const { prompt, count: n_iter, seed, merging: method, profile, ratio, priority, model, ...settings } = read();
  for (const name of ["width", "height", "steps", "cfg_scale", "forecast"]) settings[name] = Number(settings[name]);
  const token_merging = method === "none" ? { method } : { ...profiles()[profile], method, ratio: Number(ratio) };
  return { prompts: [prompt], priority, model, settings: { ...settings, n_iter: Number(n_iter), seed: seed.trim() || -1, token_merging } };
}

/** What the service's sentences are about. */
const subjects = {
  negative_prompt: /negative/, forecast: /forecast/, seed: /seed/, steps: /steps/, cfg_scale: /guidance|cfg/, sampler_name: /sampler/,
  scheduler: /schedule/, count: /images/, width: /pixels|width|height/, ratio: /merg/, model: /model/, prompt: /prompt/,
};

function setProblem(name, text) {
  const control = field(name);
  const id = `problem-${name}`;
  // The control refers to it; its label's name stays what it is.
  setText($(id) ?? control.parentElement.appendChild(h("span", { id, class: "problem", "aria-hidden": "true" })), text);
  control.setAttribute("aria-describedby", id);
  control.ariaInvalid = Boolean(text);
}

/** Shows what the browser finds. */
function check() {
  note($("form-problem"));
  for (const name of names) setProblem(name, field(name).validationMessage);
  if (!field("prompt").value.trim()) setProblem("prompt", "Say what the picture shows.");
  return !goToProblem();
}

function goToProblem() {
  const first = form.querySelector("[aria-invalid=true]");
  first?.focus();
  return first;
}

/** Sentences of the service; what fits no field stands at the button. */
function showProblems(texts) {
  const rest = [];
  for (const text of texts) {
    const plain = text.replace(/^(prompts\[0\]|settings): /, "").replace(/ with --[a-z-]+/g, "");
    const name = Object.keys(subjects).find((subject) => subjects[subject].test(plain));
    if (name) setProblem(name, plain);
    else rest.push(plain);
  }
  note($("form-problem"), rest.join("; "));
  goToProblem();
}

function show() {
  const { merging, ratio, count: images } = read();
  field("ratio").disabled = merging === "none";
  field("profile").disabled = merging !== "retom";
  setText(field("share"), merging === "none" ? "" : Number(ratio).toFixed(2));
  setText($("submit"), isSending ? "Sending…" : `Generate ${images > 0 ? count(Math.floor(images), "picture") : ""}`);
  $("submit").disabled = isSending;
}

/** Waits until the service answers again; the stream may not have noticed yet. */
async function whenLive() {
  do await new Promise((done) => setTimeout(done, 1000));
  while (state.connection !== "live");
}

/** Sends a body until there is an answer. Its name makes that one batch; `randomUUID` needs HTTPS. */
export async function submit(body) {
  const name = [...crypto.getRandomValues(new Uint32Array(4))].join("-");
  for (;;) {
    try {
      const batch = await api.submit(body, name);
      putBatch(batch);
      announce(`Accepted: ${count(batch.image_count, "picture")}.`);
      return batch;
    } catch (error) {
      if (!(error instanceof api.Unreachable)) throw error;
      await whenLive();
    }
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isSending || !check()) return;
  isSending = true;
  show();
  try {
    await submit(body());
  } catch (error) {
    showProblems(error.problems ?? [error.message]);
  }
  isSending = false;
  show();
});
form.addEventListener("input", ({ target }) => {
  setProblem(target.name, "");
  save();
});
$("reset").addEventListener("click", () => {
  ownMerging = null;
  const { prompt, negative_prompt } = read();
  write({ ...defaults(), prompt, negative_prompt });
  for (const name of names) setProblem(name, "");
});
