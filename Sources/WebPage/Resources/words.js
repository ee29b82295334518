// SPDX-License-Identifier: Apache-2.0
// Figures and settings, as people read them.
import { state } from "./state.js";

export const number = (value) => value.toLocaleString("en");
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

/** `40 ms`, `6.1 s`, `12 s`, `3 min`, `2 h 5 min`. */
export function duration(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 99.5) return `${Number(seconds.toPrecision(2))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Seconds since 1970 in the reader's own time. */
export const moment = (seconds) => new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

const methods = { retom: "ReToM", tome: "ToMe", atc: "ATC", importance: "Importance", todo: "ToDo" };
export const methodName = (name) => methods[name] ?? name;
export const mergeText = ({ method, ratio } = { method: "none" }) =>
  method === "none" ? "no merging" : `${methodName(method)} ${ratio}`;

export const samplers = () => state.capabilities.samplers.map(({ name, aliases }) => [name, aliases[0] ?? name]);

export const statusName = (status) => ({ queued: "waiting", completed: "finished" })[status] ?? status;

/** Names and values of a picture. */
export function facts({ batch = {}, image }) {
  const { request, sampling_seconds: seconds } = image;
  const schedule = request.scheduler === "default" ? "" : ` ${request.scheduler}`;
  return [
    ["Prompt", request.prompt],
    ["Negative prompt", request.negative_prompt],
    ["Size", `${request.width} × ${request.height}`],
    ["Seed", `${request.seed}`],
    ["Sampler", Object.fromEntries(samplers())[request.sampler_name] + schedule],
    ["Steps", `${request.steps}`],
    ["Guidance", `${request.cfg_scale}`],
    ["Token merging", mergeText(request.token_merging)],
    ["Forecast", request.forecast > 1 && `one call in ${request.forecast} steps`],
    ["Clip skip", request.clip_skip],
    ["Sampling", seconds && `${duration(seconds)}, ${duration(seconds / request.steps)} per step`],
    ["Worker", image.worker],
    ["Model", batch.model],
    ["Accepted", batch.created && moment(batch.created)],
  ].filter(([, value]) => value);
}
