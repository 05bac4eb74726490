// Opens the page given as the first argument in Chromium (second argument),
// waits until the video has played for the milliseconds of the third one, or a
// fatal error, or the milliseconds of the fourth one without a start, and
// writes what the page has collected to standard output. A fifth argument is
// the file for a picture of the page at the end.
import { chromium } from "playwright-core";

const [url, executablePath, playFor, startWithin, picture] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage", "--disable-background-timer-throttling",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 640, height: 360 } });
  const failed = [];
  page.on("requestfailed", (r) => {
    const cause = r.failure()?.errorText;
    if (cause !== "net::ERR_ABORTED") failed.push(`${r.url()}: ${cause}`); // aborted: by the player itself
  });
  await page.goto(url);
  await page.waitForFunction(
    ([playFor, startWithin]) =>
      collected.errors.some((e) => e.fatal) ||
      (collected.startedAt < 0 ? performance.now() > startWithin : performance.now() > collected.startedAt + playFor),
    [Number(playFor), Number(startWithin)],
    { polling: 200, timeout: 0 },
  );
  const collected = await page.evaluate("collected");
  // On a busy machine a picture may not be had in time; the report matters more.
  if (picture) await page.screenshot({ path: picture, timeout: 15000 }).catch((e) => process.stderr.write(String(e)));
  process.stdout.write(JSON.stringify({ ...collected, failedRequests: failed }));
} finally {
  await browser.close();
}
