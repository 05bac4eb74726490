// hls.js, in a chunk of its own: import this module lazily, by player.ts.
import Hls from "hls.js";
import workerPath from "file:hls.js/dist/hls.worker.js";

interface TrustedTypes {
  createPolicy(name: string, rules: Record<string, (value: string, type: string, sink: string) => string>): unknown;
}

const workerURL = new URL(workerPath, import.meta.url).href;

// hls.js starts its worker by a string and reads TTML subtitles with DOMParser.
// Under Trusted Types both need leave: for this very worker, and for text that
// is parsed but never put into the page.
(globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("default", {
  createScriptURL(value) {
    if (value !== workerURL) throw new TypeError(`not the worker of hls.js: ${value}`);
    return value;
  },
  createHTML(value, _type, sink) {
    if (sink !== "DOMParser parseFromString") throw new TypeError(`HTML from a string: ${sink}`);
    return value;
  },
});

export { Hls, workerURL };
