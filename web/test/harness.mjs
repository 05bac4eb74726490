// Runs a browser test of a page: internal/pagetest starts it, with its options
// as JSON in the first argument, and reads a line of JSON per step from it.
//
//   import { run } from "./harness.mjs";
//   await run(async ({ options, open, step }) => {
//     const { page } = await open(options.url, { theme: "dark" });
//     await step("shows a title", async () => { ... throw to fail ... });
//   });
//
// After every step the page has to be clean: no request that leaves loopback,
// no missing file, no violation of its Content-Security-Policy, no uncaught
// error.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { deflateSync, inflateSync, crc32 } from "node:zlib";
import { chromium } from "playwright-core";

const resolve = createRequire(import.meta.url).resolve;

/** Chromium's switches: nothing but the page may make requests. */
const switches = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage", "--disable-background-timer-throttling", "--autoplay-policy=no-user-gesture-required",
  "--force-color-profile=srgb", "--font-render-hinting=none",
];

export async function run(test) {
  const options = JSON.parse(process.argv[2]);
  const report = (line) => process.stdout.write(JSON.stringify(line) + "\n");
  const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: switches });
  const pages = [];
  let failed = 0;

  /**
   * Opens a URL in a browser of its own (no storage is shared) and waits for
   * nothing. theme, width, height, touch, reducedMotion and zone are the
   * viewer's; before is called with the page before it is opened, for instance
   * to answer requests in the service's place (page.route).
   */
  async function open(url, { theme = "dark", width = 1280, height = 800, scale = 1, touch = false, reducedMotion = "no-preference", zone = "Europe/Stockholm", before } = {}) {
    const context = await browser.newContext({
      viewport: { width, height }, colorScheme: theme, hasTouch: touch, deviceScaleFactor: scale, reducedMotion, timezoneId: zone, locale: "en-GB",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const faults = [];
    page.on("pageerror", (e) => faults.push(`uncaught: ${e.stack || e.message}`));
    page.on("request", (r) => {
      const { protocol, hostname } = new URL(r.url());
      if (/^(https?|wss?):$/.test(protocol) && hostname !== "127.0.0.1" && hostname !== "localhost") faults.push(`request to ${r.url()}`);
    });
    page.on("response", (r) => {
      if (r.status() >= 400 && new URL(r.url()).pathname.includes("/assets/")) faults.push(`status ${r.status()} of ${r.url()}`);
    });
    await page.exposeBinding("__violation", (_, text) => faults.push(text));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (e) =>
        globalThis.__violation(`policy: ${e.violatedDirective} blocked ${e.blockedURI} ${e.sample} at ${e.sourceFile}:${e.lineNumber}`), true);
    });
    if (before) await before(page);
    const opened = { page, faults, context };
    pages.push(opened);
    await page.goto(url, { waitUntil: "commit" });
    return opened;
  }

  /** Closes what open has opened; a page that is done costs the rest nothing. */
  async function close(opened) {
    pages.splice(pages.indexOf(opened), 1);
    await opened.context.close();
  }

  /** A step is a test of its own in the report. It fails when body throws. */
  async function step(name, body) {
    const start = Date.now();
    const line = { name, ok: true, text: "" };
    try {
      await body();
    } catch (err) {
      line.ok = false;
      line.text = String(err?.stack || err);
      for (const [i, { page }] of pages.entries()) {
        const picture = `${options.failures}/${name.replace(/\W+/g, "-")}-${i}.png`;
        await page.screenshot({ path: picture, timeout: 10_000 }).then(() => (line.text += `\npicture: ${picture}`), () => {});
      }
    }
    for (const { faults } of pages) {
      for (const fault of faults.splice(0)) {
        line.ok = false;
        line.text += `\n${fault}`;
      }
    }
    line.ms = Date.now() - start;
    if (!line.ok) failed++;
    report(line);
  }

  /** Fails on serious and critical findings of axe-core, which is told the rules to leave out. */
  async function axe(page, { without = [] } = {}) {
    if (!(await page.evaluate("typeof axe !== 'undefined'"))) {
      // By the debugger, which the page's policy does not bind.
      const source = await readFile(resolve("axe-core/axe.min.js"), "utf8");
      await page.evaluate(source + ";0");
    }
    const { violations } = await page.evaluate(
      (without) => globalThis.axe.run(document, { resultTypes: ["violations"], rules: Object.fromEntries(without.map((id) => [id, { enabled: false }])) }),
      without);
    const bad = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
    if (bad.length) {
      throw new Error(bad.map((v) => `${v.impact} ${v.id}: ${v.help}\n` +
        v.nodes.slice(0, 5).map((n) => `  ${n.target.flat().join(" ")}: ${n.html.slice(0, 160)}\n    ${n.any.map((a) => a.message).join("; ")}`).join("\n")).join("\n"));
    }
  }

  /**
   * Takes a picture of the page. It is kept as docs/images/<name>.png when the
   * test is told to (UPDATE_IMAGES=1), in a temporary folder otherwise.
   */
  async function picture(page, name, extra = {}) {
    const bytes = await page.screenshot({ timeout: 60_000, ...extra });
    await writeFile(`${options.images}/${name}.png`, repack(bytes));
  }

  try {
    await test({ options, browser, open, close, step, axe, picture });
  } catch (err) {
    failed++;
    report({ name: "script", ok: false, text: String(err?.stack || err), ms: 0 });
  } finally {
    await browser.close();
  }
  report({ done: true, failed });
}

/** Waits until what check returns is truthy, and gives it; says what it waited for if that does not come. */
export async function until(what, check, timeout = 30_000) {
  const end = Date.now() + timeout;
  for (let last; ; await new Promise((r) => setTimeout(r, 100))) {
    try {
      const value = await check();
      if (value) return value;
      last = value;
    } catch (err) {
      last = err;
    }
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s for ${what}; last: ${last}`);
  }
}

export function equal(got, want, what = "value") {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

export function truthy(value, what) {
  if (!value) throw new Error(what);
}

/** Compresses a PNG's pixels as well as zlib can, which screenshots are not. */
function repack(png) {
  const chunks = [];
  const data = [];
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    if (type === "IDAT") data.push(png.subarray(at + 8, at + 8 + size));
    else chunks.push([type, png.subarray(at + 8, at + 8 + size)]);
    at += size + 12;
  }
  const pixels = deflateSync(inflateSync(Buffer.concat(data)), { level: 9, memLevel: 9 });
  chunks.splice(chunks.findIndex(([type]) => type === "IEND"), 0, ["IDAT", pixels]);
  return Buffer.concat([png.subarray(0, 8), ...chunks.map(([type, body]) => {
    const chunk = Buffer.alloc(body.length + 12);
    chunk.writeUInt32BE(body.length, 0);
    chunk.write(type, 4, "latin1");
    body.copy(chunk, 8);
    chunk.writeUInt32BE(crc32(chunk.subarray(4, body.length + 8)), body.length + 8);
    return chunk;
  })]);
}
