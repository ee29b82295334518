// SPDX-License-Identifier: Apache-2.0
// The service's native API: requests, problems, pictures. Only this module knows its paths.

const root = new URL("retom/v1/", document.baseURI);
let key = sessionStorage.getItem("retom.key");

export const hasKey = () => Boolean(key);

/** Remembers a key until the tab is closed; an empty one is none. */
export function setKey(value) {
  key = value;
  sessionStorage.setItem("retom.key", value);
}

/** There was no answer. */
export class Unreachable extends Error {
  message = "the service does not answer";
}

/** One request. Without credentials: a browser would ask for a password by itself. */
async function ask(path, { method, body, headers = {}, signal } = {}) {
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, root), {
      method, headers, signal, body: body && JSON.stringify(body), credentials: "omit", cache: "no-cache",
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
export const events = (signal) => ask("events", { signal });

/** Newest first, a page at a time. */
export async function batches(query, signal) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  // The service takes a plus as it is.
  return (await json(`batches?${`${parameters}`.replaceAll("+", "%20")}`, { signal })).batches;
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

export const picturePath = (id, index) => new URL(`batches/${id}/images/${index}`, root).href;

// With a key pictures are fetched, and kept while they are likely to be shown.
const blobs = new Map();
const blobCountMax = 300;

export function pictureURL(id, index) {
  const path = picturePath(id, index);
  if (!key) return Promise.resolve(path);
  const url = blobs.get(path) ?? ask(path).then((answer) => answer.blob()).then(URL.createObjectURL);
  blobs.delete(path);
  blobs.set(path, url);
  url.catch(() => blobs.delete(path));
  const [[oldest, old]] = blobs;
  if (blobs.size > blobCountMax && blobs.delete(oldest)) old.then(URL.revokeObjectURL);
  return url;
}

/** Shows a picture in an `<img>`. */
export function showPicture(image, id, index) {
  image.loading = "lazy";
  pictureURL(id, index).then((url) => { image.src = url; }, () => {});
}
