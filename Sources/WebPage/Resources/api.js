// SPDX-License-Identifier: Apache-2.0
// The service's native API: requests, problems, pictures. Only this module knows its paths.

const root = new URL("retom/v1/", document.baseURI);
// The session is a cookie that no script reads; this says that there should be one.
const mark = "retom.session";

export const hasSession = () => Boolean(localStorage.getItem(mark));

/** Makes a session of a key; the key itself is not kept. */
export async function signIn(key) {
  await ask("session", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
  localStorage.setItem(mark, "open");
}

export const forgetSession = () => localStorage.removeItem(mark);

export async function signOut() {
  await ask("session", { method: "DELETE" });
  forgetSession();
}

/** There was no answer. */
export class Unreachable extends Error {
  message = "the service does not answer";
}

async function ask(path, { method, body, headers = {}, signal } = {}) {
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, root), {
      method, headers, signal, body: body && JSON.stringify(body), cache: "no-cache",
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable();
  }
  if (response.ok) return response;
  // A proxy answers for a service that is away.
  if ([502, 504].includes(response.status)) throw new Unreachable();
  const { detail, problems } = await response.json().catch(() => ({}));
  throw Object.assign(new Error(detail ?? `the service answered ${response.status}`), {
    status: response.status, problems: problems ?? [detail], retryAfter: Number(response.headers.get("Retry-After")),
  });
}

/** JSON with its large seeds as texts: numbers are exact up to 2^53 here. */
export const parse = (text) => JSON.parse(text.replace(/([{,]"seed":)(\d{16,})/g, '$1"$2"'));

const json = async (path, options) => parse(await (await ask(path, options)).text());

export const capabilities = () => json("capabilities");
export const cluster = () => json("cluster");
export const batch = (id) => json(`batches/${id}?images=0`);
export const cancel = (id) => json(`batches/${id}/cancel`, { method: "POST" });
export const events = (signal) => ask("events?previews=1", { signal });

/** Newest first, a page at a time. */
export async function batches(query, signal) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return (await json(`batches?${parameters}`, { signal })).batches;
}

/** Images from one on; there may be fewer than asked for. */
export async function images(id, from, limit, signal) {
  const { spans, images } = await json(`batches/${id}?from=${from}&limit=${limit}`, { signal });
  return images.map((image) => {
    const { request } = spans.find(({ first, count }) => image.index < first + count);
    return { steps: request.steps, ...image, request: { ...request, seed: image.seed } };
  });
}

/** Under one name a batch can be submitted again. */
export const submit = (body, name) =>
  json("batches", { method: "POST", body, headers: { "Idempotency-Key": name } });

export const pictureURL = (id, index) => new URL(`batches/${id}/images/${index}`, root).href;

/** Shows a thumbnail in an `<img>`, once that is near what is seen. */
export const showPicture = (image, id, index) => Object.assign(image, { loading: "lazy", src: `${pictureURL(id, index)}?width=512` });
