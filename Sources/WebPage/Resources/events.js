// SPDX-License-Identifier: Apache-2.0
// The page's one event stream: open while the page is seen, opened again when it breaks.
import * as api from "./api.js";
import { apply, setConnection } from "./state.js";

const silenceMax = 40_000; // The service says something every 15 s.
const openMax = 15_000; // until it says anything
const waitMax = 8_000;

let controller = null;
let wake = () => {};

/** Takes server-sent events until the stream ends. */
async function read(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const { signal } = controller;
  let [text, timer] = ["", 0];
  for (;;) {
    timer = setTimeout(() => controller.abort(), silenceMax);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done || signal.aborted) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const [, type, data] = /^event: (.*)\n(?:.*\n)*?data: (.*)$/.exec(part) ?? [];
      if (type) apply(type, api.parse(data));
    }
  }
}

const sleep = (milliseconds) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  wake = () => { clearTimeout(timer); done(); };
});

/** Watches for as long as the page lives. */
export async function watch(onOpen) {
  for (let wait = 500; ; wait = Math.min(wait * 2, waitMax)) {
    let problem = {};
    if (!document.hidden) {
      controller = new AbortController();
      try {
        const timer = setTimeout(() => controller.abort(), openMax);
        const response = await api.events(controller.signal).finally(() => clearTimeout(timer));
        wait = 250;
        setConnection("live");
        onOpen();
        await read(response);
      } catch (error) {
        problem = error;
      }
    }
    const isLocked = problem.status === 401;
    setConnection(document.hidden ? "paused" : isLocked ? "locked" : "offline", problem.status && problem.message);
    await sleep(document.hidden || isLocked ? 2 ** 30 : Math.min(problem.retryAfter * 1000 || wait, waitMax));
  }
}

/** Begins anew: a key was entered, or the page is seen again, or is not. */
export function reconnect() {
  controller?.abort();
  wake();
}

document.addEventListener("visibilitychange", reconnect);
