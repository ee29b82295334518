// SPDX-License-Identifier: Apache-2.0
// Elements. Nothing here makes markup of text, so prompts may hold anything.

export const $ = (id) => document.getElementById(id);

/** Makes an element; `on…` are listeners, false attributes stay out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child));
  return element;
}

export const button = (text, onclick, kind = "", more = {}) =>
  h("button", { type: "button", class: kind, onclick, ...more }, text);

export const term = ([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", { dir: "auto" }, `${value}`)];

/** Sets a text only where it changes: screen readers repeat what is written anew. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a text, or hides where it would be. */
export function note(element, text = "") {
  setText(element, text);
  element.hidden = !text;
}

/** Tells screen readers a state; steps would be noise. */
export const announce = (text) => setText($("live"), text);

export const fill = (select, options) =>
  select.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
